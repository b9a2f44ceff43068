#pragma once
// Signals: what the operating system's signals ask of the process, told on the loop's thread.
//
// SIGTERM and SIGINT ask to stop, SIGHUP to read the configuration again. A broken pipe is an error of the
// write that met it, and so is a file at its size limit: SIGPIPE and SIGXFSZ are ignored from here on. Those
// that other programs take for commands of their own (SIGUSR1, timers, real-time signals …) are named in the
// log and do nothing; the default would end the process. Make it before other threads start; one per process.

#include <cstdint>
#include <functional>
#include <memory>

#include "rt/loop.h"

namespace postlude::rt {

// For what is written before there are Signals: a broken pipe, and a file at its size limit.
void ignore_failed_writes();

enum class Signal : std::uint8_t { kStop = 1, kReload };

class Signals {
 public:
  // `on_signal` is called on the loop for every signal, as long as this object lives.
  Signals(Loop& loop, std::function<void(Signal)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::rt
