#pragma once
// Signals: handles the operating system's signals on the loop thread.
//
// SIGTERM and SIGINT mean stop, SIGHUP means reload the configuration. SIGPIPE and SIGXFSZ are ignored, so
// that a broken pipe and a full file become errors of the write. Signals that other programs use as commands
// (SIGUSR1, timers, real-time signals …) are logged and otherwise ignored; by default they would end the
// process. Create it before other threads start; one per process.

#include <cstdint>
#include <functional>
#include <memory>

#include "rt/loop.h"

namespace postlude::rt {

// Ignores SIGPIPE and SIGXFSZ, for writes before a Signals exists.
void ignore_failed_writes();

enum class Signal : std::uint8_t { kStop = 1, kReload };

class Signals {
 public:
  // Calls `on_signal` on the loop for every signal while this object lives.
  Signals(Loop& loop, std::function<void(Signal)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::rt
