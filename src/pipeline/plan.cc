// Which workflows an event starts: `on`, then `if`, then the values computed once.

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "engine/moved.h"
#include "engine/turns.h"
#include "pipeline/context.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

namespace {

constexpr std::size_t kQueueKeyMax = 256;

json::value plan_context(const Event& event, const BoundWorkflow& bound, const Rules& rules) {
  json::object context;
  context["event"] = document_of(event);
  context["workflow"] = {{"name", bound.workflow->name}};
  context["run"] = {{"workflow", bound.workflow->name}};
  context["status"] = "success";
  context["data"] = json::object();
  if (bound.reads_data && rules.data() != nullptr) {
    auto pinned = parse_json(*rules.data());
    if (pinned && pinned->is_object()) {
      context["data"] = std::move(pinned->as_object()["data"]);
      context["__calendars"] = std::move(pinned->as_object()["calendars"]);
    }
  }
  return context;
}

// Why the workflow does not run on the event, before anything is evaluated; "": it may.
std::string unwanted(const engine::Workflow& workflow, const Event& event, const Facts& facts) {
  if (workflow.mode == engine::Workflow::Mode::kOff) return "its mode is off";
  std::string why = workflow.mismatch(facts);
  if (why.empty() && rt::now() - event.received_at > workflow.max_age) {
    why = "stale: the event is older than maxAge, " + to_text(workflow.max_age);
  }
  return why;
}

// Each pattern with what it wanted and what it saw, for `explain`.
json::array trace_of(const std::vector<Pattern>& patterns, const Facts& facts) {
  json::array out;
  for (const Pattern& pattern : patterns) {
    json::array fields;
    for (const auto& [field, globs] : pattern.fields) {
      const auto fact = facts.find(field);
      json::array wanted;
      for (const std::string& glob : globs)
        wanted.emplace_back(glob);
      Pattern alone;
      alone.fields.emplace_back(field, globs);
      json::object entry{
          {"field", field}, {"wanted", std::move(wanted)}, {"value", nullptr}, {"matched", false}};
      if (fact != facts.end()) {
        entry["value"] = cut(fact->second, 200);
        entry["matched"] = globs_match(globs, fact->second);
      }
      fields.push_back(std::move(entry));
    }
    out.push_back(json::object{{"fields", std::move(fields)}, {"matched", mismatch(pattern, facts).empty()}});
  }
  return out;
}

// `vars` from their expressions' values, in order; what could not be evaluated ends up in `failed`.
std::string vars_of(const engine::Workflow& workflow, const Values& values, std::string& failed) {
  json::object vars;
  auto next = values.begin();
  for (const auto& [name, tmpl] : workflow.vars) {
    std::vector<lang::Expression> own;
    tmpl.collect(own);
    const auto end = next + static_cast<std::ptrdiff_t>(own.size());
    auto value = tmpl.assemble(Values(next, end));
    next = end;
    if (value) {
      vars[name] = std::move(*value);
    } else if (failed.empty()) {
      failed = "vars: " + value.error().message;
    }
  }
  return json::serialize(vars);
}

// The result of a workflow's `if`.
struct ConditionResult {
  ConditionResult(const lang::Expression& condition, const lang::Evaluated& answer,
                  const connector::Masker& masker)
      : yes(answer && *answer == "true"), no(answer && *answer == "false") {
    if (yes || no) return;
    const std::string neither = "must yield true or false";
    wrong = answer ? lang::blame(condition, neither + ", not " + shown_value(*answer, masker))
                   : lang::failure(condition, answer.error().message);
    cause = answer ? lang::blame(condition, neither) : wrong;  // whatever it yields instead
  }
  bool yes, no;
  std::string wrong, cause;  // "": it is one of them
};

// A condition that cannot be evaluated must not lose a release in silence: the run exists, and has `failed`.
// The same with what is computed once, of which `uncomputed` tells; without that no retry can go on.
store::NewRun new_run(const BoundWorkflow& bound, const Rules& rules, const Event& event, const Values& vars,
                      std::string uncomputed, std::string failed) {
  const engine::Workflow& workflow = *bound.workflow;
  store::NewRun run;
  run.vars = vars_of(workflow, vars, uncomputed);
  run.uncomputed = !uncomputed.empty();
  if (run.uncomputed) run.vars = "null";
  run.failed = failed.empty() ? std::move(uncomputed) : std::move(failed);
  if (!run.failed.empty()) run.cause = engine::cause_of("could not begin", run.failed);
  run.workflow = workflow.name;
  run.text = workflow.pinned;
  run.queue_key = canary_key(event);
  run.queues = workflow.policy != engine::Workflow::Policy::kParallel;
  run.replaces = workflow.policy == engine::Workflow::Policy::kReplace;
  run.shadow = workflow.mode == engine::Workflow::Mode::kShadow;
  run.timeout = workflow.timeout;
  run.team = event.team;
  run.steps = bound.step_rows(event.team);
  if (bound.reads_data) run.data = rules.data();
  return run;
}

// `concurrency.key` as evaluated: text as it is, other values as JSON.
std::string queue_key_of(const lang::Evaluated& value, const lang::Expression& expression,
                         std::string& failed) {
  if (!value) {
    if (failed.empty()) failed = "concurrency.key: " + lang::failure(expression, value.error().message);
    return "";
  }
  const auto parsed = parse_json(*value);
  std::string text = parsed && parsed->is_string() ? std::string(view(parsed->get_string())) : *value;
  if (text.empty() || text == "null") {
    if (failed.empty()) failed = "concurrency.key: " + lang::blame(expression, "is null or empty");
  }
  if (text.size() > kQueueKeyMax && failed.empty()) failed = "concurrency.key: is longer than 256 bytes";
  return text;
}

}  // namespace

