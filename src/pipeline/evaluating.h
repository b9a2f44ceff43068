#pragma once
// Evaluating: what comes before an action: its step's `if`, `forEach` and `with`.

#include "pipeline/shadow.h"

namespace postlude::pipeline {

class Evaluating {
 public:
  Evaluating(AttemptState& state, const Shadow& shadow) : state_(state), shadow_(shadow) {}

  // nullopt: go on, `.with` is in the context. Of a list, its elements.
  rt::Task<std::optional<Outcome>> carry_out();

 private:
  bool asks_condition() const;
  std::optional<Outcome> judge_condition(Values& values);
  rt::Task<std::optional<Outcome>> spread();
  rt::Task<std::optional<Outcome>> evaluate_with(bool condition);
  std::optional<Outcome> no_room();

  AttemptState& state_;
  const Shadow& shadow_;
};

}  // namespace postlude::pipeline
