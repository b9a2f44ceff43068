#pragma once
// Interpreter: evaluates jq expressions: in child processes (Evaluator), or in this one (InProcess).

#include <string>
#include <vector>

#include "rt/loop.h"

namespace postlude::evaluator {

// Values as JSON text, or why there is none (kInvalid: the expression or its data; kOverloaded: time, memory,
// size; kUnavailable: no child could be started; kCancelled: stop()).
using Values = std::vector<Result<std::string>>;

// As much may one expression yield, whoever evaluates it; and what is said of more.
constexpr std::size_t kValueBytesMax = 1U << 20U;
inline std::string too_much(std::size_t bytes_max) {
  return "yielded more than " + std::to_string(bytes_max >> 10U) + "KiB: take only what is needed of it";
}

class Interpreter {
 public:
  virtual ~Interpreter() = default;

  // Tells which expressions will be asked for together, so that they are compiled in few programs. Optional:
  // what was never announced is compiled when it is first met. Replaces nothing; the same text is known once.
  // Texts are taken as they are: what a user wrote goes through lang's checks first.
  virtual void announce(std::vector<std::string> expressions) = 0;

  // Each expression on the same `context` (JSON object text; its members are `.x` and also bound as `$x` for
  // the names in kBoundNames). Each yields exactly one value or an error of its own; one that kills its child
  // is the only one that fails. `now_seconds` is what `now` yields.
  virtual rt::Task<Values> evaluate(std::vector<std::string> expressions, std::string context,
                                    double now_seconds) = 0;

  // Compiles without running: "" or the compiler's message per expression, with the line within the
  // expression. What is checked is announced. Leave out what is evaluated natively.
  virtual rt::Task<Result<std::vector<std::string>>> check(std::vector<std::string> expressions) = 0;
};

}  // namespace postlude::evaluator
