#pragma once
// Expressions: evaluates expressions: simple ones (paths, comparisons) in process, all others in an evaluator
// process. Loop thread only.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "evaluator/interpreter.h"
#include "lang/template.h"
#include "rt/aside.h"

namespace postlude::pipeline {

using Values = std::vector<lang::Evaluated>;  // one per expression, in order

// The error of a value that could not be evaluated because no evaluator was available; nullptr: each has a
// value or an error of its own.
const Error* unasked(const Values& values);

class Expressions {
 public:
  explicit Expressions(evaluator::Interpreter& evaluator) : evaluator_(evaluator) {}

  // Has jq compile the expressions that need it, in advance. Pass expressions that are evaluated together in
  // one call.
  void announce(const std::vector<lang::Expression>& expressions);

  // Evaluates all expressions in one round trip; results are in order. `now` is the value of jq's `now`.
  // `aside`: for a large context, which is read and written there; nullptr: it is small.
  rt::Task<Values> evaluate(std::vector<lang::Expression> expressions,
                            std::shared_ptr<const json::value> context, Instant now,
                            rt::Aside* aside = nullptr);

  // Appends to `problems` what jq's compiler reports for each.
  rt::Task<Status> check(std::vector<lang::Expression> expressions, lang::Problems& problems);

 private:
  std::shared_ptr<const lang::Native> native(const std::string& text);

  evaluator::Interpreter& evaluator_;
  std::unordered_map<std::string, std::shared_ptr<const lang::Native>> natives_;  // nullptr: needs jq
};

}  // namespace postlude::pipeline
