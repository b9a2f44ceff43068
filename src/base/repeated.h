#pragma once
// Repeated: a trouble that comes again and again, such as a full disk. The log tells it at once, then with
// how often it came, at growing intervals, and when it is over. Pure: the caller passes the time, from a
// monotonic clock.

#include <algorithm>
#include <utility>

#include "base/time.h"

namespace postlude {

class Repeated {
 public:
  // It came. How often since it was told last, if that is to be told now; 0: not yet.
  std::size_t came(Duration now) {
    ++all_;
    ++untold_;
    if (all_ > 1 && now < next_) return 0;
    pause_ = all_ == 1 ? kFirst : std::min(pause_ * 2, kMost);
    next_ = now + pause_;
    return std::exchange(untold_, 0);
  }
  // It works again. How often it came before; 0: not at all.
  std::size_t over() {
    untold_ = 0;
    return std::exchange(all_, 0);
  }

 private:
  static constexpr Duration kFirst = std::chrono::minutes(1);
  static constexpr Duration kMost = std::chrono::hours(1);

  std::size_t all_ = 0, untold_ = 0;
  Duration next_{}, pause_{};
};

}  // namespace postlude
