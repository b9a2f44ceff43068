#pragma once
// Source: a configured sender: its paths, its proofs, and which of its events to accept. Sources: all sources
// by path.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "intake/proof.h"
#include "model/delivery.h"
#include "model/pattern.h"

namespace postlude::intake {

// Properties that all sources of a type share.
struct SourceType {
  std::string name;
  std::vector<std::string> hooks;
  // The hook that /hooks/{source} means; "": none, and the answer names the paths to call.
  std::string bare_hook;
  bool paces_itself = false;  // the sender's own backoff lasts longer than a Retry-After of ours would
};
// Flagger has no bare path: if somebody copied an entry and changed its type to confirm-rollout, our 202
// would open that gate.
const SourceType& flagger_type();
inline const std::vector<std::string>& flagger_hooks() {
  return flagger_type().hooks;
}

// The phases of a Canary, as Flagger writes them.
const std::vector<std::string>& flagger_phases();

// A gate hook takes any status up to 202 as "go on" or "roll back".
bool is_gate(std::string_view hook);

// The shortest time between two ends of a Flagger canary is 40 s.
constexpr Duration kDedupeWindow = std::chrono::seconds(35);

// The possible outcomes of an event, and why it can have no other.
const std::vector<std::string>& outcomes_told();
std::string why_no_other_outcome();

class Source {
 public:
  struct Settings {
    std::string name;
    std::map<std::string, std::vector<Proof>, std::less<>> proofs;  // by cluster; "" if it names none
    // By hook; a missing hook accepts everything.
    std::map<std::string, std::vector<Pattern>, std::less<>> accept;
    Duration dedupe_window = kDedupeWindow;
    std::size_t body_bytes_max = 1U << 20U;
    std::optional<Rate> rate;
  };
  explicit Source(Settings settings);

  const std::string& name() const { return settings_.name; }
  const std::optional<Rate>& rate() const { return settings_.rate; }  // of authentic calls; the caller counts
  std::size_t body_bytes_max() const { return settings_.body_bytes_max; }
  Duration dedupe_window() const { return settings_.dedupe_window; }
  std::vector<std::string> clusters() const;  // "" alone if it names none
  const Carriers& carriers() const { return carriers_; }
  std::vector<SecretRef> secrets() const;                 // of all its proofs, for `check --secrets`
  bool usable(const SecretLookup& lookup) const;          // at least one proof could succeed now
  bool reads_body(std::string_view cluster) const;        // a proof uses the parsed body
  std::string challenge(std::string_view cluster) const;  // WWW-Authenticate

  // "" if the event is accepted; else the reason: "phase is Failed, wanted Succeeded".
  std::string unwanted(const Event& event) const;

  struct Verified {
    std::optional<Authentic> proof;  // the first match in the order of the configuration
    bool shown = false;              // a proof was present, right or wrong
    bool undecided = false;          // a proof may be right: its secret cannot be read now
    std::string why;
  };
  // Repeats the proof that a stored delivery of this source had; nullopt: it had none, or is another
  // source's.
  std::optional<Authentic> proved(const Delivery& stored) const;
  // Evaluates all proofs with all secrets in every case, so that the time reveals nothing.
  Verified verify(std::string_view cluster, const Evidence& evidence) const;

 private:
  const std::vector<Proof>& proofs_of(std::string_view cluster) const;

  Settings settings_;
  Carriers carriers_;  // of all its clusters: a token on the wrong path is a secret too
};

struct Route {
  std::shared_ptr<const Source> source;
  std::string cluster;
  std::string hook;  // "": the source's bare path, which has no hook
  bool gate = false;

  // The path on which the source receives that hook: "/hooks/flagger/event".
  std::string path_of(std::string_view other_hook) const;
};

class Sources {
 public:
  // `sources` is the configuration's block of that name, which its schema has accepted, or nullptr. Adds
  // other errors to `problems`.
  static Sources read(const lang::Node* sources, const std::vector<std::string>& clusters,
                      std::vector<lang::Problem>& problems);

  // Finds the route of a request by its target as on the wire.
  std::optional<Route> find(std::string_view target) const;
  // The same; kNotFound names the nearest configured path, and costs more than accepting a call.
  Result<Route> route(std::string_view target) const;

  const std::vector<std::shared_ptr<const Source>>& list() const { return list_; }
  const std::vector<std::string>& paths() const { return names_; }
  const Carriers& carriers() const {
    return carriers_;
  }  // of all sources: a call to a wrong path also carries its secret

 private:
  std::optional<Route> at(const std::string& canonical) const;
  std::optional<std::string> nearest_name(std::string_view path) const;

  friend class SourcesReader;
  struct Entry {
    std::size_t source = 0;
    std::string cluster;
    std::string hook;
  };
  std::vector<std::shared_ptr<const Source>> list_;
  std::map<std::string, Entry, std::less<>> entries_;  // by canonical path
  std::vector<std::string> names_;                     // the same paths, to find the nearest
  Carriers carriers_;
};

}  // namespace postlude::intake
