#pragma once
// Decide: what follows when an attempt ends. Pure and total: every state and outcome has a decision. It
// evaluates no expression. The store calls it on the writer thread, inside the transaction, with the run's
// current state.

#include "model/run.h"

namespace postlude::engine {

// How often and how soon a step is retried (contract 9). Default: any number of attempts, within an hour.
struct RetryPolicy {
  std::uint32_t attempts = 0;  // 0: no limit
  Duration initial = std::chrono::seconds(1);
  double factor = 2;
  Duration max = std::chrono::minutes(5);
  Duration within = std::chrono::hours(1);  // `for`: counted from the start of the first attempt
};

// Decides after an attempt of `step`, which must be running in `run`. `jitter`: a fresh random number.
Decision decide(const Run& run, std::uint32_t step, const Outcome& outcome, const RetryPolicy& policy,
                Instant now, std::uint64_t jitter);

// Decides after any other change: the run has begun, or a person has skipped, resumed or cancelled something.
// `run` already has its new state.
Decision follow(const Run& run, Instant now);

// Checks the size limit of a run: "" if `more` bytes fit beside the `kept` bytes (values_of()) that it
// stores; else the reason, which names `step` and `what`.
std::string no_room(std::size_t kept, const Step& step, std::string_view what, std::size_t more);

// Time to wait before attempt number `attempts` + 1: a random time from 0 to the backoff (full jitter).
Duration backoff(const RetryPolicy& policy, std::uint32_t attempts, std::uint64_t jitter);

}  // namespace postlude::engine
