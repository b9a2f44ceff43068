#pragma once
// LogBound: lines that others can cause as often as they like: so many a second are written, the rest is
// counted, and told once the second is over.
//
// Loop thread only.

#include <string>

#include "rt/group.h"

namespace postlude::pipeline {

class LogBound {
 public:
  LogBound(rt::Loop& loop, std::string what, std::size_t a_second);

  bool take();  // whether one more line may be written now; false: it is counted
  void stop();  // at the end: tells what was counted, and waits for nothing any more

 private:
  rt::Task<> tell_later(Duration left);
  void tell();

  std::string what_;
  std::size_t a_second_;
  Duration began_{};  // the second that is counted
  std::size_t written_ = 0;
  std::size_t more_ = 0;
  rt::Group telling_;
};

}  // namespace postlude::pipeline
