#pragma once
// Source: a configured sender: its paths, its proofs, what is wanted of it. Sources: all of them, by path.

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

// What is the same for all sources of a type.
struct SourceType {
  std::string name;
  std::vector<std::string> hooks;
  std::string
      bare_hook;  // what /hooks/{source} means; "": nothing, and whoever calls it is told what to call
  bool paces_itself = false;  // its own backoff rides over more than a Retry-After of ours would
};
// Flagger has no bare path: whoever copies an entry and changes its type to confirm-rollout would open that
// gate with our 202.
const SourceType& flagger_type();
inline const std::vector<std::string>& flagger_hooks() {
  return flagger_type().hooks;
}

// On a gate hook anything up to 202 means "go on" or "roll back".
bool is_gate(std::string_view hook);

// Flagger's shortest distance between two ends of a canary is 40 s.
constexpr Duration kDedupeWindow = std::chrono::seconds(35);

// What an event's outcome can be, and why it is never another.
const std::vector<std::string>& outcomes_told();
std::string why_no_other_outcome();

class Source {
 public:
  struct Settings {
    std::string name;
    std::map<std::string, std::vector<Proof>, std::less<>> proofs;    // by cluster; "" where it names none
    std::map<std::string, std::vector<Pattern>, std::less<>> accept;  // by hook; a hook that is missing: all
    Duration dedupe_window = kDedupeWindow;
    std::size_t body_bytes_max = 1U << 20U;
    std::optional<Rate> rate;
  };
  explicit Source(Settings settings);

  const std::string& name() const { return settings_.name; }
  const std::optional<Rate>& rate() const {
    return settings_.rate;
  }  // of authentic calls; whoever counts is the caller
  std::size_t body_bytes_max() const { return settings_.body_bytes_max; }
  Duration dedupe_window() const { return settings_.dedupe_window; }
  std::vector<std::string> clusters() const;  // "" alone where it names none
  const Carriers& carriers() const { return carriers_; }
  std::vector<SecretRef> secrets() const;                 // of all its proofs, for `check --secrets`
  bool usable(const SecretLookup& lookup) const;          // somebody could prove something just now
  bool reads_body(std::string_view cluster) const;        // a proof looks into the parsed body
  std::string challenge(std::string_view cluster) const;  // WWW-Authenticate

  // "" when the event is wanted, else why not: "phase is Failed, wanted Succeeded".
  std::string unwanted(const Event& event) const;

  struct Verified {
    std::optional<Authentic> proof;  // the first in the order of the configuration that matched
    bool shown = false;              // some proof came, right or wrong
    bool undecided = false;          // what came may be right: its secret cannot be read just now
    std::string why;
  };
  // What was proved when a delivery of this source came is proved; nullopt: nothing was, or it is another's.
  std::optional<Authentic> proved(const Delivery& stored) const;
  // Evaluates all proofs with all secrets whatever comes, so that the time tells nothing.
  Verified verify(std::string_view cluster, const Evidence& evidence) const;

 private:
  const std::vector<Proof>& proofs_of(std::string_view cluster) const;

  Settings settings_;
  Carriers carriers_;  // of all its clusters: a token that came by the wrong path is a secret too
};

struct Route {
  std::shared_ptr<const Source> source;
  std::string cluster;
  std::string hook;  // "": the source's bare path, which means nothing
  bool gate = false;

  // Where the source takes that hook in: "/hooks/flagger/event".
  std::string path_of(std::string_view other_hook) const;
};

class Sources {
 public:
  // `sources` is the configuration's block of that name or nullptr; the schema has been checked before. What
  // is wrong beyond it goes to `problems`.
  static Sources read(const lang::Node* sources, const std::vector<std::string>& clusters,
                      std::vector<lang::Problem>& problems);

  // Where a request goes, by its target as on the wire.
  std::optional<Route> find(std::string_view target) const;
  // The same; kNotFound names the nearest configured path, which takes longer than to take a call in.
  Result<Route> route(std::string_view target) const;

  const std::vector<std::shared_ptr<const Source>>& list() const { return list_; }
  const std::vector<std::string>& paths() const { return names_; }
  const Carriers& carriers() const {
    return carriers_;
  }  // of all: also a call that went astray brings its secret

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
  std::vector<std::string> names_;                     // the same paths, for the nearest
  Carriers carriers_;
};

}  // namespace postlude::intake
