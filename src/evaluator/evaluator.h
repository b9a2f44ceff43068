#pragma once
// Evaluator: jq expressions, evaluated in child processes, because data alone can kill, hang or swell libjq.
//
// A child is this binary started again (see child.h) with an empty environment, bounded memory and CPU time per
// expression. Loop thread only. The pool starts on first use and shrinks never; each child has one batch at a time.

#include <memory>
#include <string>
#include <vector>

#include "rt/group.h"

namespace postlude::evaluator {

struct Options {
  Duration time = std::chrono::milliseconds(250);     // CPU time of one expression
  std::size_t memory_bytes = 256U << 20U;             // RLIMIT_AS above what the child has after starting
  std::size_t output_bytes_max = 1U << 20U;           // of one expression's value
  std::size_t children = 2;                           // one hangs, the other goes on
  std::size_t queue_max = 10'000;                     // batches that wait; more is kOverloaded
  std::vector<std::string> command;                   // how to start a child; argv
};

// Values as JSON text, or why there is none (kInvalid: the expression or its data; kOverloaded: time, memory, size).
using Values = std::vector<Result<std::string>>;

class Evaluator {
 public:
  Evaluator(rt::Loop& loop, Options options);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  // Tells which expressions will be asked for together, so that a child compiles them in few programs. Optional:
  // what was never announced is compiled when it is first met. Replaces nothing; the same text is known once.
  void announce(std::vector<std::string> expressions);

  // Each expression on the same `context` (JSON object text; its members are `.x` and also bound as `$x` for the
  // names in kBoundNames). Each yields exactly one value or an error of its own; one that kills its child is the
  // only one that fails. `now_seconds` is what `now` yields.
  rt::Task<Values> evaluate(std::vector<std::string> expressions, std::string context, double now_seconds);

  // Compiles without running: "" or the compiler's message per expression, with the line within the expression.
  rt::Task<Result<std::vector<std::string>>> check(std::vector<std::string> expressions);

  rt::Task<> stop();  // ends the children

  struct Stats {
    std::uint64_t batches = 0, expressions = 0, killed_time = 0, killed_memory = 0, died = 0;
  };
  Stats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
