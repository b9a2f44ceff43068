#pragma once
// Process: one child, as its parent sees it: a socket, a page of shared memory, a pid. Loop thread only.

#include <memory>
#include <string>

#include "evaluator/evaluator.h"
#include "evaluator/wire.h"

namespace postlude::evaluator {

// How a child ended.
struct Death {
  enum class Cause : std::uint8_t { kTime, kStandstill, kMemory, kSignal, kExit };
  Cause cause = Cause::kExit;
  int number = 0;  // of the signal, or the exit code
  Phase phase = Phase::kIdle;
  std::uint32_t running = 0;
  bool from_outside = false;  // somebody else's SIGKILL
};

class Process {
 public:
  static Result<std::unique_ptr<Process>> start(rt::Loop& loop, const Options& options);
  ~Process();  // kills and reaps
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Sends one frame and yields the body of the next one that comes back. An error: the child is dead; see
  // death(). Meanwhile a watch ends the child when it stands still (or, under a sanitizer, when it grows too
  // large).
  rt::Task<Result<std::string>> ask(std::string frame);

  void kill();    // what waits in ask() gets its error
  Death death();  // after an error; waits for the process's end, which is at hand

 private:
  struct Impl;
  explicit Process(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
