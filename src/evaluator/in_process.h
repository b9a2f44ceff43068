#pragma once
// InProcess: jq in this process, without any bound: for simulations, whose expressions are their own. What a
// user wrote belongs into Evaluator's children.
//
// Bound to no loop, hence shared by many: compiling a program costs 25 ms, whoever asks for it.

#include <memory>

#include "evaluator/interpreter.h"

namespace postlude::evaluator {

class InProcess final : public Interpreter {
 public:
  explicit InProcess(std::string prelude);  // as Options::prelude
  ~InProcess() override;
  InProcess(const InProcess&) = delete;
  InProcess& operator=(const InProcess&) = delete;

  void announce(std::vector<std::string> expressions) override;
  rt::Task<Values> evaluate(std::vector<std::string> expressions, std::string context,
                            double now_seconds) override;
  rt::Task<Result<std::vector<std::string>>> check(std::vector<std::string> expressions) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
