// What a run keeps, where it comes to the end of it.
#include "rehearsal/desk_for_tests.h"

namespace postlude::rehearsal {
namespace {

using RoomTest = DeskTest;

// What does not fit is not sent.
TEST_F(RoomTest, AnInputThatDoesNotFitIsNotSent) {
  begin(rules(", limits: {concurrency: 1}",
              R"({forEach: "[range(300)]", uses: desk/note, with: {text: '${{ .vars.big }}'}})",
              R"({policy: parallel}, vars: {big: '${{ "x" * 60000 }}'})"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].state, RunState::kFailed);
  EXPECT_EQ(arrivals_.size(), 278U);
  EXPECT_NE(runs[0].reason.find("22 of 300 elements failed: no room for its input (58KiB)"),
            std::string::npos)
      << runs[0].reason;
}

// Built-in actions begin all at once: what is over is seen when it is recorded.
TEST_F(RoomTest, AnInputThatWasFollowedByOthersIsNotKept) {
  begin(rules(
      "", R"({forEach: "[range(20)]", uses: assert, with: {that: true, message: '${{ "x" * 1000000 }}'}})"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_LE(values_of(runs[0]), kRunValuesMax + 100'000);
  EXPECT_NE(runs[0].reason.find("4 of 20 elements failed: no room for its input and outputs (976KiB)"),
            std::string::npos)
      << runs[0].reason;
}

// It stands in the step, in the attempt and in the audit.
TEST_F(RoomTest, AReasonIsCut) {
  begin(rules("", R"({uses: assert, with: {that: false, message: '${{ "é" * 50000 }}'}})"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  std::string wanted;
  for (int i = 0; i < 2'000; ++i)
    wanted += "é";
  EXPECT_EQ(runs[0].steps[0].reason, wanted + "… (cut)");
}

}  // namespace
}  // namespace postlude::rehearsal
