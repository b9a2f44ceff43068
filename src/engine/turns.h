#pragma once
// Turns: whose turn it is in a run, as far as its steps' states tell: needs, lists, elements, announcements
// and cancellation (contract 7). Pure; decide.h calls it for whatever has changed.
//
//   steps ──all over──> onFailure, where one failed ──all over──> finally ──all over──> the run's end

#include "model/run.h"

namespace postlude::engine {

// Completes `decision`, whose changes so far are those of the step that has just ended, if one has: gives
// steps their turn, leaves out those that a failure or a cancellation leaves out, ends `forEach` steps whose
// elements have ended, and says what state the run is in.
void settle(const Run& run, Instant now, Decision& decision);

// Something that the step needs, or that comes before it in a list, has failed: what success() and failure()
// look at. In onFailure it is true, in finally where a step failed.
bool after_failure(const Run& run, std::uint32_t step);

// The first step that failed the run, or nullptr.
const Step* failed_step(const Run& run);

// "step: reason" without what differs from run to run (ids, numbers, times), so that like failures meet.
std::string cause_of(std::string_view title, std::string_view reason);

}  // namespace postlude::engine
