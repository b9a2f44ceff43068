#pragma once
// Breaker: a circuit breaker for one target (contract 9). Pure: the caller passes the time, from a monotonic
// clock.
//
//   closed --(5 failures in a row, or more than half of 20)--> open --(its pause)--> half-open
//     ^                                                         ^                       |
//     +------------------(a probe succeeded)--------------------|-----------------------+
//                                                               +---(it failed: twice the pause)

#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace postlude::engine {

class Breaker {
 public:
  enum class State : std::uint8_t { kClosed, kHalfOpen, kOpen };

  // How many of `wanted` attempts may begin now, given `busy` attempts in flight.
  std::size_t room(std::size_t wanted, std::size_t busy, Duration now);
  // Call when a request has ended. `failed`: no connection, or an unclear answer; any other answer is a
  // success. Returns true if this opened the breaker; false for a failed probe.
  bool note(bool failed, Duration now);

  State state(Duration now) const;
  // Time until a probe may be sent; 0 if the breaker is not open.
  Duration until(Duration now) const;

 private:
  void open(Duration now);

  static constexpr std::uint32_t kRow = 5;
  static constexpr std::uint32_t kSample = 20;
  static constexpr Duration kFirstPause = std::chrono::seconds(1);
  static constexpr Duration kLongestPause = std::chrono::minutes(1);

  bool open_ = false;
  Duration open_until_{};
  Duration pause_ = kFirstPause;
  std::uint32_t row_ = 0;      // failures since the last success
  std::uint32_t history_ = 0;  // bit i: the i-th last request failed
  std::uint32_t known_ = 0;    // number of valid bits in history_
};

std::string_view to_text(Breaker::State state);

}  // namespace postlude::engine
