#pragma once
// Commands: the functions behind `postlude COMMAND`. Each returns the process' exit status: 0 success, 1
// problems found, 2 wrong usage, 3 daemon not reached (contract 11).

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
  ServerAddress server;
  Output output = Output::kTable;
};

// -- offline
// `connectors`: a folder of connector files, or "".
int check(const std::vector<std::string>& paths, const std::string& connectors, bool secrets);
int schema(const std::string& kind);
int connectors_list(const std::string& connectors, Output output);
int connectors_show(const std::string& connectors, const std::string& name, Output output);

struct TestChoice {
  std::vector<std::string> paths;  // test files, and folders to search for them
  std::string connectors;
  std::string filter;  // a glob, or part of a test's name; "": all
  std::string junit;   // a file to write; "": none
  bool update = false;
  bool coverage = false;
  std::optional<int> coverage_min;  // in percent
  Output output = Output::kTable;
};
int test(const TestChoice& choice);

// -- commands that call a daemon
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
  std::string workflow;      // "": all workflows
  std::size_t limit = 1000;  // events; the newest ones
};
int simulate(const Remote& remote, const SimulateChoice& choice);

// -- commands that call a hook
struct SendChoice {
  std::string url = "http://127.0.0.1:8080/hooks/flagger/post-rollout";
  std::string hook;  // replaces the URL's hook, or follows its path; "" keeps the URL
  std::string phase = "Succeeded";
  std::string name = "podinfo";
  std::string name_space = "test";
  std::string checksum;               // "": a new one, so that each call is a release of its own
  std::vector<std::string> metadata;  // k=v
  std::string message, type;          // for the hook `event`; "": as Flagger sets them for the phase
  std::string body_file;              // replaces all of these; "-" is standard input
  std::vector<std::string> headers;   // "Name: value"
  bool quiet = false;
};
int send(const SendChoice& choice);

// The body as Flagger writes it (ctl/webhook.go: Go's encoding/json of CanaryWebhookPayload).
std::string flagger_body(const SendChoice& choice, const std::map<std::string, std::string>& metadata,
                         const std::string& checksum);

}  // namespace postlude::cli
