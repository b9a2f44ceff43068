#pragma once
// Decide: what follows when an attempt ends. Pure and total: every state and outcome has an answer, no
// expression is evaluated, and the store calls it inside the transaction with the run as it is then.

#include "model/run.h"

namespace postlude::engine {

// How often and how soon a step is tried again (contract 9). The default: no limit on attempts, within an
// hour.
struct RetryPolicy {
  std::uint32_t attempts = 0;  // 0: no limit
  Duration initial = std::chrono::seconds(1);
  double factor = 2;
  Duration max = std::chrono::minutes(5);
  Duration within = std::chrono::hours(1);  // `for`: counted from the first attempt's beginning
};

// `jitter` is a fresh random number. `step` must be running in `run`.
Decision decide(const Run& run, std::uint32_t step, const Outcome& outcome, const RetryPolicy& policy,
                Instant now, std::uint64_t jitter);

// What follows when something else than an attempt has changed the run: it has begun, a person has ended or
// cancelled something. `run` has its new state already.
Decision follow(const Run& run, Instant now);

// "", or why `more` bytes of `what` of the step's are too many for a run that keeps `kept` (values_of()).
std::string no_room(std::size_t kept, const Step& step, std::string_view what, std::size_t more);

// How long to wait before attempt number `attempts` + 1: full jitter, that is anything up to the backoff.
Duration backoff(const RetryPolicy& policy, std::uint32_t attempts, std::uint64_t jitter);

}  // namespace postlude::engine
