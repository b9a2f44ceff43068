#pragma once
// Process: the parent's side of one child: a socket, a page of shared memory, a pid. Loop thread only.

#include <memory>
#include <string>

#include "evaluator/evaluator.h"
#include "evaluator/wire.h"

namespace postlude::evaluator {

// How a child ended.
struct Death {
  enum class Cause : std::uint8_t { kTime, kStandstill, kMemory, kSignal, kExit };
  Cause cause = Cause::kExit;
  int number = 0;  // signal number, or exit code
  ChildPhase phase = ChildPhase::kIdle;
  std::uint32_t running = 0;
  bool from_outside = false;  // somebody else sent SIGKILL
};

class Process {
 public:
  static Result<std::unique_ptr<Process>> start(rt::Loop& loop, const Options& options);
  ~Process();  // kills and reaps
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Sends one frame and returns the body of the next frame from the child. An error: the child is dead; see
  // death(). A watchdog kills a child that makes no progress (and, under a sanitizer, one that grows too
  // large).
  rt::Task<Result<std::string>> ask(std::string frame);

  void kill();    // a waiting ask() returns an error
  Death death();  // call it after an error; waits until the process has ended, which is soon

 private:
  struct Impl;
  explicit Process(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::evaluator
