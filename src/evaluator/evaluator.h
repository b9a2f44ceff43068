#pragma once
// Evaluator: evaluates jq expressions in child processes, because data alone can crash, hang or inflate
// libjq.
//
// A child is this binary, started again (see child.h) with an empty environment and with limits on memory and
// on CPU time per expression. Loop thread only. The pool starts on first use and never shrinks; each child
// works on one batch at a time.
//
// jq 1.6 has doubles only: integers beyond 2^53 lose their last digits, and 1e999 becomes 1.797…e308. Write
// ids as text.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/interpreter.h"
#include "rt/group.h"

namespace postlude::evaluator {

// Members of the context that expressions can also use as variables, for example after a pipe.
constexpr std::array<std::string_view, 15> kBoundNames = {
    "event", "run",  "workflow", "vars",     "steps",    "item", "data",   "failure",
    "step",  "with", "target",   "response", "requests", "key",  "outputs"};

struct Options {
  Duration time = std::chrono::milliseconds(250);  // CPU time of one expression
  std::size_t memory_bytes = 256U << 20U;          // RLIMIT_AS above what the child uses after compiling
  std::size_t output_bytes_max = kValueBytesMax;   // of one expression's value
  std::size_t children = 2;                        // two, so that one goes on while the other hangs
  std::size_t queue_max = 10'000;                  // waiting batches; more are kUnavailable
  Duration standstill = std::chrono::seconds(5);   // kills a child after so much time without progress
  std::vector<std::string> command;                // argv of a child: {"/proc/self/exe", "evaluator-child"}
  std::string prelude;  // jq definitions in front of each program; it can use $__c, the context
};

class Evaluator final : public Interpreter {
 public:
  Evaluator(rt::Loop& loop, Options options);
  ~Evaluator() override;  // call it after stop(), or after the loop's last turn
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  void announce(std::vector<std::string> expressions) override;  // compiles in the background
  rt::Task<Values> evaluate(std::vector<std::string> expressions, std::string context,
                            double now_seconds) override;
  rt::Task<Result<std::vector<std::string>>> check(std::vector<std::string> expressions) override;

  rt::Task<> stop();  // ends the children; waiting batches get kCancelled

  struct Stats {
    std::uint64_t batches = 0, expressions = 0, killed_time = 0, killed_memory = 0, died = 0;
  };
  Stats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
