// Commands that ask a daemon through its API.

#include <cstdio>

#include "base/id.h"
#include "base/text.h"
#include "cli/commands.h"

namespace postlude::cli {

namespace {

int failed(const Remote& remote, const Error& error) {
  if (error.code == Code::kUnavailable || error.code == Code::kUnknown) {
    std::fprintf(stderr, "could not reach %s: %s\n", remote.server.url.c_str(), error.message.c_str());
    return kCouldNotReach;
  }
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return error.code == Code::kInvalid ? kUsedWrongly : kFoundWrong;
}

void print(const Remote& remote, const json::value& value, const std::string& table) {
  const std::string text = remote.output == Output::kJson   ? to_pretty(value) + "\n"
                           : remote.output == Output::kYaml ? yaml_of(value)
                                                            : table;
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int print_run(const Remote& remote, const Result<json::value>& run) {
  if (!run) return failed(remote, run.error());
  print(remote, *run, one_of("runs", *run));
  return kFine;
}

}  // namespace

int list(const Remote& remote, const ListChoice& choice) {
  std::string path = "/api/v1/" + choice.kind;
  char between = '?';
  for (const auto& [name, value] : choice.filters) {
    path += between + name + "=" + percent_encode(value);
    between = '&';
  }
  const auto page = get(remote.server, path);
  if (!page) return failed(remote, page.error());
  print(remote, *page, list_of(choice.kind, *page));
  return kFine;
}

int show(const Remote& remote, const std::string& kind, const std::string& id) {
  const auto thing = get(remote.server, "/api/v1/" + kind + "/" + percent_encode(id));
  if (!thing) return failed(remote, thing.error());
  print(remote, *thing, one_of(kind, *thing));
  return kFine;
}

int retry(const Remote& remote, const std::string& run, bool stale) {
  return print_run(remote, post(remote.server, "/api/v1/runs/" + percent_encode(run) + "/retry",
                                json::object{{"stale", stale}}));
}

int resume(const Remote& remote, const std::string& run, const std::string& step, const std::string& as) {
  return print_run(remote, post(remote.server, "/api/v1/runs/" + percent_encode(run) + "/resume",
                                json::object{{"step", step}, {"as", as}}));
}

int explain(const Remote& remote, const std::string& id) {
  json::value delivery = nullptr;
  std::string event_id = id;
  if (id.starts_with("dlv_")) {
    auto found = get(remote.server, "/api/v1/deliveries/" + percent_encode(id));
    if (!found) return failed(remote, found.error());
    delivery = std::move(*found);
    event_id = find_text(delivery, "event");
  } else if (id.starts_with("run_")) {
    const auto run = get(remote.server, "/api/v1/runs/" + percent_encode(id));
    if (!run) return failed(remote, run.error());
    event_id = find_text(*run, "event");
  } else if (!id.starts_with("evt_")) {
    std::fprintf(stderr,
                 "explain takes the id of an event, a delivery or a run (evt_…, dlv_…, run_…), not '%s'\n",
                 id.c_str());
    return kUsedWrongly;
  }
  json::value event = nullptr;
  std::vector<json::value> runs;
  if (!event_id.empty()) {
    auto found = get(remote.server, "/api/v1/events/" + percent_encode(event_id));
    if (!found) return failed(remote, found.error());
    event = std::move(*found);
    const json::value* listed = find(event, "runs");
    if (listed != nullptr && listed->is_array()) {
      for (const json::value& row : listed->get_array()) {
        auto run = get(remote.server, "/api/v1/runs/" + percent_encode(find_text(row, "id")));
        if (!run) return failed(remote, run.error());
        runs.push_back(std::move(*run));
      }
    }
  }
  json::object whole{
      {"delivery", delivery}, {"event", event}, {"runs", json::array(runs.begin(), runs.end())}};
  print(remote, whole, explanation(delivery, event, runs));
  return kFine;
}

}  // namespace postlude::cli
