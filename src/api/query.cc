#include "api/query.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace postlude::api {

namespace {

constexpr std::size_t kPageMax = 500;

const std::vector<std::string>& filters_of(std::string_view kind) {
  static const std::vector<std::string> deliveries{"source", "hook",  "verdict", "event",
                                                   "team",   "limit", "after"};
  static const std::vector<std::string> events{"source", "hook", "namespace", "name",
                                               "phase",  "team", "limit",     "after"};
  static const std::vector<std::string> runs{"workflow",  "state", "event", "cause", "dismissed", "asks",
                                             "namespace", "name",  "team",  "limit", "after"};
  return kind == "deliveries" ? deliveries : kind == "events" ? events : runs;
}

// Parameters that are one of a few words.
const std::vector<std::pair<std::string, std::vector<std::string>>> kWords{
    {"state", {"queued", "running", "waiting", "succeeded", "failed", "cancelled"}},
    {"verdict", {"accepted", "duplicate", "filtered", "rejected"}}};

Status take(Asked& asked, std::string_view kind, const std::string& name, const std::string& value) {
  if (name == "limit") {
    std::size_t limit = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (ec != std::errc() || end != value.data() + value.size() || limit == 0 || limit > kPageMax) {
      return Error(Code::kInvalid, "limit must be a number from 1 to " + std::to_string(kPageMax));
    }
    asked.page.limit = limit;
    return ok();
  }
  if (name == "after") {
    TRY(asked.page.after, parse_id(prefix_of(kind), value));
    return ok();
  }
  if (name == "event") {
    TRY(asked.filter.event, parse_id(EventTag::kPrefix, value));
    return ok();
  }
  if (name == "asks") {
    if (value != "true") return Error(Code::kInvalid, "asks can only be true");
    asked.filter.asks = true;
    return ok();
  }
  if (name == "dismissed") {
    if (value != "true" && value != "false") return Error(Code::kInvalid, "dismissed must be true or false");
    asked.filter.dismissed = value == "true";
    return ok();
  }
  if (name == "state" && value == "held") {
    return Error(Code::kInvalid,
                 "held is a state of steps: `runs held` lists them (GET /api/v1/held), and "
                 "their runs are in state waiting");
  }
  for (const auto& [word, words] : kWords) {
    if (name != word || std::find(words.begin(), words.end(), value) != words.end()) continue;
    return Error(Code::kInvalid,
                 "unknown " + name + " '" + cut(value, 40) + "'; " + instead_of(value, words));
  }
  store::Filter& f = asked.filter;
  (name == "source"      ? f.source
   : name == "hook"      ? f.hook
   : name == "verdict"   ? f.verdict
   : name == "namespace" ? f.name_space
   : name == "name"      ? f.name
   : name == "phase"     ? f.phase
   : name == "workflow"  ? f.workflow
   : name == "team"      ? f.team
   : name == "cause"     ? f.cause
                         : f.state) = value;
  return ok();
}

}  // namespace

Result<std::map<std::string, std::string, std::less<>>> query_of(const HttpRequest& request) {
  std::map<std::string, std::string, std::less<>> query;
  for (const std::string_view pair : split(request.query(), '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view given = pair.substr(0, equals);
    auto name = percent_decode(given);
    auto value =
        percent_decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    const std::string shown = "parameter '" + cut(name.value_or(std::string(given)), 40) + "'";
    if (!name || !value) {
      return Error(
          Code::kInvalid,
          shown + ": a percent sign must begin an escape such as %20; write %25 for the sign itself");
    }
    if (!query.emplace(*std::move(name), *std::move(value)).second)
      return Error(Code::kInvalid, shown + " comes twice");
  }
  return query;
}

std::string_view prefix_of(std::string_view kind) {
  return kind == "deliveries" ? DeliveryTag::kPrefix : kind == "events" ? EventTag::kPrefix : RunTag::kPrefix;
}

std::string instead_of(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  if (!near.empty()) return "did you mean '" + near + "'?";
  return known.empty() ? "there is none" : "there is " + join(known, ", ");
}

Result<Asked> asked_of(std::string_view kind, const std::map<std::string, std::string, std::less<>>& query) {
  Asked asked;
  const std::vector<std::string>& known = filters_of(kind);
  for (const auto& [name, value] : query) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return Error(Code::kInvalid, "unknown parameter '" + cut(name, 40) + "'; " + instead_of(name, known));
    TRY_DONE(take(asked, kind, name, value));
  }
  if (!asked.filter.cause.empty() && asked.filter.state.empty()) asked.filter.state = "failed";
  return asked;
}

}  // namespace postlude::api
