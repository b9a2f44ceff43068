#pragma once
// Expressions: evaluates what stages ask for: the simple ones at once, the others by an interpreter. Loop
// thread only.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "evaluator/interpreter.h"
#include "lang/template.h"

namespace postlude::pipeline {

using Values = std::vector<lang::Evaluated>;  // one per expression, in order

// That no interpreter could be had for one of them, which is no fault of its own; null: each has a value or a
// fault.
const Error* unasked(const Values& values);

class Expressions {
 public:
  explicit Expressions(evaluator::Interpreter& evaluator) : evaluator_(evaluator) {}

  // Announces those that need jq. Texts that are asked for together belong into one call.
  void announce(const std::vector<lang::Expression>& expressions);

  // `context` outlives the call by being shared.
  rt::Task<Values> evaluate(std::vector<lang::Expression> expressions,
                            std::shared_ptr<const json::value> context, Instant now);

  // Appends what jq's compiler finds wrong with any of them.
  rt::Task<Status> check(std::vector<lang::Expression> expressions, lang::Problems& problems);

 private:
  const lang::Native* native(const std::string& text);

  evaluator::Interpreter& evaluator_;
  std::unordered_map<std::string, std::shared_ptr<const lang::Native>> natives_;  // nullptr: needs jq
};

}  // namespace postlude::pipeline
