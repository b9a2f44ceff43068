#include "rt/program.h"

#include <gtest/gtest.h>

#include "rt/loop.h"

namespace postlude::rt {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Result<ProgramEnd> sh(const std::string& script, Duration timeout = seconds(20), std::size_t most = 1024) {
  return run_program({{"/bin/sh", "-c", script}, {"SECRET=s", "PATH=/usr/bin:/bin"}, timeout, most});
}

TEST(Program, GivesWhatItWroteAndItsEnd) {
  const auto end = sh("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->output, "out\n");
  EXPECT_EQ(end->errors, "err\n");
  EXPECT_EQ(end->status, 3);
}

TEST(Program, HasTheEnvironmentThatItIsGivenAndNoInput) {
  const auto end = sh("env | sort; cat");
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_NE(end->output.find("SECRET=s\n"), std::string::npos);
  EXPECT_EQ(end->output.find("HOME="), std::string::npos);
}

TEST(Program, IsNotThere) {
  const auto end = run_program({{"/nowhere/plugin"}, {}, seconds(5), 1024});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kNotFound);
  EXPECT_NE(end.error().message.find("/nowhere/plugin"), std::string::npos);
}

TEST(Program, IsEndedWithWhatItStartedWhenItsTimeIsOver) {
  const Duration began = steady_now();
  const auto end = sh("sleep 60 & sleep 60", milliseconds(200));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kUnavailable);
  EXPECT_NE(end.error().message.find("did not end within"), std::string::npos);
  EXPECT_LT(steady_now() - began, seconds(20));
}

TEST(Program, DoesNotWaitForWhoeverHoldsItsOutput) {
  const Duration began = steady_now();
  const auto end = sh("sleep 60 & echo out");
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->output, "out\n");
  EXPECT_LT(steady_now() - began, seconds(20));
}

TEST(Program, MayNotWriteWithoutEnd) {
  const auto end = sh("while :; do echo 0123456789; done");
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kUnavailable);
  EXPECT_NE(end.error().message.find("1024 bytes"), std::string::npos);
}

TEST(Program, ComplainsAtLengthAndStillEnds) {
  const auto end = sh("i=0; while [ $i -lt 5000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo out");
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->output, "out\n");
  EXPECT_EQ(end->errors.size(), 1024U);
}

TEST(Program, WasEndedByASignal) {
  const auto end = sh("kill -9 $$");
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kUnavailable);
  EXPECT_NE(end.error().message.find("signal 9"), std::string::npos);
}

}  // namespace
}  // namespace postlude::rt
