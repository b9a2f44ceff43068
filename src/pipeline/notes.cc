// What the pipeline keeps of targets, and what it keeps trying when the store is full.

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "engine/decide.h"
#include "intake/answer.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

void Pipeline::use(std::shared_ptr<const Rules> rules) {
  rules_ = std::move(rules);
  signals_->use(*rules_);
  pinned_.clear();
  // What was sent under the version before is still hidden: its answers may be yet to come.
  renew_masker(Duration(0));
  look_at_secrets();
  parts_.expressions.announce(rules_->expressions());
  background_.start(say_what_is_told(rules_));
}

// Until the store knows, or another version of the rules says something else.
rt::Task<> Pipeline::say_what_is_told(std::shared_ptr<const Rules> rules) {
  Duration pause = std::chrono::milliseconds(100);
  while (rules == rules_ && !stopping_) {
    AWAIT(const Status said, parts_.store.set_told(rules->told()));
    if (said) co_return;
    log::warn("could not store which own events have workflows; trying again",
              {{"why", said.error().message}});
    AWAIT_DONE(rt::sleep_for(pause));
    pause = std::min<Duration>(pause * 2, std::chrono::seconds(5));
  }
}

engine::Breaker& Pipeline::breaker(std::string_view target) {
  const auto found = breakers_.find(target);
  return found != breakers_.end() ? found->second : breakers_[std::string(target)];
}

// Secrets are read when they are used; what hides them keeps up.
void Pipeline::renew_masker(Duration after) {
  const Duration now = rt::steady_now();
  if (now - masked_at_ < after) return;
  masked_at_ = now;
  masker_.renew(rules_->targets(), parts_.secrets);
  for (const auto& source : rules_->sources().list()) {
    for (const SecretRef& ref : source->secrets()) {
      const Result<std::string> secret = parts_.secrets(ref);
      if (secret) masker_.add(*secret);
    }
  }
}

Mask& Pipeline::hidden() {
  renew_masker();
  return masker_.known();
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
  const bool answered =
      std::any_of(requests.begin(), requests.end(), [](const Request& q) { return q.status != 0; });
  if (!failed && !answered) return;  // nothing was asked of it
  engine::Breaker& guard = breaker(target);
  const bool opened = guard.note(failed, rt::steady_now());
  const bool closed = guard.state(rt::steady_now()) == engine::Breaker::State::kClosed;
  signals_->breaker(target, !closed);
  if (!opened) return;
  const std::string why(why_of(outcome));
  log::error("a target is down: only single requests are sent until it answers",
             {{"target", target}, {"why", why}});
  background_.start(tell("target-down", json::object{{"target", target}, {"reason", why}}));
}

rt::Task<Result<std::optional<store::Work>>> Pipeline::record(store::AttemptEnd end, store::Rule rule,
                                                              bool go_on) {
  Duration pause = std::chrono::milliseconds(100);
  while (true) {
    Result<std::optional<store::Work>> recorded = std::optional<store::Work>();
    if (go_on && !stopping_) {
      AWAIT(recorded, parts_.store.record_and_go_on(end, rule));
    } else {
      AWAIT(const Status done, parts_.store.record(end, rule));
      if (!done) recorded = done.error();
    }
    const bool again = !recorded && (recorded.error().code == Code::kOverloaded ||
                                     recorded.error().code == Code::kUnavailable);
    if (!again) co_return recorded;
    log::warn("the store did not take an outcome; trying again",
              {{"attempt", end.lease.attempt.text()}, {"why", recorded.error().message}});
    AWAIT_DONE(rt::sleep_for(pause));
    // While stopping as often as can be: the end does not wait for it.
    pause =
        stopping_ ? std::chrono::milliseconds(100) : std::min<Duration>(pause * 2, std::chrono::seconds(5));
  }
}

rt::Task<Status> Pipeline::retry(RunId run, bool stale, std::string actor) {
  AWAIT(Status done, parts_.store.retry(run, stale, std::move(actor), rt::now()));
  co_return done;
}

rt::Task<Status> Pipeline::resume(RunId run, std::string step, store::ResumeAs as, std::string actor,
                                  std::string cause) {
  const Instant at = rt::now();
  store::Rule rule = [at](const Run& now) { return engine::follow(now, at); };
  AWAIT(Status done, parts_.store.resume(run, step, as, actor, at, std::move(rule), std::move(cause)));
  co_return done;
}

}  // namespace postlude::pipeline
