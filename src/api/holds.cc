// Pauses, and acts on many failures at once.

#include <algorithm>

#include "api/answers.h"
#include "api/api.h"
#include "api/query.h"
#include "api/views.h"
#include "base/text.h"

namespace postlude::api {

namespace {

constexpr std::size_t kAtOnce = 1'000;  // failed runs that one request retries or dismisses
constexpr std::size_t kRefusalsShown = 20;
constexpr std::size_t kReasonMax = 1'000;

// The object of a pause.
struct Subject {
  std::string kind, name;  // as in store::Pause
};

Result<Subject> subject_of(const json::value& asked, bool with_reason) {
  static const std::vector<std::string> kKinds{"workflow", "target", "team", "source", "all"};
  std::vector<std::string> known = kKinds;
  if (with_reason) known.emplace_back("reason");
  std::optional<Subject> found;
  for (const auto& member : asked.get_object()) {
    const std::string key(member.key().data(), member.key().size());
    if (std::find(known.begin(), known.end(), key) == known.end())
      return Error(Code::kInvalid, "unknown '" + cut(key, 40) + "'; " + instead_of(key, known));
    const json::value& value = member.value();
    if (key == "reason") {
      if (!value.is_string() || value.get_string().size() > kReasonMax)
        return Error(Code::kInvalid, "reason must be text of at most 1,000 bytes");
      continue;
    }
    if (found) return Error(Code::kInvalid, "name exactly one of workflow, target, team, source, all");
    if (key == "all" ? !(value.is_bool() && value.get_bool())
                     : !value.is_string() || value.get_string().empty())
      return Error(Code::kInvalid, key + (key == "all" ? " can only be true" : " must be a name"));
    found = Subject{key, key == "all" ? std::string() : std::string(view(value.get_string()))};
  }
  if (!found) return Error(Code::kInvalid, "name exactly one of workflow, target, team, source, all");
  return *std::move(found);
}

std::vector<std::string> names_of(const pipeline::Rules& rules, const std::string& kind) {
  std::vector<std::string> names;
  if (kind == "workflow") {
    for (const auto& bound : rules.workflows())
      names.push_back(bound->workflow->name);
  } else if (kind == "target") {
    for (const auto& target : rules.targets())
      names.push_back(target.name);
  } else if (kind == "team") {
    for (const auto& team : rules.teams())
      names.push_back(team.name);
  } else if (kind == "source") {
    for (const auto& source : rules.sources().list())
      names.push_back(source->name());
    names.emplace_back("postlude");
  }
  return names;
}

// Whether the caller may hold it back; kNotFound: for all that they may know, there is no such thing.
Status may_hold(const pipeline::Rules& rules, const Subject& subject, const Caller& who) {
  if (who.team.empty()) return ok();
  if (subject.kind == "team" && subject.name == who.team) return ok();
  if (subject.kind == "workflow" && team_of_workflow(rules, subject.name) == who.team) return ok();
  if (subject.kind == "team" || subject.kind == "workflow")
    return Error(Code::kNotFound, "no " + subject.kind + " '" + cut(subject.name, 80) + "'");
  return Error(Code::kDenied, "a token with a team may pause only that team and its workflows");
}

Status there_is(const pipeline::Rules& rules, const Subject& subject) {
  if (subject.kind == "all") return ok();
  const std::vector<std::string> names = names_of(rules, subject.kind);
  if (std::find(names.begin(), names.end(), subject.name) != names.end()) return ok();
  return Error(Code::kNotFound,
               "no " + subject.kind + " '" + cut(subject.name, 80) + "'; " + instead_of(subject.name, names));
}

struct Cause {
  std::string cause, workflow;
};

Result<Cause> cause_of(const json::value& asked) {
  static const std::vector<std::string> kKnown{"cause", "workflow", "stale"};
  for (const auto& member : asked.get_object()) {
    const std::string key(member.key().data(), member.key().size());
    if (std::find(kKnown.begin(), kKnown.end(), key) == kKnown.end())
      return Error(Code::kInvalid, "unknown '" + cut(key, 40) + "'; " + instead_of(key, kKnown));
    if (key == "stale" ? !member.value().is_bool() : !member.value().is_string())
      return Error(Code::kInvalid, key + (key == "stale" ? " must be true or false" : " must be text"));
  }
  if (find(asked, "cause") == nullptr)
    return Error(Code::kInvalid, "cause must be one that GET /api/v1/failures lists");
  return Cause{std::string(find_text(asked, "cause")), std::string(find_text(asked, "workflow"))};
}

}  // namespace

std::string team_of_workflow(const pipeline::Rules& rules, std::string_view name) {
  for (const auto& bound : rules.workflows()) {
    if (bound->workflow->name != name) continue;
    std::string team;
    for (const Pattern& pattern : bound->workflow->on) {
      const auto field = std::find_if(pattern.fields.begin(), pattern.fields.end(),
                                      [](const auto& f) { return f.first == "team"; });
      if (field == pattern.fields.end() || field->second.size() != 1) return {};
      if (!team.empty() && team != field->second.front()) return {};
      team = field->second.front();
    }
    return team;
  }
  return {};
}

rt::Task<HttpResponse> Api::pause(json::value asked, bool on, Caller who) {
  const auto subject = subject_of(asked, on);
  if (!subject) co_return problem_of(subject.error());
  if (const Status may = may_hold(pipeline_.rules(), *subject, who); !may) co_return problem_of(may.error());
  const std::string reason(find_text(asked, "reason"));
  json::object view{{"kind", subject->kind}, {"name", subject->name}};
  if (on) {
    if (const Status known = there_is(pipeline_.rules(), *subject); !known)
      co_return problem_of(known.error());
    store::Pause pause;
    pause.kind = subject->kind;
    pause.name = subject->name;
    pause.at = rt::now();
    pause.actor = who.name;
    pause.why = reason;
    view = view_of(pause);
    AWAIT(const Status done, store_.pause(std::move(pause)));
    if (!done) co_return problem_of(done.error());
    co_return json_answer(std::move(view));
  }
  AWAIT(const Status done, pipeline_.unpause(subject->kind, subject->name, who.name));
  // The paused object may no longer be configured; it is a typing error only if it is neither paused nor
  // configured.
  if (!done && done.error().code == Code::kConflict) {
    if (const Status known = there_is(pipeline_.rules(), *subject); !known)
      co_return problem_of(known.error());
  }
  if (!done) co_return problem_of(done.error());
  co_return json_answer(std::move(view));
}

rt::Task<HttpResponse> Api::pauses(Caller who) {
  AWAIT(const auto pauses, store_.pauses());
  if (!pauses) co_return problem_of(pauses.error());
  json::array items;
  for (const store::Pause& pause : *pauses) {
    const bool others = pause.kind == "team" ? !who.sees(pause.name)
                        : pause.kind == "workflow"
                            ? !who.sees(team_of_workflow(pipeline_.rules(), pause.name))
                            : false;
    if (!others) items.push_back(view_of(pause));
  }
  co_return json_answer(json::object{{"items", std::move(items)}, {"next", nullptr}});
}

rt::Task<HttpResponse> Api::failures(Query query, Caller who) {
  store::Filter filter;
  filter.team = who.team;
  static const std::vector<std::string> kKnown{"workflow", "team"};
  for (const auto& [name, value] : query) {
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end())
      co_return problem(400, "invalid",
                        "unknown parameter '" + cut(name, 40) + "'; " + instead_of(name, kKnown));
    if (name == "workflow") filter.workflow = value;
    if (name == "team" && who.team.empty()) filter.team = value;
    if (name == "team" && !who.sees(value)) co_return problem(404, "not found", "no team " + cut(value, 80));
  }
  AWAIT(const auto groups, store_.failures(std::move(filter)));
  if (!groups) co_return problem_of(groups.error());
  json::array items;
  for (const store::CauseGroup& group : *groups)
    items.push_back(view_of(group, "lastAt"));
  co_return json_answer(json::object{{"items", std::move(items)}, {"next", nullptr}});
}

