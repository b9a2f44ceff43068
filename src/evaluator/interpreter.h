#pragma once
// Interpreter: evaluates jq expressions, in child processes (Evaluator) or in this process (InProcess).

#include <string>
#include <vector>

#include "rt/loop.h"

namespace postlude::evaluator {

// Values as JSON text, or errors: kInvalid: the expression or its data is wrong; kOverloaded: time, memory or
// size; kUnavailable: no child could be started; kCancelled: stop().
using Values = std::vector<Result<std::string>>;

// Maximum size of one value in every interpreter, and the error for a larger one.
constexpr std::size_t kValueBytesMax = 1U << 20U;
inline std::string too_much(std::size_t bytes_max) {
  return "yielded more than " + std::to_string(bytes_max >> 10U) + "KiB: take only what is needed of it";
}

class Interpreter {
 public:
  virtual ~Interpreter() = default;

  // Announces expressions that will be evaluated together, so that they are compiled into few programs.
  // Optional: other expressions are compiled on first use. Expressions announced before stay known. Texts are
  // not checked: check a user's expressions with lang first.
  virtual void announce(std::vector<std::string> expressions) = 0;

  // Evaluates each expression on the same `context` (JSON object text; its members are `.x`, and also `$x`
  // for the names in kBoundNames). Each yields exactly one value or an error of its own; if one kills its
  // child, only that one fails. `now_seconds` is the value of `now`.
  virtual rt::Task<Values> evaluate(std::vector<std::string> expressions, std::string context,
                                    double now_seconds) = 0;

  // Compiles without running: for each expression "" or the compiler's message, with the line within the
  // expression. Also announces them. Leave out expressions that are evaluated natively.
  virtual rt::Task<Result<std::vector<std::string>>> check(std::vector<std::string> expressions) = 0;
};

}  // namespace postlude::evaluator
