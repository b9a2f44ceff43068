#include "engine/decide.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace postlude::engine {

Duration backoff(const RetryPolicy& policy, std::uint32_t attempts, std::uint64_t jitter) {
  const double exponent = std::min(attempts > 0 ? attempts - 1.0 : 0.0, 64.0);
  const double full = static_cast<double>(policy.initial.count()) * std::pow(policy.factor, exponent);
  const auto ceiling = static_cast<std::int64_t>(std::min(full, static_cast<double>(policy.max.count())));
  if (ceiling <= 0) return Duration(0);
  return Duration(static_cast<std::int64_t>(jitter % static_cast<std::uint64_t>(ceiling + 1)));
}

namespace {

StepChange ended(std::uint32_t index, StepState state, std::string reason) {
  StepChange change;
  change.index = index;
  change.state = state;
  change.reason = std::move(reason);
  return change;
}

std::string title_of(const Step& step) {
  return step.title.empty() ? "step " + std::to_string(step.index + 1) : step.title;
}

// A further attempt after `delay`, or the failure that says why there is none.
StepChange again(const Run& run, const Step& step, const std::string& why, Duration delay,
                 const RetryPolicy& policy, Instant now) {
  if (policy.attempts > 0 && step.attempts >= policy.attempts) {
    const std::string count =
        policy.attempts == 1 ? "1 attempt" : std::to_string(policy.attempts) + " attempts";
    return ended(step.index, StepState::kFailed, why + "; gave up after " + count);
  }
  const Instant first = step.first_at.value_or(now);
  if (now + delay > first + policy.within) {
    return ended(step.index, StepState::kFailed,
                 why + "; gave up, the next attempt would be past " + to_text(policy.within));
  }
  if (run.deadline_at && now + delay > *run.deadline_at) {
    return ended(step.index, StepState::kFailed,
                 why + "; gave up, the next attempt would be past the run's timeout");
  }
  StepChange change = ended(step.index, StepState::kPending, why);
  change.due_at = now + delay;
  return change;
}

StepChange after_unclear(const Run& run, const Step& step, const Unclear& outcome, const RetryPolicy& policy,
                         Instant now, std::uint64_t jitter) {
  StepChange change;
  const Duration delay = backoff(policy, step.attempts, jitter);
  if (outcome.too_early) {
    RetryPolicy unlimited = policy;
    unlimited.attempts = 0;
    change = again(run, step, outcome.why, outcome.not_before, unlimited, now);
    change.uncounted = true;
  } else if (outcome.effect != Effect::kNone) {
    change = again(run, step, outcome.why, std::max(delay, outcome.not_before), policy, now);
  } else {
    switch (outcome.then) {
      case OnUnclear::kRepeat:
        change = again(run, step, outcome.why, delay, policy, now);
        break;
      case OnUnclear::kHold:
        change =
            ended(step.index, StepState::kWaiting, outcome.why + "; held: `runs resume` tells how to go on");
        change.held = true;
        break;
      case OnUnclear::kFail:
        change = ended(step.index, StepState::kFailed, outcome.why + "; not repeated (onUnclear: fail)");
        break;
    }
  }
  // Reads change nothing at the receiver: not knowing whether one was answered is no doubt worth keeping.
  change.unclear = outcome.effect != Effect::kRead;
  return change;
}

StepChange change_of(const Run& run, const Step& step, const Outcome& outcome, const RetryPolicy& policy,
                     Instant now, std::uint64_t jitter) {
  if (const auto* o = std::get_if<Succeeded>(&outcome)) {
    StepChange change = ended(step.index, StepState::kSucceeded, "");
    change.outputs = o->outputs;
    change.unclear = false;
    return change;
  }
  if (const auto* o = std::get_if<Skipped>(&outcome)) return ended(step.index, StepState::kSkipped, o->why);
  if (const auto* o = std::get_if<Refused>(&outcome)) return ended(step.index, StepState::kFailed, o->why);
  if (const auto* o = std::get_if<Waits>(&outcome)) {
    StepChange change = ended(step.index, StepState::kWaiting, o->why);
    change.due_at = run.deadline_at ? std::min(o->until, *run.deadline_at) : o->until;
    return change;
  }
  if (const auto* o = std::get_if<Held>(&outcome)) {
    StepChange change = ended(step.index, StepState::kWaiting, o->why);
    change.held = true;
    return change;
  }
  if (const auto* o = std::get_if<Retryable>(&outcome)) {
    // What the receiver asked for counts; the jitter on top keeps those who were told the same from coming
    // together.
    const Duration own = backoff(policy, step.attempts, jitter);
    const Duration delay = o->after ? *o->after + std::min(own, policy.initial) : own;
    return again(run, step, o->why, delay, policy, now);
  }
  return after_unclear(run, step, std::get<Unclear>(outcome), policy, now, jitter);
}

const Step* first_failed(const Run& run) {
  for (const Step& step : run.steps) {
    if (step.state == StepState::kFailed) return &step;
  }
  return nullptr;
}

// Gives the next step its turn, skips what a failure leaves out, or ends the run.
void go_on(const Run& run, std::uint32_t from, bool failed, Instant now, Decision& decision) {
  for (std::uint32_t i = from; i < run.steps.size(); ++i) {
    const Step& step = run.steps[i];
    if (terminal(step.state)) continue;
    if (failed && !step.after_failure) {
      decision.changes.push_back(ended(i, StepState::kSkipped, "an earlier step failed"));
      continue;
    }
    StepChange change = ended(i, StepState::kPending, "");
    change.due_at = now;
    decision.changes.push_back(std::move(change));
    decision.run = RunState::kRunning;
    return;
  }
  decision.run = failed ? RunState::kFailed : RunState::kSucceeded;
}

}  // namespace

Decision decide(const Run& run, std::uint32_t step, const Outcome& outcome, const RetryPolicy& policy,
                Instant now, std::uint64_t jitter) {
  CHECK(step < run.steps.size());
  const Step& current = run.steps[step];
  CHECK(current.state == StepState::kRunning);

  Decision decision;
  decision.changes.push_back(change_of(run, current, outcome, policy, now, jitter));
  const StepChange& change = decision.changes.front();
  if (change.state == StepState::kWaiting) {
    decision.run = RunState::kWaiting;
    if (change.held) decision.reason = title_of(current) + ": " + change.reason;
    return decision;
  }
  if (!terminal(change.state)) {
    decision.run = RunState::kRunning;
    return decision;
  }

  const Step* first = first_failed(run);
  const bool failed = first != nullptr || change.state == StepState::kFailed;
  if (failed) {
    decision.reason =
        first != nullptr ? title_of(*first) + ": " + first->reason : title_of(current) + ": " + change.reason;
  }
  go_on(run, step + 1, failed, now, decision);
  return decision;
}

Decision follow(const Run& run, Instant now) {
  Decision decision;
  const Step* failed = first_failed(run);
  if (failed != nullptr) decision.reason = title_of(*failed) + ": " + failed->reason;
  go_on(run, 0, failed != nullptr, now, decision);
  return decision;
}

}  // namespace postlude::engine
