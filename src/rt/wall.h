#pragma once
// Wall: the wall clock as a process trusts it (protocol 4): setting the clock must not end waits whose
// deadlines are stored as points in time.

#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace postlude::rt {

class Wall {
 public:
  // Returns the trusted time: `wall`, unless it differs by more than a minute from the time that passed on
  // `steady`, a monotonic clock, since the first call. Then it returns the latter, until the two agree again.
  // Any thread.
  Instant believe(Instant wall, Duration steady);
  // How far the wall clock is ahead of the trusted time; 0: it is trusted.
  Duration off() const { return Duration(off_.load(std::memory_order_relaxed)); }
  void begin_anew();  // for a process that starts: it trusts the wall clock

 private:
  static constexpr std::int64_t kUnset = INT64_MIN;
  std::atomic<std::int64_t> base_{kUnset};  // wall minus steady, at the first call
  std::atomic<std::int64_t> off_{0};
};

}  // namespace postlude::rt
