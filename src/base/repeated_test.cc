#include "base/repeated.h"

#include <gtest/gtest.h>

namespace postlude {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(Repeated, IsToldAtOnceThenLessAndLessOftenAndWhenItIsOver) {
  Repeated trouble;
  EXPECT_EQ(trouble.over(), 0U);
  std::vector<std::pair<int, std::size_t>> told;  // when, and how often it had come
  int times = 0;
  for (int second = 0; second <= 15 * 60; second += 5) {
    ++times;
    if (const std::size_t count = trouble.came(seconds(second)); count > 0) told.emplace_back(second, count);
  }
  EXPECT_EQ(told,
            (std::vector<std::pair<int, std::size_t>>{{0, 1}, {60, 12}, {180, 24}, {420, 48}, {900, 96}}));
  EXPECT_EQ(trouble.over(), static_cast<std::size_t>(times));
  EXPECT_EQ(trouble.over(), 0U);
  EXPECT_EQ(trouble.came(minutes(16)), 1U) << "a new one";
}

}  // namespace
}  // namespace postlude
