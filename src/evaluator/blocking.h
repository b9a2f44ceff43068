#pragma once
// Blocking: an Evaluator with a loop of its own; its callers block until they have the values, so that
// virtual time stands still while real children work.

#include <memory>

#include "evaluator/evaluator.h"

namespace postlude::evaluator {

class Blocking final : public Interpreter {
 public:
  explicit Blocking(Options options);
  ~Blocking() override;  // ends the children
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;

  void announce(std::vector<std::string> expressions) override;
  rt::Task<Values> evaluate(std::vector<std::string> expressions, std::string context,
                            double now_seconds) override;
  rt::Task<Result<std::vector<std::string>>> check(std::vector<std::string> expressions) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
