#pragma once
// StoredRun: a run as stored: the model's Run, and the columns that the model does not have. For
// store/ only.

#include <optional>
#include <string>
#include <vector>

#include "model/run.h"

namespace postlude::ledger {

// The columns of a step that the model's Step does not have.
struct StepLease {
  std::int64_t attempt = 0;
  std::uint64_t token = 0;  // of its lease; 0: not leased
  std::uint32_t number = 0;
  std::optional<Instant> held_at;
  bool waited = false;
  std::string key;     // the `key` that it holds, of its target; "": none
  bool ended = false;  // the end of the step is stored
};
struct StoredRun {
  Run run;
  std::optional<Duration> timeout;
  bool queues = false;
  std::string team;
  std::vector<StepLease> leases;  // one per step
  bool alone = false;             // the event has no other run of this workflow; false: not known
};

}  // namespace postlude::ledger
