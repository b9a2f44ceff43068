#pragma once
// Approval: what an approval step has stored about its question.

#include <string>
#include <vector>

#include "api/access.h"
#include "model/run.h"

namespace postlude::api {

struct Approval {
  std::string message;
  std::vector<std::string> approvers;  // names of tokens, and team:x; empty: everybody with the role
};

// For a step whose `with` was evaluated, before or after the answer.
Approval approval_of(const Step& step);

// Finds the waiting approval that `word` (an id, a title, a number) names; "" if exactly one waits.
// kNotFound, kConflict and kInvalid say why it found none.
Result<std::uint32_t> asking_step(const Run& run, const std::string& word);

// The step to skip if the caller names none: the failed one, or the one that waits for people. Returns its
// number; "" unless there is exactly one.
std::string skipped_by_default(const Run& run);

// Skipping an approval passes it, so it needs the right to approve. `pinned` is the run's workflow. kDenied:
// the caller is not an approver; kConflict: the approvers are unknown before the step asks.
Status may_skip(const Run& run, const std::string& pinned, const std::string& word, const Caller& who);

}  // namespace postlude::api
