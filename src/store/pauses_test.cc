// Pauses: time in which people held a run back is given back, each minute of it once.

#include "unit/store/testing.h"

namespace postlude::store {

namespace {

constexpr std::int64_t kMinute = 60;

class PausesTest : public StoreTest {
 protected:
  void pause(const std::string& kind, const std::string& name, std::int64_t minute) {
    EXPECT_TRUE(driver_.wait(store_->pause({kind, name, at(minute * kMinute), "ops", ""})));
  }
  void unpause(const std::string& kind, const std::string& name, std::int64_t minute) {
    EXPECT_TRUE(driver_.wait(store_->unpause(kind, name, "ops", at(minute * kMinute))));
  }
  // By how many minutes the end of the run's time has moved, and the begin of its first step's.
  std::int64_t moved(RunId run) {
    const auto by = *show(run).run.deadline_at - (at(begun_) + std::chrono::hours(24));
    return std::chrono::duration_cast<std::chrono::minutes>(by).count();
  }
  std::int64_t step_moved(RunId run) {
    const auto by = *show(run).run.steps[0].first_at - at(begun_);
    return std::chrono::duration_cast<std::chrono::minutes>(by).count();
  }
  // One whose step backs off.
  RunId run_from(std::int64_t minute) {
    begun_ = minute * kMinute;
    const RunId run = begin_run(begun_, "a", {step("one")});
    const auto work = claim(begun_);
    EXPECT_EQ(work.size(), 1U);
    EXPECT_TRUE(record(ended(work.at(0), begun_, Retryable{"503"}),
                       leave({0, StepState::kPending, at(1'000'000), "503"})));
    return run;
  }
  std::int64_t begun_ = 0;
};

TEST_P(PausesTest, what_several_hold_at_once_is_given_back_once) {
  struct Act {
    std::int64_t minute;
    bool pauses;
    const char *kind, *name;
  };
  struct Row {
    const char* what;
    std::vector<Act> acts;
    std::int64_t moved;
  };
  const std::vector<Row> rows{
      {"one", {{600, true, "source", "flagger"}, {660, false, "source", "flagger"}}, 60},
      {"overlapping",
       {{600, true, "source", "flagger"},
        {630, true, "workflow", "a"},
        {660, false, "source", "flagger"},
        {690, false, "workflow", "a"}},
       90},
      {"a target's as well",
       {{600, true, "source", "flagger"},
        {600, true, "target", "jira"},
        {660, false, "target", "jira"},
        {660, false, "source", "flagger"}},
       60},
      {"and in the other order",
       {{600, true, "source", "flagger"},
        {600, true, "target", "jira"},
        {660, false, "source", "flagger"},
        {660, false, "target", "jira"}},
       60},
      {"one within another",
       {{600, true, "all", ""},
        {620, true, "target", "jira"},
        {630, true, "workflow", "a"},
        {640, false, "workflow", "a"},
        {650, false, "target", "jira"},
        {660, false, "all", ""}},
       60},
      {"one after another",
       {{600, true, "all", ""}, {610, false, "all", ""}, {650, true, "all", ""}, {660, false, "all", ""}},
       20},
      {"of others",
       {{600, true, "target", "slack"}, {660, false, "target", "slack"}, {660, true, "workflow", "b"}},
       0},
      {"a chain",
       {{600, true, "source", "flagger"},
        {610, true, "workflow", "a"},
        {620, false, "source", "flagger"},
        {630, true, "target", "jira"},
        {640, false, "workflow", "a"},
        {650, false, "target", "jira"}},
       50},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    if (GetParam().url == nullptr) memory_ = nullptr;
    store_.reset();
    std::filesystem::remove(folder_.file("a.db"));
    reopen();
    const RunId run = run_from(590);
    for (const Act& act : row.acts)
      act.pauses ? pause(act.kind, act.name, act.minute) : unpause(act.kind, act.name, act.minute);
    EXPECT_EQ(moved(run), row.moved);
    EXPECT_EQ(step_moved(run), row.moved);
  }
}

TEST_P(PausesTest, a_run_made_meanwhile_is_held_from_then_on) {
  pause("source", "flagger", 600);
  pause("all", "", 610);
  begun_ = 640 * kMinute;
  const RunId run = begin_run(begun_, "a", {step("one")});
  unpause("source", "flagger", 650);
  unpause("all", "", 660);
  EXPECT_EQ(moved(run), 20);
}

TEST_P(PausesTest, a_person_who_is_waited_for_holds_it_as_well) {
  for (const bool pause_first : {true, false}) {
    const std::int64_t base = pause_first ? 0 : 2000;
    begun_ = base * kMinute;
    const RunId run = begin_run(begun_, "a", {step("one")}, std::to_string(base));
    const auto work = claim(begun_);
    ASSERT_EQ(work.size(), 1U);
    if (pause_first) pause("all", "", base + 10);
    StepChange held{0, StepState::kWaiting, {}, "held", true};
    ASSERT_TRUE(record(ended(work[0], (base + 20) * kMinute, Held{"?"}), leave(held, RunState::kWaiting)));
    if (!pause_first) pause("all", "", base + 30);
    const auto resume = [&](std::int64_t minute) {
      ASSERT_TRUE(driver_.wait(
          store_->resume({run, "one", ResumeAs::kRepeat, "ops", at((base + minute) * kMinute)}, {})));
    };
    if (pause_first) unpause("all", "", base + 40);
    resume(50);
    if (!pause_first) unpause("all", "", base + 60);
    EXPECT_EQ(moved(run), 40) << pause_first;
    EXPECT_TRUE(driver_.wait(store_->cancel(run, "ops", "", at((base + 70) * kMinute))));
  }
}

INSTANTIATE_TEST_SUITE_P(Store, PausesTest, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
