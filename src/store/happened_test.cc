// What commits have brought about is told after them: each end once, and nothing that was rolled back.

#include "unit/store/testing.h"

namespace postlude::store {
namespace {

class HappenedTest : public StoreTest {
 protected:
  void listen() {
    store_->listen([this](const Happened& happened) {
      runs_.insert(runs_.end(), happened.runs.begin(), happened.runs.end());
      steps_.insert(steps_.end(), happened.steps.begin(), happened.steps.end());
      held_.insert(held_.end(), happened.held.begin(), happened.held.end());
      for (const auto& commit : happened.commits)
        commands_ += commit.commands;
    });
  }
  Rule fail() const {
    return [](const postlude::Run& run) {
      Decision d;
      for (const Step& s : run.steps)
        d.changes.push_back({s.index, s.index == 0 ? StepState::kFailed : StepState::kSkipped, {}, "no"});
      d.run = RunState::kFailed;
      d.reason = "one: no";
      d.cause = "one: no such thing";
      return d;
    };
  }
  std::size_t ends(StepState state) const {
    return static_cast<std::size_t>(
        std::count_if(steps_.begin(), steps_.end(), [state](const StepEnd& s) { return s.state == state; }));
  }

  std::vector<RunEnd> runs_;
  std::vector<StepEnd> steps_;
  std::vector<StepHeld> held_;
  std::size_t commands_ = 0;
};

TEST_P(HappenedTest, a_run_ends_once_with_all_that_tells_it_from_others) {
  listen();
  const RunId run = begin_run(0, "a", {step("one"), step("two", "slack")});
  auto work = claim(1);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_TRUE(driver_.wait(store_->record(ended(work[0], 2, Succeeded{"{}"}), succeed(0, at(2)))));
  EXPECT_TRUE(runs_.empty());
  EXPECT_EQ(ends(StepState::kSucceeded), 1U);
  work = claim(3);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_TRUE(driver_.wait(store_->record(ended(work[0], 5, Succeeded{"{}"}), succeed(1, at(5)))));
  ASSERT_EQ(runs_.size(), 1U);
  EXPECT_EQ(runs_[0].run, run);
  EXPECT_EQ(runs_[0].workflow, "a");
  EXPECT_EQ(runs_[0].canary, "prod/app");
  EXPECT_EQ(runs_[0].state, RunState::kSucceeded);
  EXPECT_EQ(runs_[0].took, std::chrono::seconds(5));
  ASSERT_EQ(steps_.size(), 2U);
  EXPECT_EQ(steps_[1].target, "slack");
  EXPECT_EQ(steps_[1].uses, "slack/act");
}

TEST_P(HappenedTest, a_hold_is_told_whatever_the_attempt_came_to) {
  listen();
  const RunId run = begin_run(0, "a", {step("one"), step("two", "slack")});
  auto work = claim(1);
  const Rule hold = [](const postlude::Run&) {
    Decision d;
    StepChange change{0, StepState::kWaiting, {}, "no answer came"};
    change.held = true;
    change.cause = "one: no answer came";
    d.changes.push_back(change);
    d.run = RunState::kWaiting;
    return d;
  };
  ASSERT_TRUE(driver_.wait(store_->record(ended(work[0], 2, Unclear{"no answer came"}), hold)));
  ASSERT_EQ(held_.size(), 1U);
  EXPECT_EQ(held_[0].run, run);
  EXPECT_EQ(held_[0].workflow, "a");
  EXPECT_EQ(held_[0].canary, "prod/app");
  EXPECT_EQ(held_[0].step, "one");
  EXPECT_EQ(held_[0].number, 1U);
  EXPECT_EQ(held_[0].target, "jira");
  EXPECT_EQ(held_[0].reason, "no answer came");
  EXPECT_EQ(held_[0].cause, "one: no answer came");
}

TEST_P(HappenedTest, a_run_that_is_retried_ends_again_and_its_steps_with_it) {
  listen();
  const RunId run = begin_run(0, "a", {step("one"), step("two")});
  auto work = claim(1);
  ASSERT_TRUE(driver_.wait(store_->record(ended(work[0], 2, Refused{"no"}), fail())));
  ASSERT_EQ(runs_.size(), 1U);
  EXPECT_EQ(runs_[0].state, RunState::kFailed);
  EXPECT_EQ(runs_[0].reason, "one: no");
  EXPECT_EQ(runs_[0].cause, "one: no such thing");
  EXPECT_EQ(ends(StepState::kFailed), 1U);
  EXPECT_EQ(ends(StepState::kSkipped), 1U);
  ASSERT_TRUE(driver_.wait(store_->dismiss(run, "ops", at(3))));  // no end
  ASSERT_TRUE(driver_.wait(store_->retry(run, false, "ops", at(4))));
  EXPECT_EQ(runs_.size(), 1U);
  work = claim(5);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_TRUE(driver_.wait(store_->record(ended(work[0], 6, Refused{"no"}), fail())));
  EXPECT_EQ(runs_.size(), 2U);
  EXPECT_EQ(ends(StepState::kFailed), 2U);
}

TEST_P(HappenedTest, what_people_end_is_told_as_well) {
  listen();
  const RunId run = begin_run(0, "a", {step("one"), step("two")});
  ASSERT_TRUE(driver_.wait(store_->skip(run, "one", "ops", at(1))));
  EXPECT_EQ(ends(StepState::kSkipped), 1U);
  ASSERT_TRUE(driver_.wait(store_->cancel(run, "ops", "not today", at(2))));
  EXPECT_EQ(ends(StepState::kCancelled), 1U);
  ASSERT_EQ(runs_.size(), 1U);
  EXPECT_EQ(runs_[0].state, RunState::kCancelled);
}

TEST_P(HappenedTest, commits_are_told_with_how_many_shared_them) {
  listen();
  const std::uint64_t before = store_->stats().commands;
  for (int i = 0; i < 5; ++i)
    add_event(i);
  const std::uint64_t made = GetParam().url == nullptr ? 0 : store_->stats().commands - before;
  EXPECT_EQ(commands_, made);  // a Memory's take no time of their own
}

TEST_P(HappenedTest, held_steps_are_counted_until_somebody_answers) {
  const RunId run = begin_run(0, "a", {step("one")});
  auto work = claim(1);
  const Rule hold = [](const postlude::Run&) {
    Decision d;
    d.changes.push_back({0, StepState::kWaiting, {}, "nobody knows", true});
    d.run = RunState::kWaiting;
    return d;
  };
  ASSERT_TRUE(driver_.wait(store_->record(ended(work[0], 2, Held{"nobody knows"}), hold)));
  auto counts = driver_.wait(store_->counts());
  ASSERT_TRUE(counts);
  EXPECT_EQ((counts->held[{"a", "jira"}]), 1);
  ASSERT_TRUE(driver_.wait(store_->resume({run, "one", ResumeAs::kDone, "ops", at(3)}, succeed(0, at(3)))));
  EXPECT_TRUE(driver_.wait(store_->counts())->held.empty());
}

constexpr auto kName = [](const auto& backend) { return std::string(backend.param.name); };
INSTANTIATE_TEST_SUITE_P(Store, HappenedTest, testing::Values(kSqlite, kMemory), kName);

}  // namespace
}  // namespace postlude::store
