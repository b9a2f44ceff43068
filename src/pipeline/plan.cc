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

}  // namespace

rt::Task<Pipeline::Choice> Pipeline::choose(std::shared_ptr<const BoundWorkflow> bound, Event event,
                                            Facts facts) {
  const engine::Workflow& workflow = *bound->workflow;
  Choice choice;
  choice.planned.workflow = workflow.name;
  if (workflow.off) {
    choice.planned.why = "its mode is off";
    co_return choice;
  }
  choice.planned.why = workflow.mismatch(facts);
  if (!choice.planned.why.empty()) co_return choice;
  if (rt::now() - event.received_at > workflow.max_age) {
    choice.planned.why = "stale: the event is older than maxAge, " + to_text(workflow.max_age);
    co_return choice;
  }

  std::vector<lang::Expression> expressions = bound->vars;
  if (workflow.condition) expressions.insert(expressions.begin(), *workflow.condition);
  Values values;
  if (!expressions.empty()) {
    auto context = std::make_shared<const json::value>(plan_context(event, workflow.name));
    AWAIT(values, parts_.expressions.evaluate(std::move(expressions), std::move(context), event.received_at));
  }

  store::NewRun run;
  choice.planned.why = "on matches";
  if (workflow.condition) {
    const lang::Evaluated answer = std::move(values.front());
    values.erase(values.begin());
    if (answer && *answer == "false") {
      choice.planned.why = "if: `" + workflow.condition->text + "` is false";
      co_return choice;
    }
    if (answer && *answer == "true") {
      choice.planned.why += ", if: `" + workflow.condition->text + "` is true";
    } else {
      // A condition that cannot be evaluated must not lose a release in silence: the run exists, and has
      // failed.
      run.failed =
          lang::blame(*workflow.condition, answer ? "must yield true or false, not " + answer->substr(0, 80)
                                                  : answer.error().message);
    }
  }

  json::object vars;
  std::size_t at = 0;
  for (const auto& [name, tmpl] : workflow.vars) {
    std::vector<lang::Expression> own;
    tmpl.collect(own);
    const Values part(values.begin() + static_cast<std::ptrdiff_t>(at),
                      values.begin() + static_cast<std::ptrdiff_t>(at + own.size()));
    at += own.size();
    auto value = tmpl.assemble(part);
    if (value) {
      vars[name] = std::move(*value);
    } else if (run.failed.empty()) {
      run.failed = "vars: " + value.error().message;
    }
  }
  if (!run.failed.empty()) {
    choice.planned.why = run.failed;
    log::error("a run could not begin",
               {{"workflow", workflow.name}, {"event", event.id.text()}, {"why", run.failed}});
  }

  choice.planned.runs = true;
  run.workflow = workflow.name;
  run.text = workflow.pinned;
  run.queue_key = canary_key(event);
  run.timeout = workflow.timeout;
  run.vars = json::serialize(vars);
  run.steps = workflow.step_rows();
  choice.run = std::move(run);
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
