#pragma once
// transition: what a decision makes of a run, in memory. Pure; the store applies it inside the transaction.

#include <functional>
#include <vector>

#include "model/run.h"

namespace postlude {

// What has to be stored after it. The run's state is not changed: the caller does that, with what hangs on
// it.
struct Applied {
  std::vector<std::size_t> changed;
  std::size_t added_from = 0;  // steps from this index on are new
  bool run_changed = false;    // other fields than its state
};

// `timeout`: of the run. `waited(since)`: how long the run waited for people until `at`; its deadline moves
// by that when nobody is waited for any more.
Applied apply(Run& run, const Decision& decision, Instant at, const std::optional<Duration>& timeout,
              const std::function<Duration(Instant since)>& waited);

// onFailure and finally have a time limit of their own, since the run's may be over: as long as the run's,
// and this at most.
constexpr Duration kListTimeout = std::chrono::hours(1);

}  // namespace postlude
