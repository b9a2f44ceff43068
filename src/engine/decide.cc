#include "engine/decide.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/check.h"
#include "base/hash.h"
#include "engine/turns.h"

namespace postlude::engine {

namespace {

// Steps that report a failure, or run at the end in any case, have room of their own.
constexpr std::size_t kLateRoom = 4U << 20U;

}  // namespace

std::string no_room(std::size_t kept, const Step& step, std::string_view what, std::size_t more) {
  const bool late = step.list != StepList::kSteps || step.announces;
  if (kept + more <= kRunValuesMax + (late ? kLateRoom : 0)) return "";
  return "no room for its " + std::string(what) + " (" + std::to_string(more >> 10U) +
         "KiB): what a run keeps of inputs and outputs is at most " + std::to_string(kRunValuesMax >> 20U) +
         "MiB together" + std::string(kAdvice) +
         "name only what is needed in `with` and in the action's `outputs`, or take fewer elements";
}

Duration backoff(const RetryPolicy& policy, std::uint32_t attempts, std::uint64_t jitter) {
  const double exponent = std::min(attempts > 0 ? attempts - 1.0 : 0.0, 64.0);
  const double full = static_cast<double>(policy.initial.count()) * std::pow(policy.factor, exponent);
  const auto ceiling = static_cast<std::int64_t>(std::min(full, static_cast<double>(policy.max.count())));
  if (ceiling <= 0) return Duration(0);
  return Duration(static_cast<std::int64_t>(jitter % static_cast<std::uint64_t>(ceiling + 1)));
}

namespace {

StepChange ended(std::uint32_t index, StepState state, std::string reason,
                 Because because = Because::kOther) {
  StepChange change;
  change.index = index;
  change.state = state;
  change.reason = std::move(reason);
  change.because = because;
  return change;
}

void hold(const Step& step, const std::string& cause, StepChange& change) {
  change.held = true;
  change.cause = cause_of(step.title, cause.empty() ? change.reason : cause);
}

StepChange refused(const Step& step, std::string reason, const std::string& cause,
                   Because because = Because::kOther) {
  StepChange change = ended(step.index, StepState::kFailed, std::move(reason), because);
  if (!cause.empty()) change.cause = cause_of(step.title, cause);
  return change;
}

// A further attempt after `delay`, or the failure that says why there is none.
StepChange again(const Run& run, const Step& step, const std::string& why, Duration delay,
                 const RetryPolicy& policy, Instant now) {
  // Steps of `finally` are retried after a cancellation too.
  if (!run.cancel.empty() && step.list != StepList::kFinally)
    return ended(step.index, StepState::kCancelled, why + "; " + run.cancel);
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
  if (run.deadline_at && !run.people_since && now + delay > *run.deadline_at) {
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
  if (outcome.misread && outcome.effect != Effect::kNone) {
    change = ended(step.index, StepState::kFailed,
                   outcome.why + "; not repeated" + std::string(kAdvice) + "fix the expression");
  } else if (outcome.looked) {
    RetryPolicy unlimited = policy;
    unlimited.attempts = 0;
    change = again(run, step, outcome.why, outcome.not_before, unlimited, now);
    change.uncounted = true;
  } else if (outcome.effect == Effect::kLookup && step.attempts <= 1) {
    // The lookup follows at once; further sends are separate attempts, with the usual delay between them.
    change = again(run, step, outcome.why, outcome.not_before, policy, now);
  } else if (outcome.effect != Effect::kNone) {
    change = again(run, step, outcome.why, std::max(delay, outcome.not_before), policy, now);
  } else {
    switch (outcome.then) {
      case OnUnclear::kRepeat:
        change = outcome.answered ? ended(step.index, StepState::kFailed,
                                          outcome.why + "; not repeated, because the system answered")
                                  : again(run, step, outcome.why, delay, policy, now);
        break;
      case OnUnclear::kHold:
        change = ended(step.index, StepState::kWaiting, outcome.why);
        hold(step, outcome.cause, change);
        break;
      case OnUnclear::kFail:
        change = refused(step, outcome.why + "; not repeated (onUnclear: fail)", outcome.cause);
        break;
    }
  }
  // Reads change nothing at the receiver: not knowing whether one was answered is no doubt worth keeping.
  change.unclear = outcome.effect != Effect::kRead;
  return change;
}

// Elements have not begun: a cancelled run leaves them out with their step.
bool spreads(const Run& run, const Step& step) {
  return run.cancel.empty() || step.list == StepList::kFinally;
}

// The step that announces its wait, or nullptr.
const Step* announcement_of(const Run& run, const Step& step) {
  const Step* out = nullptr;
  for (const Step& other : run.steps) {
    if (other.announces == step.index) out = &other;
  }
  return out;
}

// As the elements' rows will have it.
std::size_t bytes_of(const Run& run, const Step& step, const Spread& spread) {
  std::size_t bytes = 0;
  for (const std::string& item : spread.items)
    bytes += item.size();
  return announcement_of(run, step) == nullptr ? bytes : 2 * bytes;
}

StepChange succeeded(const Run& run, const Step& step, const Succeeded& outcome) {
  std::string full = no_room(values_of(run) - step.input.size(), step, "input and outputs",
                             step.input.size() + outcome.outputs.size());
  const bool fits = full.empty();
  StepChange change = ended(step.index, fits ? StepState::kSucceeded : StepState::kFailed, std::move(full));
  if (fits) change.outputs = outcome.outputs;
  if (fits) change.because = outcome.because;
  change.no_input = !fits;
  change.unclear = false;
  return change;
}

StepChange change_of(const Run& run, const Step& step, const Outcome& outcome, const RetryPolicy& policy,
                     Instant now, std::uint64_t jitter) {
  if (const auto* o = std::get_if<Succeeded>(&outcome)) return succeeded(run, step, *o);
  if (const auto* o = std::get_if<Skipped>(&outcome))
    return ended(step.index, StepState::kSkipped, o->why, o->because);
  if (const auto* o = std::get_if<Refused>(&outcome)) return refused(step, o->why, o->cause, o->because);
  if (const auto* o = std::get_if<Waits>(&outcome)) {
    StepChange change = ended(step.index, StepState::kWaiting, o->why);
    change.asks = o->asks;
    change.due_at = o->until;
    change.over_by = o->over_by;
    // A step that polls has settled all its requests.
    if (o->over_by) change.unclear = false;
    // A step that asks people has a time limit of its own; all others end with the run's deadline.
    if (!o->asks && run.deadline_at) {
      Instant end = *run.deadline_at;
      // The deadline moves on while another step waits for people, so a deadline that has passed now means
      // one more poll, not the end.
      if (run.people_since) end = std::max(end + (now - *run.people_since), now + std::chrono::seconds(1));
      change.due_at = std::min(o->until.value_or(end), end);
    }
    return change;
  }
  if (const auto* o = std::get_if<Spread>(&outcome)) {
    if (!spreads(run, step)) return ended(step.index, StepState::kCancelled, run.cancel);
    std::string full = no_room(values_of(run), step, "elements", bytes_of(run, step, *o));
    if (!full.empty()) {
      StepChange change = ended(step.index, StepState::kFailed, std::move(full));
      change.no_input = true;
      return change;
    }
    StepChange change = ended(step.index, StepState::kRunning, "");
    change.spread = true;
    return change;
  }
  if (const auto* o = std::get_if<Held>(&outcome)) {
    StepChange change = ended(step.index, StepState::kWaiting, o->why);
    hold(step, o->cause, change);
    return change;
  }
  if (const auto* o = std::get_if<Retryable>(&outcome)) {
    // The receiver's delay counts; added jitter spreads the clients that got the same delay.
    const Duration own = backoff(policy, step.attempts, jitter);
    // "Now" is no time to wait for: who says so again and again is asked ever more slowly.
    const bool told = o->after && (*o->after > Duration(0) || o->uncounted);
    const Duration delay = told ? *o->after + std::min(own, policy.initial) : own;
    RetryPolicy allowed = policy;
    if (o->uncounted) {  // nothing was tried: that counts for no limit but the run's
      allowed.attempts = 0;
      allowed.within = std::chrono::hours(24 * 365 * 100);
    }
    if (!o->uncounted && step.over_by && now + delay > *step.over_by) {
      return ended(step.index, StepState::kFailed,
                   o->why + "; gave up: the next poll would be after `wait.timeout`");
    }
    StepChange change = again(run, step, o->why, delay, allowed, now);
    change.uncounted = o->uncounted;
    return change;
  }
  return after_unclear(run, step, std::get<Unclear>(outcome), policy, now, jitter);
}

// The rows of a forEach step's elements, and of what announces each of them.
void add_elements(const Run& run, const Step& step, const Spread& spread, Instant now, Decision& decision) {
  const Step* announcement = announcement_of(run, step);
  std::map<std::string_view, int> seen;  // equal elements are told apart by their order
  for (const std::string& item : spread.items) {
    Step row;
    row.index = static_cast<std::uint32_t>(run.steps.size() + decision.added.size());
    row.definition = step.definition;
    row.list = step.list;
    row.element_of = step.index;
    row.item = item;
    row.part =
        step.part + "[" + to_hex(sha256(item)).substr(0, 16) + "#" + std::to_string(seen[item]++) + "]";
    row.continues = step.continues;
    row.title = step.title;
    row.target = step.target;
    row.uses = step.uses;
    row.after_failure = step.after_failure;
    row.round = step.round;
    row.due_at = now;
    const std::uint32_t index = row.index;
    const std::string part = row.part;
    decision.added.push_back(std::move(row));
    if (announcement == nullptr) continue;
    Step words = *announcement;
    words.id = 0;
    words.index = index + 1;
    words.announces = index;
    words.element_of = step.index;
    words.item = item;
    words.part = announcement->part + part;
    words.state = StepState::kPending;
    decision.added.push_back(std::move(words));
  }
}

}  // namespace

Decision decide(const Run& run, std::uint32_t step, const Outcome& outcome, const RetryPolicy& policy,
                Instant now, std::uint64_t jitter) {
  CHECK(step < run.steps.size());
  const Step& current = run.steps[step];
  CHECK(current.state == StepState::kRunning);

  Decision decision;
  decision.changes.push_back(change_of(run, current, outcome, policy, now, jitter));
  const auto* spread = std::get_if<Spread>(&outcome);
  if (spread != nullptr && decision.changes.front().spread)
    add_elements(run, current, *spread, now, decision);
  settle(run, now, decision);
  return decision;
}

Decision follow(const Run& run, Instant now) {
  Decision decision;
  settle(run, now, decision);
  return decision;
}

}  // namespace postlude::engine
