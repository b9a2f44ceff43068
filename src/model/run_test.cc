#include "model/run.h"

#include <gtest/gtest.h>

#include "model/damaged.h"

namespace postlude {
namespace {

TEST(Run, NamesEachReasonThatIsToldApart) {
  std::size_t named = 0;
  for (int stored = 1; to_text(static_cast<Because>(stored)) != kDamaged; ++stored) {
    EXPECT_EQ(because_named(to_text(static_cast<Because>(stored))), static_cast<Because>(stored));
    named = static_cast<std::size_t>(stored);
  }
  EXPECT_EQ(named, static_cast<std::size_t>(Because::kJobNotEnded)) << "one has no name";
  EXPECT_EQ(to_text(Because::kOther), "");
  EXPECT_EQ(to_text(Because::kJobFailed), "jobFailed");
  EXPECT_EQ(because_named("nonsense"), Because::kOther);
}

}  // namespace
}  // namespace postlude
