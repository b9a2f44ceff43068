#pragma once
// Programs: libjq behind a wall. Many expressions are one program with a selector, since compiling any
// program costs 20 ms and selecting costs nothing. Lives in the child; libjq stays in programs.cc.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/wire.h"

namespace postlude::evaluator {

struct Outcome {
  Verdict verdict = Verdict::kInvalid;
  std::string text;  // JSON, or why there is none
};

class Programs {
 public:
  Programs(std::string prelude, void (*out_of_memory)(void*));
  ~Programs();
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  // A message per expression, "" for those that compiled. One that does not compile harms no other. `begin`
  // is called before each run of jq's compiler.
  std::vector<std::string> compile(std::uint32_t id, const std::vector<std::string>& texts,
                                   const std::function<void()>& begin);
  void forget(std::uint32_t id);

  std::string set_context(std::string_view json);  // "" or why it cannot be read
  void clear_context();
  Outcome run(std::uint32_t id, std::uint32_t index, double now_seconds, std::size_t output_max);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
