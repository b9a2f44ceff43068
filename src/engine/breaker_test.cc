#include "engine/breaker.h"

#include <gtest/gtest.h>

namespace postlude::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Breaker, OpensAfterFiveFailuresInARow) {
  Breaker b;
  for (int i = 0; i < 4; ++i)
    EXPECT_FALSE(b.note(true, seconds(i)));
  EXPECT_FALSE(b.note(false, seconds(4)));  // an answer: it begins anew
  for (int i = 5; i < 9; ++i)
    EXPECT_FALSE(b.note(true, seconds(i)));
  EXPECT_EQ(b.room(16, 3, seconds(9)), 16U);
  EXPECT_TRUE(b.note(true, seconds(9)));
  EXPECT_EQ(b.state(seconds(9)), Breaker::State::kOpen);
  EXPECT_EQ(b.room(16, 0, seconds(9)), 0U);
  EXPECT_EQ(b.until(seconds(9)), seconds(1));
}

TEST(Breaker, OpensWhenMoreThanHalfOfTwentyFailed) {
  Breaker b;
  for (int i = 0; i < 20; ++i)  // half of them, never five in a row
    EXPECT_FALSE(b.note(i % 2 == 0, seconds(i)));
  EXPECT_FALSE(b.note(true, seconds(20)));  // the oldest, which leaves, had failed as well
  EXPECT_TRUE(b.note(true, seconds(21)));   // eleven of twenty
}

TEST(Breaker, ProbesOneByOneWithLongerAndLongerPauses) {
  Breaker b;
  for (int i = 0; i < 5; ++i)
    b.note(true, seconds(0));
  Duration now = seconds(0);
  Duration pause = seconds(1);
  for (int probe = 0; probe < 10; ++probe) {
    EXPECT_EQ(b.room(16, 0, now + pause - milliseconds(1)), 0U) << probe;
    now += pause;
    EXPECT_EQ(b.state(now), Breaker::State::kHalfOpen);
    EXPECT_EQ(b.room(16, 0, now), 1U);
    EXPECT_EQ(b.room(16, 1, now), 0U);
    EXPECT_FALSE(b.note(true, now));
    pause = std::min<Duration>(pause * 2, std::chrono::minutes(1));
  }
  now += pause;
  EXPECT_FALSE(b.note(false, now));
  EXPECT_EQ(b.state(now), Breaker::State::kClosed);
  EXPECT_EQ(b.room(16, 5, now), 16U);
  for (int i = 0; i < 5; ++i)
    b.note(true, now);
  EXPECT_EQ(b.until(now), seconds(1));  // the next time is the first again
}

TEST(Breaker, WhatWasUnderWayWhenItOpenedProlongsNothing) {
  Breaker b;
  for (int i = 0; i < 5; ++i)
    b.note(true, seconds(0));
  for (int i = 0; i < 11; ++i)
    b.note(true, milliseconds(500));
  EXPECT_EQ(b.until(milliseconds(500)), milliseconds(500));
}

}  // namespace
}  // namespace postlude::engine
