#include "rt/wall.h"

#include <cstdlib>

namespace postlude::rt {

namespace {
constexpr std::int64_t kJump = Duration(std::chrono::seconds(60)).count();
}

void Wall::begin_anew() {
  base_.store(kUnset, std::memory_order_relaxed);
  off_.store(0, std::memory_order_relaxed);
}

Instant Wall::believe(Instant wall, Duration steady) {
  const std::int64_t difference = micros(wall) - steady.count();
  std::int64_t base = base_.load(std::memory_order_relaxed);
  if (base == kUnset && base_.compare_exchange_strong(base, difference, std::memory_order_relaxed))
    return wall;
  const std::int64_t off = difference - base;
  if (std::llabs(off) <= kJump) {
    if (off_.load(std::memory_order_relaxed) != 0) off_.store(0, std::memory_order_relaxed);
    return wall;
  }
  off_.store(off, std::memory_order_relaxed);
  return instant(base + steady.count());
}

}  // namespace postlude::rt
