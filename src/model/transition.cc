#include "model/transition.h"

#include <algorithm>

#include "base/check.h"

namespace postlude {

namespace {

void change_step(Step& step, const StepChange& change, Instant at) {
  CHECK(!terminal(step.state) || step.state == change.state);
  CHECK(change.state != StepState::kRunning || change.spread);
  CHECK(!(terminal(change.state) && change.due_at));
  step.state = change.state;
  step.due_at = change.due_at;
  step.reason = change.reason;
  step.because = change.because;
  step.held = change.held;
  step.cause = change.held || change.state == StepState::kFailed ? change.cause : std::string();
  step.asks = change.asks;
  step.spread = step.spread || change.spread;
  if (change.uncounted && step.attempts > 0) --step.attempts;
  if (change.uncounted && step.attempts == 0) step.first_at = std::nullopt;  // `retry.for` has not begun
  if (change.unclear) step.unclear = *change.unclear;
  if (change.outputs) step.outputs = *change.outputs;
  if (change.no_input) step.input.clear();
  if (change.over_by) {
    step.over_by = change.over_by;
    step.attempts = 0;
    step.first_at = std::nullopt;
  }
  step.finished_at = terminal(change.state) ? std::optional<Instant>(at) : std::nullopt;
}

bool waits_for_people(const Run& run) {
  return std::any_of(run.steps.begin(), run.steps.end(),
                     [](const Step& s) { return s.state == StepState::kWaiting && (s.held || s.asks); });
}

}  // namespace

Applied apply(Run& run, const Decision& decision, Instant at, const std::optional<Duration>& timeout,
              const std::function<Duration(Instant since)>& waited) {
  Applied out;
  out.added_from = run.steps.size();
  for (const StepChange& change : decision.changes) {
    CHECK(change.index < run.steps.size());
    change_step(run.steps[change.index], change, at);
    out.changed.push_back(change.index);
  }
  for (const Step& added : decision.added) {
    CHECK(added.index == run.steps.size());
    run.steps.push_back(added);
  }
  // Time in which people are waited for counts for nobody's limit.
  const bool people = waits_for_people(run);
  if (people && !run.people_since) {
    run.people_since = at;
    out.run_changed = true;
  } else if (!people && run.people_since) {
    if (run.deadline_at) *run.deadline_at += waited(*run.people_since);
    run.people_since = std::nullopt;
    out.run_changed = true;
  }
  if (decision.begins_list && timeout) {
    run.deadline_at = at + std::min<Duration>(*timeout, kListTimeout);
    out.run_changed = true;
  }
  if (run.cause != decision.cause) {
    run.cause = decision.cause;
    out.run_changed = true;
  }
  return out;
}

}  // namespace postlude
