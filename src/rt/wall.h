#pragma once
// Wall: the wall clock as far as a process may believe it (protocol 4): durations that are stored as points
// in time must not end because somebody sets the clock.

#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace postlude::rt {

class Wall {
 public:
  // What to call the time. `wall` itself, until it is more than a minute off the time that has passed since
  // the first call by `steady`, a clock that nobody can set: then that time, until the two agree again. Any
  // thread.
  Instant believe(Instant wall, Duration steady);
  // How far the wall clock is ahead of what is believed; 0: it is believed.
  Duration off() const { return Duration(off_.load(std::memory_order_relaxed)); }
  void begin_anew();  // as a process that starts: it has nothing else to go by

 private:
  static constexpr std::int64_t kUnset = INT64_MIN;
  std::atomic<std::int64_t> base_{kUnset};  // wall less steady, at the first call
  std::atomic<std::int64_t> off_{0};
};

}  // namespace postlude::rt