std::optional<std::vector<store::Planned>> Pipeline::nothing_wants(const Event& event) const {
  const Facts facts = facts_of(event);
  std::vector<store::Planned> plan;
  for (const auto& bound : rules_->workflows()) {
    std::string why = unwanted(*bound->workflow, event, facts);
    if (why.empty()) return std::nullopt;
    plan.push_back({bound->workflow->name, false, std::move(why), ""});
  }
  return plan;
}

rt::Task<Pipeline::Choice> Pipeline::choose(std::shared_ptr<const BoundWorkflow> bound, Event event,
                                            Facts facts) {
  const engine::Workflow& workflow = *bound->workflow;
  const auto rules = rules_;
  Choice choice;
  choice.planned.workflow = workflow.name;
  choice.planned.why = unwanted(workflow, event, facts);
  json::object trace{{"on", trace_of(workflow.on, facts)}};
  if (!choice.planned.why.empty()) {
    choice.planned.trace = json::serialize(trace);
    co_return choice;
  }
  AWAIT(const Evaluation asked, evaluate_plan(bound, event, workflow.condition.has_value()));
  if (asked.unasked) {
    choice.unasked = asked.unasked;
    co_return choice;
  }
  choice.planned.why = "on matches";
  std::string failed;
  std::string cause;
  if (workflow.condition) {
    trace["if"] = trace_of(*workflow.condition, *asked.context, *asked.condition, masker_);
    choice.planned.trace = masker_.mask_json(json::serialize(trace));
    const std::string said = "if: `" + workflow.condition->text + "` is ";
    const ConditionResult answer(*workflow.condition, *asked.condition, masker_);
    if (answer.no) {
      choice.planned.why = said + "false";
      co_return choice;
    }
    if (answer.yes) choice.planned.why += ", " + said + "true";
    failed = answer.wrong;
    cause = answer.cause;
  }
  choice.planned.trace = masker_.mask_json(json::serialize(trace));
  choice.run = new_run(*bound, *rules, event, asked.vars, asked.failed, std::move(failed));
  if (!cause.empty()) choice.run->cause = engine::cause_of("could not begin", cause);
  if (workflow.queue_key && !asked.queue_key.empty()) choice.run->queue_key = asked.queue_key;
  choice.planned.runs = true;
  if (!choice.run->failed.empty()) {
    choice.planned.why = choice.run->failed;
  }
  co_return choice;
}

rt::Task<Pipeline::Evaluation> Pipeline::evaluate_plan(std::shared_ptr<const BoundWorkflow> bound,
                                                       Event event, bool condition) {
  const engine::Workflow& workflow = *bound->workflow;
  std::vector<lang::Expression> expressions;
  if (condition) expressions.push_back(*workflow.condition);
  if (workflow.queue_key) expressions.push_back(*workflow.queue_key);
  expressions.insert(expressions.end(), bound->vars.begin(), bound->vars.end());
  Evaluation out;
  out.context = std::make_shared<const json::value>(plan_context(event, *bound, *rules_));
  if (expressions.empty()) co_return out;
  auto context = out.context;
  AWAIT(Values values,
        parts_.expressions.evaluate(std::move(expressions), std::move(context), event.received_at));
  if (const Error* why = unasked(values)) {
    out.unasked = *why;
    co_return out;
  }
  std::size_t next = 0;
  if (condition) out.condition = std::move(values[next++]);
  if (workflow.queue_key) out.queue_key = queue_key_of(values[next++], *workflow.queue_key, out.failed);
  out.vars.assign(std::make_move_iterator(values.begin() + static_cast<std::ptrdiff_t>(next)),
                  std::make_move_iterator(values.end()));
  co_return out;
}

