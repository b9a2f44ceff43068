#include "pipeline/log_bound.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "rt/virtual_clock.h"

namespace postlude::pipeline {
namespace {

const Instant kStart = instant(1'800'000'000'000'000);

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++found;
  return found;
}

struct Line {
  rt::VirtualClock clock{kStart, 1};
  rt::Loop loop{clock};
  LogBound bound{loop, "refused calls", 5};

  // As many calls at once; how many of them may be written.
  int call(int times) {
    int written = 0;
    for (int i = 0; i < times; ++i)
      written += bound.take() ? 1 : 0;
    return written;
  }
  void pass(Duration d) { (void)loop.run_virtual(rt::steady_now() + d, nullptr); }
};

TEST(LogBound, WritesSoManyASecondAndTellsTheRestOnceItIsOver) {
  Line line;
  EXPECT_EQ(line.call(5), 5);
  testing::internal::CaptureStderr();
  EXPECT_EQ(line.call(1000), 0);
  line.pass(std::chrono::milliseconds(999));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  testing::internal::CaptureStderr();
  line.pass(std::chrono::milliseconds(2));
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(told, "\n"), 1U) << told;
  EXPECT_EQ(count(told, "level=warn msg=\"and 1000 more in the last second\" of=\"refused calls\" more=1000"),
            1U)
      << told;
  EXPECT_EQ(line.call(6), 5) << "another second";
  line.bound.stop();
}

TEST(LogBound, TellsNothingWhereNothingWasLeftOut) {
  Line line;
  testing::internal::CaptureStderr();
  for (int second = 0; second < 10; ++second) {
    EXPECT_EQ(line.call(5), 5);
    line.pass(std::chrono::milliseconds(1001));
  }
  line.bound.stop();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(LogBound, TellsAtTheEndWhatWasCounted) {
  Line line;
  (void)line.call(7);
  testing::internal::CaptureStderr();
  line.bound.stop();
  EXPECT_EQ(count(testing::internal::GetCapturedStderr(), "and 2 more"), 1U);
}

}  // namespace
}  // namespace postlude::pipeline
