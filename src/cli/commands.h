#pragma once
// Commands: what `postlude COMMAND` does. Each returns the process' exit status: 0 fine, 1 found wrong, 2
// used wrongly, 3 could not reach (contract 11).

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/remote.h"
#include "cli/show.h"

namespace postlude::cli {

constexpr int kFine = 0;
constexpr int kFoundWrong = 1;
constexpr int kUsedWrongly = 2;
constexpr int kCouldNotReach = 3;

struct Remote {
  Server server;
  Output output = Output::kTable;
};

// -- offline
// `connectors`: a folder of connector files, or "".
int check(const std::vector<std::string>& paths, const std::string& connectors, bool secrets);
int schema(const std::string& kind);
int connectors_list(const std::string& connectors, Output output);
int connectors_show(const std::string& connectors, const std::string& name, Output output);

struct TestChoice {
  std::vector<std::string> paths;  // test files, and folders in which they are looked for
  std::string connectors;
  std::string filter;  // a glob, or a part of a test's name; "": all
  std::string junit;   // a file to write; "": none
  bool update = false;
  bool coverage = false;
  std::optional<int> coverage_min;  // in percent
  Output output = Output::kTable;
};
int test(const TestChoice& choice);

// -- a daemon's
struct ListChoice {
  std::string kind;                            // deliveries events runs
  std::map<std::string, std::string> filters;  // as the API's parameters
};
int list(const Remote& remote, const ListChoice& choice);
int show(const Remote& remote, const std::string& kind, const std::string& id);
int explain(const Remote& remote, const std::string& id);

struct SimulateChoice {
  std::string since = "7d";
  std::vector<std::string> config{"postlude.yaml"};
  std::string connectors;
  std::string workflow;      // only this one; "": all
  std::size_t limit = 1000;  // events; the newest are taken
};
int simulate(const Remote& remote, const SimulateChoice& choice);

// -- a hook's
struct SendChoice {
  std::string url = "http://127.0.0.1:8080/hooks/flagger/post-rollout";
  std::string hook;  // instead of the URL's own, or after its path; "" leaves it as it is
  std::string phase = "Succeeded";
  std::string name = "podinfo";
  std::string name_space = "test";
  std::string checksum;               // "": a fresh one, so that each call is a release of its own
  std::vector<std::string> metadata;  // k=v
  std::string message, type;          // of the hook `event`; "": as Flagger has them for the phase
  std::string body_file;              // instead of all these; "-" is standard input
  std::vector<std::string> headers;   // "Name: value"
  bool quiet = false;
};
int send(const SendChoice& choice);

// Flagger's bytes (ctl/webhook.go: Go's encoding/json of CanaryWebhookPayload).
std::string flagger_body(const SendChoice& choice, const std::map<std::string, std::string>& metadata,
                         const std::string& checksum);

}  // namespace postlude::cli