rt::Task<HttpResponse> Api::act_on_failures(std::string verb, json::value asked, Caller who) {
  const auto cause = cause_of(asked);
  if (!cause) co_return problem_of(cause.error());
  const json::value* stale_value = find(asked, "stale");
  const bool stale = stale_value != nullptr && stale_value->is_bool() && stale_value->get_bool();
  store::Filter filter;
  filter.cause = cause->cause;
  filter.workflow = cause->workflow;
  filter.state = "failed";
  filter.dismissed = false;
  filter.team = who.team;
  store::Page page;
  page.limit = kAtOnce;
  AWAIT(const auto runs, store_.runs(std::move(filter), page));
  if (!runs) co_return problem_of(runs.error());
  std::int64_t done = 0;
  json::array refused;
  for (const store::RunLine& run : *runs) {
    if (run.cause != cause->cause) continue;  // "" asks for those without one
    Status said = ok();
    if (verb == "retry") {
      AWAIT(said, pipeline_.retry(run.id, stale, who.name));
    } else {
      AWAIT(said, store_.dismiss(run.id, who.name, rt::now()));
    }
    if (said) ++done;
    // Somebody was faster; or the store has no room, and what is left stays as it is.
    if (!said && refused.size() < kRefusalsShown)
      refused.push_back(json::object{{"run", run.id.text()}, {"why", said.error().message}});
    if (!said && said.error().code != Code::kConflict && said.error().code != Code::kNotFound) break;
  }
  if (done == 0 && refused.empty())
    co_return problem(404, "not found", "no failed run has this cause, or all that have it are dismissed");
  co_return json_answer(
      json::object{{"done", done}, {"refused", std::move(refused)}, {"more", runs->size() == kAtOnce}});
}

