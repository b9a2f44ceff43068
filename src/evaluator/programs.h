#pragma once
// Programs: wraps libjq, in the child. Joins many expressions into one program with a selector, because
// compiling any program takes 20 ms and selecting takes no time. libjq is used in programs.cc only.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/wire.h"

namespace postlude::evaluator {

struct EvaluationResult {
  ResultKind kind = ResultKind::kInvalid;
  std::string text;  // JSON, or the reason why there is no value
};

class Programs {
 public:
  Programs(std::string prelude, void (*out_of_memory)(void*));
  ~Programs();
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  // Returns a message per expression, "" for those that compiled. An expression that does not compile does
  // not affect the others. Calls `begin` before each run of jq's compiler.
  std::vector<std::string> compile(std::uint32_t id, const std::vector<std::string>& texts,
                                   const std::function<void()>& begin);
  void forget(std::uint32_t id);

  std::string set_context(std::string_view json);  // "" or why it cannot be read
  void clear_context();
  EvaluationResult run(std::uint32_t id, std::uint32_t index, double now_seconds, std::size_t output_max);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