rt::Task<Result<RunId>> Pipeline::replay(RunId run, bool again, bool stale, std::string actor) {
  AWAIT_TRY(const store::RunBrief old, parts_.store.brief(run));
  AWAIT_TRY(const store::EventDetail event, parts_.store.event(old.run.event));
  std::shared_ptr<const BoundWorkflow> bound;
  for (const auto& current : rules_->workflows()) {
    if (current->workflow->name == old.run.workflow) bound = current;
  }
  if (bound == nullptr) {  // it is gone from the configuration: as it was then
    auto pinned = rules_->bind_pinned(old.run.workflow, old.text);
    if (!pinned) co_return pinned.error();
    bound = *pinned;
  }
  const engine::Workflow& workflow = *bound->workflow;
  const std::string none = "nothing was replayed: today's workflow " + workflow.name;
  if (workflow.mode == engine::Workflow::Mode::kOff)
    co_return Error(Code::kConflict, none + " has `mode: off`");
  for (const BoundStep& step : bound->steps) {
    if (!step.unusable.empty()) co_return Error(Code::kConflict, none + " cannot be used: " + step.unusable);
  }
  if (!again) {
    AWAIT_TRY(const auto acted, parts_.store.acted(old.run));
    for (const store::Acted& before : acted) {
      const std::string moved = engine::moved_steps(before.text, before.steps, workflow.pinned);
      if (!moved.empty())
        co_return Error(Code::kConflict, "nothing was replayed of " + workflow.name + ": " + moved);
    }
  }
  AWAIT(const Evaluation asked, evaluate_plan(bound, event.event, workflow.condition.has_value()));
  if (asked.unasked) co_return *asked.unasked;
  if (asked.condition) {
    const ConditionResult answer(*workflow.condition, *asked.condition, masker_);
    if (answer.no) {
      co_return Error(Code::kConflict, none + " does not want the event: its `if`, `" +
                                           workflow.condition->text + "`, is false");
    }
    if (!answer.yes)
      co_return Error(Code::kConflict, none + " cannot say whether it wants the event: " + answer.wrong);
  }
  store::NewRun fresh = new_run(*bound, *rules_, event.event, asked.vars, asked.failed, "");
  fresh.replaces = false;  // somebody wants it in addition to what there is
  if (!asked.queue_key.empty()) fresh.queue_key = asked.queue_key;
  AWAIT(auto made, parts_.store.replay(run, std::move(fresh), again, stale, std::move(actor), rt::now()));
  co_return made;
}

// More events than a source is expected to send: from here on its runs wait for a person.
rt::Task<> Pipeline::watch_for_storm(Event event) {
  const Storm* storm = rules_->storm(event.source);
  if (storm == nullptr) co_return;
  std::deque<Instant>& recent = recent_[event.source];
  const Instant now = rt::now();
  recent.push_back(now);
  while (!recent.empty() && now - recent.front() > storm->within)
    recent.pop_front();
  if (recent.size() <= storm->events) co_return;
  recent.pop_front();  // no more of them than the limit are kept
  const std::string why =
      "storm: more than " + std::to_string(storm->events) + " events within " + to_text(storm->within);
  AWAIT(const Status held, parts_.store.pause(store::Pause{"source", event.source, now, "postlude", why}));
  if (!held) co_return;  // it is held already
  log::error("a storm: runs of this source are held until `postlude unpause --source`",
             {{"source", event.source}, {"why", why}});
  AWAIT_DONE(tell("storm", json::object{{"source", event.source}, {"reason", why}}));
}

rt::Task<Status> Pipeline::unpause(std::string kind, std::string name, std::string actor) {
  AWAIT(Status done, parts_.store.unpause(kind, name, std::move(actor), rt::now()));
  if (done && kind == "source") recent_.erase(name);  // what was held is no part of another storm
  co_return done;
}

rt::Task<> Pipeline::tell(std::string hook, json::object payload) {
  Event event;
  event.source = "postlude";
  event.hook = std::move(hook);
  event.received_at = rt::now();
  event.name = std::string(find_text(payload, "name"));
  event.payload = masker_.mask_json(json::serialize(payload));
  AWAIT(const auto told, parts_.store.tell(event));
  if (!told) {
    log::warn("an event of Postlude's own was not stored",
              {{"hook", event.hook}, {"why", told.error().message}});
    co_return;
  }
  event.id = *told;
  if (event.id && on_event) on_event(event);
}

Result<std::shared_ptr<const BoundWorkflow>> Pipeline::bound_for(const std::string& workflow,
                                                                 const std::string& text) {
  constexpr std::size_t kPinnedMax = 1'000;
  const std::string key = workflow + '\0' + text;
  const auto known = pinned_.find(key);
  if (known != pinned_.end()) return known->second;
  TRY(auto bound, rules_->bind_pinned(workflow, text));
  if (pinned_.size() >= kPinnedMax) pinned_.clear();
  pinned_.emplace(key, bound);
  return bound;
}

}  // namespace postlude::pipeline
