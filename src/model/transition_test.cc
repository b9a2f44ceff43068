#include "model/transition.h"

#include <gtest/gtest.h>

namespace postlude {

namespace {

constexpr Duration kHour = std::chrono::hours(1);

Instant at(std::int64_t second) {
  return instant(second * 1'000'000);
}

Run run_of(std::size_t steps) {
  Run run;
  run.deadline_at = at(3600);
  run.steps.resize(steps);
  for (std::size_t i = 0; i < steps; ++i)
    run.steps[i].index = static_cast<std::uint32_t>(i);
  return run;
}

Applied change(Run& run, StepChange change, std::int64_t second, Duration waited = {}) {
  return apply(run, Decision{{std::move(change)}}, at(second), kHour, [&](Instant) { return waited; });
}

TEST(Transition, AnEndedStepIsFinishedAndAWaitingOneIsNot) {
  auto run = run_of(2);
  StepChange waits{0, StepState::kWaiting, at(20), "not yet"};
  EXPECT_EQ(change(run, waits, 10).changed, (std::vector<std::size_t>{0}));
  EXPECT_EQ(run.steps[0].due_at, at(20));
  EXPECT_FALSE(run.steps[0].finished_at);
  StepChange done{0, StepState::kSucceeded};
  done.outputs = "{}";
  change(run, done, 21);
  EXPECT_EQ(run.steps[0].finished_at, at(21));
  EXPECT_EQ(run.steps[0].outputs, "{}");
  EXPECT_EQ(run.steps[0].reason, "");
  EXPECT_FALSE(run.steps[0].due_at);
}

TEST(Transition, WhatWasNoAttemptIsNotCounted) {
  auto run = run_of(1);
  run.steps[0].attempts = 2;
  run.steps[0].first_at = at(1);
  StepChange busy{0, StepState::kPending, at(5)};
  busy.uncounted = true;
  change(run, busy, 4);
  EXPECT_EQ(run.steps[0].attempts, 1U);
  EXPECT_EQ(run.steps[0].first_at, at(1));
  change(run, busy, 5);
  EXPECT_EQ(run.steps[0].attempts, 0U);
  EXPECT_FALSE(run.steps[0].first_at) << "retry.for has not begun";
}

TEST(Transition, AStepThatWaitsForWhatItStartedBeginsItsAttemptsAnew) {
  auto run = run_of(1);
  run.steps[0].attempts = 3;
  run.steps[0].first_at = at(1);
  StepChange started{0, StepState::kWaiting, at(9)};
  started.over_by = at(100);
  change(run, started, 8);
  EXPECT_EQ(run.steps[0].over_by, at(100));
  EXPECT_EQ(run.steps[0].attempts, 0U);
  EXPECT_FALSE(run.steps[0].first_at);
}

TEST(Transition, TheDeadlineMovesByTheTimeThatPeopleTook) {
  auto run = run_of(1);
  StepChange held{0, StepState::kWaiting, std::nullopt, "no answer", true};
  held.cause = "no answer";
  EXPECT_TRUE(change(run, held, 100).run_changed);
  EXPECT_EQ(run.people_since, at(100));
  EXPECT_EQ(run.steps[0].cause, "no answer");
  EXPECT_FALSE(change(run, held, 110).run_changed) << "it is waited for since the first time";
  EXPECT_EQ(run.people_since, at(100));
  EXPECT_TRUE(change(run, {0, StepState::kPending, at(160)}, 160, std::chrono::seconds(60)).run_changed);
  EXPECT_FALSE(run.people_since);
  EXPECT_EQ(run.deadline_at, at(3660));
  EXPECT_EQ(run.steps[0].cause, "") << "it is held no more";
}

TEST(Transition, OnFailureAndFinallyHaveTimeOfTheirOwn) {
  auto run = run_of(1);
  Decision decision{{{0, StepState::kPending, at(5000)}}};
  decision.begins_list = true;
  apply(run, decision, at(5000), 5 * kHour, nullptr);
  EXPECT_EQ(run.deadline_at, at(5000) + kListTimeout);
  apply(run, decision, at(6000), std::chrono::minutes(5), nullptr);
  EXPECT_EQ(run.deadline_at, at(6300)) << "never longer than the run's";
}

TEST(Transition, ElementsAreAddedBehindTheLastStep) {
  auto run = run_of(1);
  Decision decision{{{0, StepState::kRunning}}};
  decision.changes[0].spread = true;
  decision.added.resize(2);
  decision.added[0].index = 1;
  decision.added[1].index = 2;
  EXPECT_EQ(apply(run, decision, at(1), kHour, nullptr).added_from, 1U);
  EXPECT_EQ(run.steps.size(), 3U);
  EXPECT_TRUE(run.steps[0].spread);
}

TEST(TransitionDeathTest, AnEndedStepStaysAsItIs) {
  auto run = run_of(1);
  run.steps[0].state = StepState::kFailed;
  EXPECT_DEATH(change(run, {0, StepState::kPending, at(1)}, 1), "");
}

}  // namespace

}  // namespace postlude
