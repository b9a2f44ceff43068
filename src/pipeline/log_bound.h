#pragma once
// LogBound: limits log lines that strangers can cause: a fixed number per second is written, the rest is
// counted and reported when the second is over.
//
// Loop thread only.

#include <string>

#include "rt/group.h"

namespace postlude::pipeline {

class LogBound {
 public:
  LogBound(rt::Loop& loop, std::string what, std::size_t a_second);

  bool take();  // true: write the line; false: it was counted
  void stop();  // on shutdown: reports the count and cancels the timer

 private:
  rt::Task<> tell_later(Duration left);
  void tell();

  std::string what_;
  std::size_t a_second_;
  Duration began_{};  // start of the current second
  std::size_t written_ = 0;
  std::size_t more_ = 0;
  rt::Group telling_;
};

}  // namespace postlude::pipeline
