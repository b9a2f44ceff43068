#pragma once
// StoredRun: a run as its rows have it, with what the model does not hold. Private to store/.

#include <optional>
#include <string>
#include <vector>

#include "model/run.h"

namespace postlude::store {

// What a step's row holds beyond the model's step.
struct StepLease {
  std::int64_t attempt = 0;
  std::uint64_t token = 0;  // 0: nobody has it
  std::uint32_t number = 0;
  std::optional<Instant> held_at;
  bool waited = false;
  std::string key;     // that it has taken, of its target; "": none
  bool ended = false;  // that it has ended is written
};
struct StoredRun {
  Run run;
  std::optional<Duration> timeout;
  bool queues = false;
  std::string team;
  std::vector<StepLease> leases;  // one per step
  bool alone = false;             // its event has no other run of its workflow; false: nobody has looked
};

}  // namespace postlude::store
