#include "rehearsal/coverage.h"

namespace postlude::rehearsal {

namespace {

constexpr const char* kRuns = "runs";

std::string key_of(std::size_t step, std::string_view what) {
  return std::to_string(step) + " " + std::string(what);
}

// The result of the `if` in a trace: "true", "false", or "" if it was not evaluated, or failed.
std::string answer_of(const std::string& trace) {
  const auto parsed = parse_json(trace.empty() ? "null" : trace);
  const json::value* judged = parsed ? find(*parsed, "if") : nullptr;
  const json::value* result = judged == nullptr ? nullptr : find(*judged, "result");
  return result == nullptr || !result->is_bool() ? "" : result->get_bool() ? "true" : "false";
}

bool waits_for_others(engine::BuiltIn built_in) {
  return built_in == engine::BuiltIn::kApproval || built_in == engine::BuiltIn::kCallback;
}

bool over(const Step& step) {
  return step.because == Because::kUnanswered || step.because == Because::kJobNotEnded;
}

std::string list_of(StepList list) {
  switch (list) {
    case StepList::kSteps:
      return "";
    case StepList::kOnFailure:
      return " of onFailure";
    case StepList::kFinally:
      return " of finally";
  }
  return "";
}

// Counts what there is to reach of one workflow.
class Count {
 public:
  Count(const pipeline::BoundWorkflow& bound, const std::set<std::string>& reached) : reached_(reached) {
    const engine::Workflow& workflow = *bound.workflow;
    out_.workflow = workflow.name;
    const lang::Place first = workflow.steps.empty() ? lang::Place() : workflow.steps.front().place;
    one(kRuns, first, "no test runs it");
    if (workflow.condition) {
      one("if true", workflow.condition->place, "its `if` is never true");
      one("if false", workflow.condition->place, "its `if` is never false");
    }
    for (std::size_t i = 0; i < bound.steps.size(); ++i)
      step(bound.steps[i], i);
  }
  WorkflowCoverage take() { return std::move(out_); }

 private:
  void step(const pipeline::BoundStep& bound, std::size_t i) {
    const engine::StepDefinition& definition = *bound.definition;
    const std::string name = (definition.announces ? "the announcement '" : "step '") +
                             step_label(definition.name, i) + "'" + list_of(definition.list);
    one(key_of(i, kRuns), definition.place, name + " never runs");
    if (definition.condition) {
      one(key_of(i, "if true"), definition.condition->place, "the `if` of " + name + " is never true");
      one(key_of(i, "if false"), definition.condition->place, "the `if` of " + name + " is never false");
    }
    const connector::Waiting* waiting = bound.action == nullptr ? nullptr : bound.action->waiting();
    if ((waits_for_others(definition.built_in) && definition.with.find("timeout") != nullptr) ||
        (waiting != nullptr && definition.wait.timeout))
      one(key_of(i, "over"), definition.place, "the time of " + name + " is never over");
    if (waiting != nullptr && waiting->may_fail() && !definition.any_result)
      one(key_of(i, "red"), definition.place, "the result of " + name + " is never red");
  }

  void one(const std::string& key, const lang::Place& place, std::string what) {
    ++out_.all;
    if (reached_.contains(key)) {
      ++out_.reached;
    } else {
      out_.gaps.push_back({place, std::move(what)});
    }
  }

  const std::set<std::string>& reached_;
  WorkflowCoverage out_;
};

}  // namespace

int percent(std::size_t reached, std::size_t all) {
  return all == 0 ? 100 : static_cast<int>(reached * 100 / all);
}

void Coverage::add(const TrialResult& trial) {
  for (const store::Planned& planned : trial.plan) {
    const std::string answer = answer_of(planned.trace);
    if (!answer.empty()) reached_[planned.workflow].insert("if " + answer);
  }
  for (const store::RunBrief& detail : trial.details)
    add_run(detail.run);
}

void Coverage::add_run(const Run& run) {
  std::set<std::string>& reached = reached_[run.workflow];
  reached.insert(kRuns);
  for (const Step& step : run.steps) {
    const std::string answer = answer_of(step.trace);
    if (!answer.empty()) reached.insert(key_of(step.definition, "if " + answer));
    const bool began = step.started_at.has_value() || step.attempts > 0;
    if (began && answer != "false") reached.insert(key_of(step.definition, kRuns));
    if (over(step)) reached.insert(key_of(step.definition, "over"));
    if (step.because == Because::kJobFailed) reached.insert(key_of(step.definition, "red"));
  }
}

std::vector<WorkflowCoverage> Coverage::report() const {
  static const std::set<std::string> kNothing;
  std::vector<WorkflowCoverage> out;
  for (const auto& bound : rules_->workflows()) {
    if (bound->workflow->mode == engine::Workflow::Mode::kOff) continue;
    const auto reached = reached_.find(bound->workflow->name);
    out.push_back(Count(*bound, reached == reached_.end() ? kNothing : reached->second).take());
  }
  return out;
}

}  // namespace postlude::rehearsal
