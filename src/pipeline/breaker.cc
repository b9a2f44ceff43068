// The circuit breaker of each target: what closes and opens it, and what is told of it.

#include <algorithm>

#include "base/log.h"
#include "engine/decide.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

engine::Breaker& Pipeline::breaker(std::string_view target) {
  const auto found = breakers_.find(target);
  return found != breakers_.end() ? found->second : breakers_[std::string(target)];
}

// The next step of the run may follow without a claim of its own: nobody counts the target's steps in time,
// and it works.
bool Pipeline::may_go_on(const std::string& target) {
  if (target.empty()) return true;
  const connector::Target* known = rules_->target(target);
  return known != nullptr && !known->limits.rate &&
         breaker(target).state(rt::steady_now()) == engine::Breaker::State::kClosed;
}

void Pipeline::note_target(const std::string& target, const std::vector<Request>& requests,
                           const Outcome& outcome) {
  const auto* later = std::get_if<Retryable>(&outcome);
  const auto* unclear = std::get_if<Unclear>(&outcome);
  const bool failed = (later != nullptr && later->counts_for_breaker && !later->uncounted) ||
                      (unclear != nullptr && !unclear->looked && !requests.empty());
  const bool answered = std::any_of(requests.begin(), requests.end(),
                                    [](const Request& q) { return q.status != 0 || !q.response.empty(); });
  if (!failed && !answered) return;  // nothing was asked of it
  engine::Breaker& guard = breaker(target);
  const bool was_closed = guard.state(rt::steady_now()) == engine::Breaker::State::kClosed;
  const bool opened = guard.note(failed, rt::steady_now());
  const bool closed = guard.state(rt::steady_now()) == engine::Breaker::State::kClosed;
  telemetry_->breaker(target, !closed);
  if (closed && !was_closed) log::info("the target answers again", {{"target", target}});
  if (!opened) return;
  const std::string why(why_of(outcome));
  log::error("a target is down: only single requests are sent until it answers",
             {{"target", target}, {"why", why}});
  background_.start(tell("target-down", json::object{{"target", target}, {"reason", why}}));
}

}  // namespace postlude::pipeline
