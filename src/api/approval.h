#pragma once
// Approval: what a step that asks people has stored about its question.

#include <string>
#include <vector>

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

}  // namespace postlude::api
