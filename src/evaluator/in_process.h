#pragma once
// InProcess: runs jq in this process without limits: for simulations with expressions of their own.
// Expressions of users belong in Evaluator's children.
//
// Independent of any loop, so that many can share it: compiling a program takes 25 ms.

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
