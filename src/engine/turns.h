#pragma once
// Turns: which steps of a run are next, from the states of its steps alone: needs, lists, forEach elements,
// announcements and cancellation (contract 7). Pure. decide.h calls it after every change.
//
//   steps ──all over──> onFailure, where one failed ──all over──> finally ──all over──> the run's end

#include "model/run.h"

namespace postlude::engine {

// Completes `decision`, which has the changes of the step that has just ended, if any. Makes steps due, skips
// steps after a failure or cancels them, ends `forEach` steps whose elements have all ended, and sets the
// run's state.
void settle(const Run& run, Instant now, Decision& decision);

// The value of failure() for a step: something that the step needs, or an earlier step of its list, has
// failed. In onFailure always true; in finally true if any step failed.
bool after_failure(const Run& run, std::uint32_t step);

// The first step that failed the run, or nullptr.
const Step* failed_step(const Run& run);

// What follows it in a reason is advice: it is no part of the cause.
inline constexpr std::string_view kAdvice = "; what helps: ";
// "step: reason" without parts that differ between runs (ids, numbers, times), so that equal failures group.
std::string cause_of(std::string_view title, std::string_view reason);

}  // namespace postlude::engine
