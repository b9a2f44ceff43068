// Which workflows an event starts: `on`, then `if`, then the values computed once.

#include "base/log.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

namespace {

json::value plan_context(const Event& event, const std::string& workflow) {
  json::object context;
  auto parsed = parse_json(document(event));
  context["event"] = parsed ? std::move(*parsed) : json::value(nullptr);
  context["workflow"] = {{"name", workflow}};
  context["status"] = "success";
  return context;
}

// Why the workflow does not run on the event, before anything is evaluated; "": it may.
std::string unwanted(const engine::Workflow& workflow, const Event& event, const Facts& facts) {
  if (workflow.off) return "its mode is off";
  std::string why = workflow.mismatch(facts);
  if (why.empty() && rt::now() - event.received_at > workflow.max_age) {
    why = "stale: the event is older than maxAge, " + to_text(workflow.max_age);
  }
  return why;
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

// `failed`: a condition that cannot be evaluated must not lose a release in silence: the run exists, and has
// failed.
store::NewRun new_run(const engine::Workflow& workflow, const Event& event, const Values& values,
                      std::string failed) {
  store::NewRun run;
  run.vars = vars_of(workflow, values, failed);
  run.failed = std::move(failed);
  run.workflow = workflow.name;
  run.text = workflow.pinned;
  run.queue_key = canary_key(event);
  run.timeout = workflow.timeout;
  run.steps = workflow.step_rows();
  return run;
}

}  // namespace

std::optional<std::vector<store::Planned>> Pipeline::nothing_wants(const Event& event) const {
  const Facts facts = facts_of(event);
  std::vector<store::Planned> plan;
  for (const auto& bound : rules_->workflows()) {
    std::string why = unwanted(*bound->workflow, event, facts);
    if (why.empty()) return std::nullopt;
    plan.push_back({bound->workflow->name, false, std::move(why)});
  }
  return plan;
}

rt::Task<Pipeline::Choice> Pipeline::choose(std::shared_ptr<const BoundWorkflow> bound, Event event,
                                            Facts facts) {
  const engine::Workflow& workflow = *bound->workflow;
  Choice choice;
  choice.planned.workflow = workflow.name;
  choice.planned.why = unwanted(workflow, event, facts);
  if (!choice.planned.why.empty()) co_return choice;

  std::vector<lang::Expression> expressions = bound->vars;
  if (workflow.condition) expressions.insert(expressions.begin(), *workflow.condition);
  Values values;
  if (!expressions.empty()) {
    auto context = std::make_shared<const json::value>(plan_context(event, workflow.name));
    AWAIT(values, parts_.expressions.evaluate(std::move(expressions), std::move(context), event.received_at));
  }
  for (const lang::Evaluated& value : values) {
    if (value || (value.error().code != Code::kUnavailable && value.error().code != Code::kCancelled))
      continue;
    choice.unasked = value.error();
    co_return choice;
  }

  choice.planned.why = "on matches";
  std::string failed;
  if (workflow.condition) {
    const lang::Evaluated answer = std::move(values.front());
    values.erase(values.begin());
    const std::string said = "if: `" + workflow.condition->text + "` is ";
    if (answer && *answer == "false") {
      choice.planned.why = said + "false";
      co_return choice;
    }
    if (answer && *answer == "true") {
      choice.planned.why += ", " + said + "true";
    } else {
      failed =
          lang::blame(*workflow.condition, answer ? "must yield true or false, not " + answer->substr(0, 80)
                                                  : answer.error().message);
    }
  }
  choice.run = new_run(workflow, event, values, std::move(failed));
  choice.planned.runs = true;
  if (!choice.run->failed.empty()) {
    choice.planned.why = choice.run->failed;
    log::error("a run could not begin",
               {{"workflow", workflow.name}, {"event", event.id.text()}, {"why", choice.run->failed}});
  }
  co_return choice;
}

Result<std::shared_ptr<const BoundWorkflow>> Pipeline::bound_for(const store::Work& work) {
  constexpr std::size_t kPinnedMax = 1'000;
  const std::string key = work.run.workflow + '\0' + *work.text;
  const auto known = pinned_.find(key);
  if (known != pinned_.end()) return known->second;
  TRY(auto bound, rules_->bind_pinned(work.run.workflow, *work.text));
  if (pinned_.size() >= kPinnedMax) pinned_.clear();
  pinned_.emplace(key, bound);
  return bound;
}

}  // namespace postlude::pipeline
