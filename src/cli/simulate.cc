// `postlude simulate`: changed workflows over stored events, with nothing sent.

#include "rehearsal/simulate.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/printable.h"
#include "base/text.h"
#include "cli/people.h"
#include "cli/played.h"
#include "cli/terminal.h"
#include "cli/test_results.h"
#include "rt/loop.h"

namespace postlude::cli {

namespace {

constexpr std::size_t kPageSize = 200;

using rehearsal::Change;

struct Simulated {
  std::vector<rehearsal::EventChange> events;
  std::size_t waiting = 0;  // events that are not planned yet
  bool cut = false;         // there are more than the limit
};

struct Totals {
  std::size_t same = 0, different = 0, errors = 0;
};

// The ids of the events since then, oldest first.
Result<std::vector<std::string>> ids_since(const ServerAddress& server, Instant since, std::size_t limit,
                                           bool& cut) {
  std::vector<std::string> ids;
  std::string after;
  while (true) {
    TRY(const json::value page, get(server,
                                    "/api/v1/events?limit=" + std::to_string(kPageSize) +
                                        (after.empty() ? "" : "&after=" + percent_encode(after)),
                                    page_shape()));
    for (const json::value& item : list_in(page, "items")) {
      const auto received = parse_rfc3339(find_text(item, "receivedAt"));
      const bool before = !received || *received < since;
      cut = !before && ids.size() == limit;
      if (before || cut) {
        std::reverse(ids.begin(), ids.end());
        return ids;
      }
      ids.emplace_back(find_text(item, "id"));
    }
    const std::string_view next = find_text(page, "next");
    if (next.empty() || next == after) break;
    after = next;
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

Result<rehearsal::EventHistory> history_of(const ServerAddress& server, const std::string& id) {
  TRY(const json::value view, get(server, "/api/v1/events/" + percent_encode(id), thing_shape("events")));
  TRY(rehearsal::EventHistory event, rehearsal::event_history(view));
  std::vector<std::string> runs;
  for (const json::value& run : list_in(view, "runs"))
    runs.emplace_back(find_text(run, "id"));
  std::sort(runs.begin(), runs.end());  // ids are in the order of their making
  for (const std::string& run : runs) {
    TRY(const json::value whole, get(server, "/api/v1/runs/" + percent_encode(run), run_shape()));
    TRY(rehearsal::RunHistory history, rehearsal::run_history(whole));
    event.runs.push_back(std::move(history));
  }
  return event;
}

bool unreachable(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kUnknown;
}

Totals totals_of(const Simulated& done) {
  Totals out;
  for (const rehearsal::EventChange& event : done.events) {
    out.errors += event.error.empty() ? 0 : 1;
    out.different += event.differs() ? 1 : 0;
    out.same += event.error.empty() && !event.differs() ? 1 : 0;
  }
  return out;
}

std::string_view heading_of(Change change) {
  switch (change) {
    case Change::kSame:
      return "the same";
    case Change::kDifferent:
      return "would send something else";
    case Change::kNew:
      return "would be a new run";
    case Change::kGone:
      return "would no longer run";
    case Change::kSkipped:
      return "not compared";
  }
  return "";
}

std::string text_of(const Simulated& done, std::size_t limit, bool colours) {
  std::string out;
  for (const rehearsal::EventChange& event : done.events) {
    if (event.error.empty() && !event.differs()) continue;
    out += event.event + "  " + to_rfc3339(event.received_at) + "  " + printable(event.what, Lines::kBlank) +
           "\n";
    if (!event.error.empty()) out += "  error: " + event.error + "\n";
    for (const rehearsal::RunChange& run : event.runs) {
      out += "  " + run.workflow + (run.run.empty() ? "" : " (" + run.run + ")") + ": " +
             std::string(heading_of(run.change)) + "\n";
      out += shown_diff(run.diff, colours);
      for (const std::string& note : run.notes)
        out += "    " + printable(note, Lines::kBlank) + "\n";
    }
    out += "\n";
  }
  const Totals totals = totals_of(done);
  out += std::to_string(done.events.size()) + " events: " + std::to_string(totals.same) + " the same, " +
         std::to_string(totals.different) + " different";
  if (totals.errors > 0) out += ", " + std::to_string(totals.errors) + " with errors";
  if (done.waiting > 0) out += "; " + std::to_string(done.waiting) + " more are still being processed";
  if (done.cut) out += "; older events were left out: --limit " + std::to_string(limit) + " was reached";
  return out + "\n";
}

json::value value_of(const Simulated& done) {
  json::array events;
  for (const rehearsal::EventChange& event : done.events) {
    json::array runs;
    for (const rehearsal::RunChange& run : event.runs) {
      runs.push_back(json::object{{"workflow", run.workflow},
                                  {"run", run.run.empty() ? json::value(nullptr) : json::value(run.run)},
                                  {"change", rehearsal::name_of(run.change)},
                                  {"diff", run.diff},
                                  {"notes", json::array(run.notes.begin(), run.notes.end())}});
    }
    events.push_back(
        json::object{{"event", event.event},
                     {"receivedAt", to_rfc3339(event.received_at)},
                     {"error", event.error.empty() ? json::value(nullptr) : json::value(event.error)},
                     {"differs", event.differs()},
                     {"runs", std::move(runs)}});
  }
  const Totals totals = totals_of(done);
  return json::object{{"events", std::move(events)},   {"same", totals.same},
                      {"different", totals.different}, {"errors", totals.errors},
                      {"notPlanned", done.waiting},    {"limitReached", done.cut}};
}

// nullopt: it is not planned yet.
Result<std::optional<rehearsal::EventChange>> one(const ServerAddress& server, const std::string& id,
                                                  Played& config, const std::string& workflow) {
  auto history = history_of(server, id);
  if (!history && unreachable(history.error())) return history.error();
  if (!history) {  // pruned meanwhile, or too large: the others can still be told
    rehearsal::EventChange broken;
    broken.event = id;
    broken.error = history.error().message;
    return std::optional(std::move(broken));
  }
  if (!history->planned) return std::optional<rehearsal::EventChange>();
  return std::optional(rehearsal::simulate(*history, config.loaded->rules, *config.expressions, workflow));
}

void print(const Remote& remote, const Simulated& done, std::size_t limit) {
  // nothing in this process changes the environment
  const bool colours = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  if (remote.output == Output::kTable) return print_coloured(text_of(done, limit, colours));
  const std::string text =
      remote.output == Output::kJson ? to_pretty(value_of(done)) + "\n" : yaml_of(value_of(done));
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::unique_ptr<Played> load(const SimulateChoice& choice) {
  auto config = played(choice.config, choice.connectors);
  lang::Problems problems = config->problems;
  if (config->loaded) {
    if (choice.workflow.empty()) return config;
    std::vector<std::string> names;
    for (const auto& bound : config->loaded->rules->workflows())
      names.push_back(bound->workflow->name);
    if (std::find(names.begin(), names.end(), choice.workflow) != names.end()) return config;
    const std::string near = nearest(choice.workflow, names);
    std::fprintf(stderr, "the configuration has no workflow '%s'%s\n", choice.workflow.c_str(),
                 near.empty() ? "" : ("; did you mean '" + near + "'?").c_str());
    return nullptr;
  }
  std::erase_if(problems, [](const lang::Problem& p) { return p.warning; });
  std::fputs(app::report(std::move(problems)).c_str(), stderr);
  return nullptr;
}

}  // namespace

int simulate(const Remote& remote, const SimulateChoice& choice) {
  const auto back = parse_duration(choice.since);
  if (!back) {
    std::fprintf(stderr, "--since: %s\n", back.error().message.c_str());
    return kUsedWrongly;
  }
  const auto config = load(choice);
  if (config == nullptr) return kUsedWrongly;

  Simulated done;
  const auto ids = ids_since(remote.server, rt::now() - *back, choice.limit, done.cut);
  if (!ids) return failed(remote, ids.error());
  for (const std::string& id : *ids) {
    auto event = one(remote.server, id, *config, choice.workflow);
    if (!event) return failed(remote, event.error());
    if (*event) {
      done.events.push_back(std::move(**event));
    } else {
      ++done.waiting;
    }
  }
  print(remote, done, choice.limit);
  const Totals totals = totals_of(done);
  return totals.different + totals.errors > 0 ? kFoundWrong : kFine;
}

}  // namespace postlude::cli
