#pragma once
// Breaker: keeps from asking a target that does not work (contract 9). Pure: it gets the time as an argument,
// from a clock that nobody can set.
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

  // How many attempts may begin now, of `wanted`, when `busy` are under way.
  std::size_t room(std::size_t wanted, std::size_t busy, Duration now);
  // A request has ended: with a failure that speaks against the target, or with any answer of the target's.
  // True when it has just opened, other than after a probe.
  bool note(bool failed, Duration now);

  State state(Duration now) const;
  // How long until a probe may be sent; 0 when it is not open.
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
  std::uint32_t known_ = 0;    // how many of its bits mean something
};

std::string_view to_text(Breaker::State state);

}  // namespace postlude::engine
