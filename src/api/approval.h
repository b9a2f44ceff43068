#pragma once
// Approval: what a step that asks people has stored about its question.

#include <string>
#include <vector>

#include "api/access.h"
#include "model/run.h"

namespace postlude::api {

struct Approval {
  std::string message;
  std::vector<std::string> approvers;  // names of tokens, and team:x; empty: everybody who may act
};

// Of a step whose `with` was evaluated: it asks, or has asked.
Approval approval_of(const Step& step);

// The approval that `word` (an id, a title, a number) names and that waits for an answer; "" is enough where
// only one does. kNotFound, kConflict, kInvalid say which it is not.
Result<std::uint32_t> asking_step(const Run& run, const std::string& word);

// The step that somebody means who names none when skipping: the one that has failed, or that waits for
// people. Its number; "" where that is not one step.
std::string skipped_by_default(const Run& run);

// Skipping an approval goes on without it: that is for those who may give it. `pinned` is the run's workflow.
// kDenied: the caller is not among the approvers; kConflict: who they are is not known before it asks.
Status may_skip(const Run& run, const std::string& pinned, const std::string& word, const Caller& who);

}  // namespace postlude::api