rt::Task<HttpResponse> Api::redeliver(std::string id, Caller who) {
  const auto delivery = DeliveryId::parse(id);
  if (!delivery) co_return problem_of(delivery.error());
  AWAIT(const auto seen, delivery_for(*delivery, who));
  if (!seen) co_return problem_of(seen.error());
  AWAIT(const auto taken, pipeline_.redeliver(*seen, who.name));
  if (!taken) co_return problem_of(taken.error());
  co_return json_answer(json::object{
      {"delivery", taken->delivery.text()}, {"event", taken->event.text()}, {"duplicate", taken->duplicate}});
}

rt::Task<HttpResponse> Api::act(Path path, json::value asked, Caller who) {
  const std::string& kind = path[0];
  if (path.size() == 3 && kind == "runs") {
    const auto run = RunId::parse(path[1]);
    if (!run) co_return problem_of(run.error());
    AWAIT(HttpResponse response, act_on_run(*run, path[2], std::move(asked), std::move(who)));
    co_return response;
  }
  if (path.size() == 3 && kind == "deliveries" && path[2] == "redeliver") {
    if (!asked.get_object().empty()) co_return problem(400, "invalid", "redeliver takes an empty body");
    AWAIT(HttpResponse response, redeliver(path[1], std::move(who)));
    co_return response;
  }
  if (path.size() == 1 && (kind == "pause" || kind == "unpause")) {
    const bool on = kind == "pause";
    AWAIT(HttpResponse response, pause(std::move(asked), on, std::move(who)));
    co_return response;
  }
  if (path.size() == 2 && kind == "failures" && (path[1] == "retry" || path[1] == "dismiss")) {
    AWAIT(HttpResponse response, act_on_failures(path[1], std::move(asked), std::move(who)));
    co_return response;
  }
  if (path.size() == 2 && kind == "held" && path[1] == "resume") {
    AWAIT(HttpResponse response, resume_held(std::move(asked), std::move(who)));
    co_return response;
  }
  if (path.size() == 2 && kind == "keys" && path[1] == "forget") {
    AWAIT(HttpResponse response, forget_key(std::move(asked), std::move(who)));
    co_return response;
  }
  co_return problem(
      404, "not found",
      "no such path; there are POST runs/{id}/{verb}, deliveries/{id}/redeliver, failures/retry, "
      "failures/dismiss, held/resume, keys/forget, pause, unpause");
}

}  // namespace postlude::api
