#include "engine/breaker.h"

#include <algorithm>
#include <bit>

namespace postlude::engine {

std::string_view to_text(Breaker::State state) {
  switch (state) {
    case Breaker::State::kClosed:
      return "closed";
    case Breaker::State::kHalfOpen:
      return "half-open";
    case Breaker::State::kOpen:
      break;
  }
  return "open";
}

Breaker::State Breaker::state(Duration now) const {
  if (!open_) return State::kClosed;
  return now < open_until_ ? State::kOpen : State::kHalfOpen;
}

Duration Breaker::until(Duration now) const {
  return open_ ? std::max(Duration(0), open_until_ - now) : Duration(0);
}

std::size_t Breaker::room(std::size_t wanted, std::size_t busy, Duration now) {
  switch (state(now)) {
    case State::kClosed:
      return wanted;
    case State::kHalfOpen:
      return busy == 0 ? std::min<std::size_t>(wanted, 1) : 0;  // one probe at a time
    case State::kOpen:
      break;
  }
  return 0;
}

void Breaker::open(Duration now) {
  open_ = true;
  open_until_ = now + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
}

bool Breaker::note(bool failed, Duration now) {
  if (open_) {
    if (!failed) {  // whatever was sent when: it works again
      *this = Breaker();
      return false;
    }
    // A request sent before the breaker opened tells nothing new; a probe does.
    if (now >= open_until_) open(now);
    return false;
  }
  row_ = failed ? row_ + 1 : 0;
  history_ = ((history_ << 1U) | (failed ? 1U : 0U)) & ((1U << kSample) - 1);
  known_ = std::min(known_ + 1, kSample);
  const bool most = known_ == kSample && static_cast<std::uint32_t>(std::popcount(history_)) * 2 > kSample;
  if (row_ < kRow && !most) return false;
  open(now);
  return true;
}

}  // namespace postlude::engine
