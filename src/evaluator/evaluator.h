#pragma once
// Evaluator: jq expressions, evaluated in child processes, because data alone can kill, hang or swell libjq.
//
// A child is this binary started again (see child.h) with an empty environment, bounded memory and CPU time
// per expression. Loop thread only. The pool starts on first use and shrinks never; each child has one batch
// at a time.
//
// jq 1.6 knows doubles only: integers beyond 2^53 lose their last digits, and 1e999 is 1.797…e308. Ids belong
// in text.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/interpreter.h"
#include "rt/group.h"

namespace postlude::evaluator {

// The context's members that expressions also reach as variables, also behind a pipe.
constexpr std::array<std::string_view, 15> kBoundNames = {
    "event", "run",  "workflow", "vars",     "steps",    "item", "data",   "failure",
    "step",  "with", "target",   "response", "requests", "key",  "outputs"};

struct Options {
  Duration time = std::chrono::milliseconds(250);  // CPU time of one expression
  std::size_t memory_bytes = 256U << 20U;          // RLIMIT_AS above what the child has after compiling
  std::size_t output_bytes_max = kValueBytesMax;   // of one expression's value
  std::size_t children = 2;                        // one hangs, the other goes on
  std::size_t queue_max = 10'000;                  // batches that wait; more is kUnavailable
  Duration standstill = std::chrono::seconds(5);   // wall-clock time without progress that ends a child
  std::vector<std::string> command;                // argv of a child: {"/proc/self/exe", "evaluator-child"}
  std::string prelude;  // jq definitions before each program; sees $__c, the context
};

class Evaluator final : public Interpreter {
 public:
  Evaluator(rt::Loop& loop, Options options);
  ~Evaluator() override;  // after stop(), or when the loop has run its last turn
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  void announce(std::vector<std::string> expressions) override;  // compiled in the background
  rt::Task<Values> evaluate(std::vector<std::string> expressions, std::string context,
                            double now_seconds) override;
  rt::Task<Result<std::vector<std::string>>> check(std::vector<std::string> expressions) override;

  rt::Task<> stop();  // ends the children; what waits gets kCancelled

  struct Stats {
    std::uint64_t batches = 0, expressions = 0, killed_time = 0, killed_memory = 0, died = 0;
  };
  Stats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
