#include "app/limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string>

namespace postlude::app {

TEST(Limits, connections_leave_descriptors_for_everything_else) {
  for (const std::size_t descriptors : {64U, 256U, 1024U, 4096U, 8192U, 1U << 20U}) {
    const ConnectionLimits limits = connection_limits(descriptors);
    EXPECT_LE(limits.hooks + limits.admin, descriptors / 2 + (descriptors > 1024 ? descriptors / 2 - 500 : 0))
        << descriptors;
    EXPECT_GE(limits.hooks, 4U);
    EXPECT_GE(limits.admin, 4U);
    EXPECT_LE(limits.hooks, 4096U);
    EXPECT_LE(limits.admin, 256U);
  }
  EXPECT_EQ(connection_limits(8192).hooks, 4096U);
  EXPECT_GT(connection_limits(1024).hooks, 400U);
}

TEST(Limits, the_soft_limit_is_raised_to_what_is_allowed_and_wanted) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = std::min<rlim_t>(256, before.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptors(), std::min<rlim_t>(before.rlim_max, 8192));
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, std::min<rlim_t>(before.rlim_max, 8192));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

// Whether a process that may open so few files is told so.
[[noreturn]] void look_with(rlim_t few) {
  const rlimit limit = {few, few};
  const bool set = setrlimit(RLIMIT_NOFILE, &limit) == 0;
  const Status enough = check_descriptors();
  const std::string wanted = "only " + std::to_string(few) + " files";
  std::_Exit(set && !enough && enough.error().message.find(wanted) != std::string::npos ? 0 : 1);
}

TEST(Limits, too_few_descriptors_are_told_before_anything_is_opened) {
  EXPECT_TRUE(check_descriptors());
  EXPECT_EXIT(look_with(16), testing::ExitedWithCode(0), "");
}

}  // namespace postlude::app
