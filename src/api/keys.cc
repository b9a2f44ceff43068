// Shared keys of steps, and acts on many held steps at once.

#include <algorithm>
#include <charconv>

#include "api/answers.h"
#include "api/api.h"
#include "api/query.h"
#include "api/views.h"
#include "base/text.h"

namespace postlude::api {

namespace {

constexpr std::size_t kAtOnce = 1'000;  // held steps that one request answers for
constexpr std::size_t kRefusalsShown = 20;
constexpr std::size_t kKeysAtOnce = 500;
constexpr std::size_t kKeysUnlessSaid = 100;

// Text, and nothing but these; kInvalid otherwise.
Status only(const json::value& asked, const std::vector<std::string>& known) {
  for (const auto& member : asked.get_object()) {
    const std::string key(member.key().data(), member.key().size());
    if (std::find(known.begin(), known.end(), key) == known.end())
      return Error(Code::kInvalid, "unknown '" + cut(key, 40) + "'; " + instead_of(key, known));
    if (!member.value().is_string()) return Error(Code::kInvalid, key + " must be text");
  }
  return ok();
}

Status only(const Query& query, const std::vector<std::string>& known) {
  for (const auto& [name, value] : query) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return Error(Code::kInvalid, "unknown parameter '" + cut(name, 40) + "'; " + instead_of(name, known));
  }
  return ok();
}

std::string text_of(const Query& query, std::string_view name) {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

Result<std::int64_t> number_of(const Query& query, std::string_view name, std::int64_t otherwise,
                               std::int64_t most) {
  const std::string text = text_of(query, name);
  if (text.empty()) return otherwise;
  std::int64_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || out < 0 || out > most)
    return Error(Code::kInvalid, std::string(name) + " must be a number of at most " + std::to_string(most));
  return out;
}

std::string_view name_of(store::KeyUse::State state) {
  switch (state) {
    case store::KeyUse::State::kKept:
      return "kept";
    case store::KeyUse::State::kUnknown:
      return "unknown";
    case store::KeyUse::State::kInUse:
      return "inUse";
    case store::KeyUse::State::kFirstUse:
      return "firstUse";
    case store::KeyUse::State::kFirstUseUnclear:
      return "firstUseUnclear";
  }
  return "";
}

json::object view_of_key(const store::KeyUse& use) {
  json::value outputs;
  if (auto parsed = parse_json(use.outputs.empty() ? "null" : use.outputs)) outputs = std::move(*parsed);
  return {{"target", use.target},
          {"key", use.key},
          {"state", name_of(use.state)},
          {"outputs", std::move(outputs)},
          {"run", use.run ? json::value(use.run.text()) : json::value(nullptr)},
          {"step", use.step.empty() ? json::value(nullptr) : json::value(use.step)},
          {"firstUse", time_or_null(use.first_at)},
          {"lastUse", time_or_null(use.last_at)}};
}

}  // namespace

rt::Task<HttpResponse> Api::held(Query query, Caller who) {
  if (const Status said = only(query, {"workflow", "team"}); !said) co_return problem_of(said.error());
  store::Filter filter;
  filter.workflow = text_of(query, "workflow");
  filter.team = text_of(query, "team");
  if (!filter.team.empty() && !who.sees(filter.team))
    co_return problem(404, "not found", "no team " + cut(filter.team, 80));
  if (!who.team.empty()) filter.team = who.team;
  AWAIT(const auto groups, store_.held(std::move(filter)));
  if (!groups) co_return problem_of(groups.error());
  json::array items;
  for (const store::CauseGroup& group : *groups)
    items.push_back(view_of(group, "since"));
  co_return json_answer(json::object{{"items", std::move(items)}, {"next", nullptr}});
}

rt::Task<HttpResponse> Api::resume_held(json::value asked, Caller who) {
  if (const Status said = only(asked, {"cause", "workflow", "as"}); !said) co_return problem_of(said.error());
  const auto as = store::resume_as(find_text(asked, "as"));
  if (!as) co_return problem(400, "invalid", "as must be done, repeat or fail");
  store::Filter filter;
  filter.cause = find_text(asked, "cause");
  filter.workflow = find_text(asked, "workflow");
  filter.team = who.team;
  if (filter.cause.empty())
    co_return problem(400, "invalid", "cause must be one that GET /api/v1/held lists");
  AWAIT(const auto steps, store_.held_steps(std::move(filter), kAtOnce));
  if (!steps) co_return problem_of(steps.error());
  std::int64_t done = 0;
  json::array refused;
  for (const store::HeldStep& step : *steps) {
    AWAIT(const Status said,
          pipeline_.resume({step.run, std::to_string(step.index + 1), *as, who.name, {}, step.cause}));
    if (said) ++done;
    // Somebody was faster; or the store has no room, and what is left stays as it is.
    if (!said && refused.size() < kRefusalsShown)
      refused.push_back(json::object{{"run", step.run.text()}, {"why", said.error().message}});
    if (!said && said.error().code != Code::kConflict && said.error().code != Code::kNotFound) break;
  }
  if (done == 0 && refused.empty()) co_return problem(404, "not found", "no held step has this cause");
  co_return json_answer(
      json::object{{"done", done}, {"refused", std::move(refused)}, {"more", steps->size() == kAtOnce}});
}

rt::Task<HttpResponse> Api::keys(Query query, Caller who) {
  if (!who.team.empty()) co_return problem(403, "not allowed", "tokens with a team may not do this");
  if (const Status said = only(query, {"target", "key", "limit", "after"}); !said)
    co_return problem_of(said.error());
  const auto limit = number_of(query, "limit", kKeysUnlessSaid, kKeysAtOnce);
  if (!limit) co_return problem_of(limit.error());
  const auto after = number_of(query, "after", 0, std::int64_t{1} << 40);
  if (!after) co_return problem_of(after.error());
  store::Page page;
  page.limit = static_cast<std::size_t>(std::max<std::int64_t>(*limit, 1));
  page.after = *after;
  store::KeyFilter filter{text_of(query, "target"), text_of(query, "key")};
  AWAIT(const auto rows, store_.keys(std::move(filter), page));
  if (!rows) co_return problem_of(rows.error());
  json::array items;
  for (const store::KeyUse& use : *rows)
    items.push_back(view_of_key(use));
  json::value next(nullptr);
  if (rows->size() == page.limit) next = std::to_string(page.after + *limit);
  co_return json_answer(json::object{{"items", std::move(items)}, {"next", std::move(next)}});
}

rt::Task<HttpResponse> Api::forget_key(json::value asked, Caller who) {
  if (!who.team.empty()) co_return problem(403, "not allowed", "tokens with a team may not do this");
  if (const Status said = only(asked, {"target", "key"}); !said) co_return problem_of(said.error());
  const std::string target(find_text(asked, "target"));
  const std::string key(find_text(asked, "key"));
  if (target.empty() || key.empty()) co_return problem(400, "invalid", "target and key must be given");
  AWAIT(const Status done, store_.forget_key(target, key, who.name, rt::now()));
  if (!done) co_return problem_of(done.error());
  co_return json_answer(json::object{{"target", target}, {"key", key}, {"forgotten", true}});
}

}  // namespace postlude::api
