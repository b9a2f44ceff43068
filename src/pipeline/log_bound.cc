#include "pipeline/log_bound.h"

#include <chrono>
#include <utility>

#include "base/log.h"

namespace postlude::pipeline {

namespace {
constexpr Duration kSecond = std::chrono::seconds(1);
}

LogBound::LogBound(rt::Loop& loop, std::string what, std::size_t a_second)
    : what_(std::move(what)), a_second_(a_second), telling_(loop, "log lines left out") {}

bool LogBound::take() {
  const Duration now = rt::steady_now();
  if (written_ == 0 || now - began_ >= kSecond) {
    tell();
    began_ = now;
    written_ = 0;
  }
  if (written_ < a_second_) {
    ++written_;
    return true;
  }
  if (more_++ == 0) telling_.start(tell_later(began_ + kSecond - now));
  return false;
}

rt::Task<> LogBound::tell_later(Duration left) {
  AWAIT_DONE(rt::sleep_for(left));
  tell();
}

void LogBound::tell() {
  const std::size_t more = std::exchange(more_, 0);
  if (more == 0) return;
  log::warn("and " + std::to_string(more) + " more in the last second", {{"of", what_}, {"more", more}});
}

void LogBound::stop() {
  tell();
  telling_.abandon();
}

}  // namespace postlude::pipeline
