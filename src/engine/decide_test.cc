#include "engine/decide.h"

#include <gtest/gtest.h>

#include "engine/turns.h"

namespace postlude::engine {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant kNow = instant(1'800'000'000'000'000);

postlude::Run run_of(std::vector<StepState> states) {
  postlude::Run run;
  run.state = RunState::kRunning;
  for (std::size_t i = 0; i < states.size(); ++i) {
    Step step;
    step.index = static_cast<std::uint32_t>(i);
    step.title = "s" + std::to_string(i);
    if (i > 0) step.needs = {static_cast<std::uint32_t>(i - 1)};
    step.state = states[i];
    step.attempts = 1;
    step.first_at = kNow;
    run.steps.push_back(step);
  }
  return run;
}

TEST(Decide, GivesTheNextStepItsTurn) {
  const auto run = run_of({StepState::kRunning, StepState::kPending, StepState::kPending});
  const Decision d = decide(run, 0, Succeeded{R"({"a":1})"}, {}, kNow, 0);
  ASSERT_EQ(d.changes.size(), 2U);
  EXPECT_EQ(d.changes[0].state, StepState::kSucceeded);
  EXPECT_EQ(d.changes[0].outputs, R"({"a":1})");
  EXPECT_EQ(d.changes[0].unclear, false);
  EXPECT_EQ(d.changes[1].index, 1U);
  EXPECT_EQ(d.changes[1].state, StepState::kPending);
  EXPECT_EQ(d.changes[1].due_at, kNow);
  EXPECT_EQ(d.run, RunState::kRunning);
}

TEST(Decide, EndsTheRunAfterTheLastStep) {
  const auto run = run_of({StepState::kSucceeded, StepState::kRunning});
  EXPECT_EQ(decide(run, 1, Succeeded{"{}"}, {}, kNow, 0).run, RunState::kSucceeded);
  EXPECT_EQ(decide(run, 1, Skipped{"if said no"}, {}, kNow, 0).run, RunState::kSucceeded);
  const Decision failed = decide(run, 1, Refused{"404"}, {}, kNow, 0);
  EXPECT_EQ(failed.run, RunState::kFailed);
  EXPECT_EQ(failed.reason, "s1: 404");
}

TEST(Decide, KeepsWhyAStepEnded) {
  const auto run = run_of({StepState::kSucceeded, StepState::kRunning});
  const std::vector<std::pair<Outcome, Because>> rows{
      {Succeeded{"{}", Because::kUnanswered}, Because::kUnanswered},
      {Skipped{"x", Because::kCondition}, Because::kCondition},
      {Refused{"x", Because::kJobFailed}, Because::kJobFailed},
      {Refused{"x"}, Because::kOther},
      {Held{"x"}, Because::kOther}};
  for (const auto& [outcome, because] : rows)
    EXPECT_EQ(decide(run, 1, outcome, {}, kNow, 0).changes.at(0).because, because) << kind_of(outcome);
}

TEST(Decide, WhatARunKeepsIsBounded) {
  auto run = run_of({StepState::kSucceeded, StepState::kRunning, StepState::kPending});
  run.vars = std::string(kRunValuesMax - 1024, 'v');
  run.steps[0].outputs = std::string(500, 'o');
  run.steps[0].input = std::string(300, 'i');
  run.steps[1].item = std::string(200, 'e');
  ASSERT_EQ(values_of(run), kRunValuesMax - 24);
  EXPECT_EQ(decide(run, 1, Succeeded{std::string(24, 'x')}, {}, kNow, 0).run, RunState::kRunning);

  const Decision full = decide(run, 1, Succeeded{std::string(25, 'x')}, {}, kNow, 0);
  EXPECT_EQ(full.changes[0].state, StepState::kFailed);
  EXPECT_EQ(full.changes[0].outputs, std::nullopt);
  EXPECT_TRUE(full.changes[0].no_input);
  EXPECT_EQ(full.changes[0].unclear, false) << "what it did is known";
  EXPECT_EQ(full.changes[0].reason,
            "no room for its input and outputs (0KiB): what a run keeps of inputs and outputs is at most "
            "16MiB together; what helps: name only what is needed in `with` and in the action's `outputs`, "
            "or take fewer elements");
  EXPECT_EQ(full.run, RunState::kFailed);

  const Decision list = decide(run, 1, Spread{{std::string(13, 'x'), std::string(12, 'y')}}, {}, kNow, 0);
  EXPECT_EQ(list.changes[0].state, StepState::kFailed);
  EXPECT_TRUE(list.added.empty());

  run.steps[1].list = StepList::kOnFailure;  // what tells of it has room
  EXPECT_EQ(decide(run, 1, Succeeded{std::string(2000, 'x')}, {}, kNow, 0).changes[0].state,
            StepState::kSucceeded);
  run.steps[0].spread = true;  // its outputs are its elements'
  EXPECT_EQ(values_of(run), kRunValuesMax - 524);
}

TEST(Decide, AFailureSkipsAllButThoseThatAskForIt) {
  auto run = run_of({StepState::kRunning, StepState::kPending, StepState::kPending, StepState::kPending});
  run.steps[2].after_failure = true;
  const Decision d = decide(run, 0, Refused{"no"}, {}, kNow, 0);
  ASSERT_EQ(d.changes.size(), 3U);
  EXPECT_EQ(d.changes[1].state, StepState::kSkipped);
  EXPECT_EQ(d.changes[1].reason, "s0 failed");
  EXPECT_EQ(d.changes[2].index, 2U);
  EXPECT_EQ(d.changes[2].due_at, kNow);
  EXPECT_EQ(d.run, RunState::kRunning);

  // and the run stays failed when that step succeeds
  run.steps[0].state = StepState::kFailed;
  run.steps[0].reason = "no";
  run.steps[1].state = StepState::kSkipped;
  run.steps[2].state = StepState::kRunning;
  const Decision end = decide(run, 2, Succeeded{"{}"}, {}, kNow, 0);
  EXPECT_EQ(end.run, RunState::kFailed);
  EXPECT_EQ(end.reason, "s0: no");
  EXPECT_EQ(end.changes.back().state, StepState::kSkipped);
}

TEST(Decide, RetriesWithFullJitterUntilTheLimits) {
  auto run = run_of({StepState::kRunning});
  RetryPolicy policy;
  const Decision d = decide(run, 0, Retryable{"503"}, policy, kNow, 700'000);
  EXPECT_EQ(d.changes[0].state, StepState::kPending);
  EXPECT_EQ(d.changes[0].due_at, kNow + Duration(700'000));
  EXPECT_EQ(d.changes[0].unclear, std::nullopt);
  EXPECT_EQ(d.run, RunState::kRunning);

  policy.attempts = 3;
  run.steps[0].attempts = 3;
  const Decision spent = decide(run, 0, Retryable{"503"}, policy, kNow, 0);
  EXPECT_EQ(spent.changes[0].state, StepState::kFailed);
  EXPECT_EQ(spent.changes[0].reason, "503; gave up after 3 attempts");
  EXPECT_EQ(spent.run, RunState::kFailed);

  policy.attempts = 0;
  run.steps[0].first_at = kNow - minutes(59);
  EXPECT_EQ(decide(run, 0, Retryable{"503", Duration(minutes(2))}, policy, kNow, 0).run, RunState::kFailed);
  EXPECT_EQ(decide(run, 0, Retryable{"503", Duration(seconds(30))}, policy, kNow, 0).changes[0].due_at,
            kNow + seconds(30));
}

// Who says "now" again and again is not asked ever again at once.
TEST(Decide, ARetryAfterOfZeroLeavesTheBackoff) {
  postlude::Run run = run_of({StepState::kRunning});
  run.steps[0].attempts = 5;
  const auto due = [&](std::optional<Duration> after) {
    return decide(run, 0, Retryable{"429", after}, {}, kNow, 700'000).changes[0].due_at;
  };
  EXPECT_EQ(due(Duration(0)), due(std::nullopt));
  EXPECT_NE(due(Duration(1)), due(std::nullopt));
}

TEST(Decide, ARetryAfterMayExceedTheLongestBackoff) {
  const auto run = run_of({StepState::kRunning});
  const Decision d = decide(run, 0, Retryable{"429", Duration(minutes(20))}, {}, kNow, 0);
  EXPECT_EQ(d.changes[0].due_at, kNow + minutes(20));
}

TEST(Decide, TheRunsTimeoutBoundsRetriesAndWaits) {
  auto run = run_of({StepState::kRunning});
  run.deadline_at = kNow + seconds(10);
  EXPECT_EQ(decide(run, 0, Retryable{"503", Duration(seconds(11))}, {}, kNow, 0).run, RunState::kFailed);
  EXPECT_EQ(decide(run, 0, Waits{kNow + hours(1), ""}, {}, kNow, 0).changes[0].due_at, kNow + seconds(10));
}

TEST(Decide, TooEarlyToLookIsNoAttempt) {
  auto run = run_of({StepState::kRunning});
  RetryPolicy policy;
  policy.attempts = 1;
  run.steps[0].attempts = 1;
  const Unclear early{"unclear", Effect::kLookup, OnUnclear::kHold, seconds(40), true};
  const Decision d = decide(run, 0, early, policy, kNow, 0);
  EXPECT_EQ(d.changes[0].state, StepState::kPending);
  EXPECT_EQ(d.changes[0].due_at, kNow + seconds(40));
  EXPECT_TRUE(d.changes[0].uncounted);
  EXPECT_EQ(d.changes[0].unclear, true);
  run.steps[0].first_at = kNow - minutes(60);  // time counts all the same
  EXPECT_EQ(decide(run, 0, early, policy, kNow, 0).run, RunState::kFailed);
}

// A key in other hands, say: nothing was tried, and that may go on for longer than something may be tried
// again.
TEST(Decide, WhatWasNotTriedCountsForNoLimitButTheRuns) {
  auto run = run_of({StepState::kRunning});
  RetryPolicy policy;
  policy.attempts = 1;
  run.steps[0].attempts = 1;
  run.steps[0].first_at = kNow - hours(20);
  const Retryable busy{"another step works on the key", Duration(seconds(1)), false, true};
  const Decision d = decide(run, 0, busy, policy, kNow, 0);
  EXPECT_EQ(d.changes[0].state, StepState::kPending);
  EXPECT_TRUE(d.changes[0].uncounted);
  run.deadline_at = kNow;
  EXPECT_EQ(decide(run, 0, busy, policy, kNow, 0).run, RunState::kFailed);
}

struct UnclearRow {
  Effect effect;
  OnUnclear then;
  StepState state;
  bool held;
  RunState run;
};

TEST(Decide, UnclearFollowsItsEffect) {
  const std::vector<UnclearRow> rows{
      {Effect::kRead, OnUnclear::kHold, StepState::kPending, false, RunState::kRunning},
      {Effect::kState, OnUnclear::kHold, StepState::kPending, false, RunState::kRunning},
      {Effect::kUpsert, OnUnclear::kFail, StepState::kPending, false, RunState::kRunning},
      {Effect::kKey, OnUnclear::kFail, StepState::kPending, false, RunState::kRunning},
      {Effect::kLookup, OnUnclear::kFail, StepState::kPending, false, RunState::kRunning},
      {Effect::kNone, OnUnclear::kRepeat, StepState::kPending, false, RunState::kRunning},
      {Effect::kNone, OnUnclear::kHold, StepState::kWaiting, true, RunState::kWaiting},
      {Effect::kNone, OnUnclear::kFail, StepState::kFailed, false, RunState::kFailed},
  };
  for (const UnclearRow& row : rows) {
    const Decision d = decide(run_of({StepState::kRunning}), 0,
                              Unclear{"cut", row.effect, row.then, seconds(5)}, {}, kNow, 0);
    SCOPED_TRACE(std::string(to_text(row.effect)) + " " + std::string(to_text(row.then)));
    EXPECT_EQ(d.changes[0].state, row.state);
    EXPECT_EQ(d.changes[0].held, row.held);
    EXPECT_EQ(d.changes[0].unclear, row.effect != Effect::kRead);
    EXPECT_EQ(d.run, row.run);
    if (row.effect == Effect::kLookup) {
      EXPECT_EQ(d.changes[0].due_at, kNow + seconds(5));
    }
    EXPECT_EQ(d.reason.empty(), !row.held && row.run != RunState::kFailed);
    if (row.held) {
      EXPECT_EQ(d.changes[0].due_at, std::nullopt);
      EXPECT_EQ(d.changes[0].reason, "cut") << "what to do about it is no part of what happened";
      EXPECT_EQ(d.changes[0].cause, cause_of(run_of({StepState::kRunning}).steps[0].title, "cut"));
    }
  }
}

TEST(Decide, GroupsByTheCauseThatTheOutcomeNames) {
  auto run = run_of({StepState::kRunning});
  const auto held_as = [&](const Outcome& outcome) {
    return decide(run, 0, outcome, {}, kNow, 0).changes[0].cause;
  };
  Unclear cut{"PUT /a: cut", Effect::kNone, OnUnclear::kHold};
  cut.cause = "no answer";
  EXPECT_EQ(held_as(cut), "s0: no answer");
  EXPECT_EQ(held_as(Held{"nobody knows", "no answer"}), "s0: no answer");
  EXPECT_EQ(held_as(Held{"nobody knows"}), "s0: nobody knows");
  cut.then = OnUnclear::kFail;
  EXPECT_EQ(decide(run, 0, cut, {}, kNow, 0).cause, "s0: no answer");
  EXPECT_EQ(decide(run, 0, Refused{"rejected by ada: too late"}, {}, kNow, 0).cause,
            "s0: rejected by ada: too late");
  const Decision rejected = decide(
      run, 0, Refused{"rejected by ada: too late", Because::kRejected, "rejected by ada"}, {}, kNow, 0);
  EXPECT_EQ(rejected.reason, "s0: rejected by ada: too late");
  EXPECT_EQ(rejected.cause, "s0: rejected by ada");
  // The same where the step that failed has ended earlier.
  run = run_of({StepState::kFailed, StepState::kRunning});
  run.steps[0].cause = "s0: rejected by ada";
  run.steps[1].list = StepList::kFinally;
  EXPECT_EQ(decide(run, 1, Succeeded{"{}"}, {}, kNow, 0).cause, "s0: rejected by ada");
}

TEST(Decide, FollowsWhatAPersonSaidOfAHeldStep) {
  Decision d = follow(run_of({StepState::kSucceeded, StepState::kPending}), kNow);
  ASSERT_EQ(d.changes.size(), 1U);
  EXPECT_EQ(d.changes[0].index, 1U);
  EXPECT_EQ(d.changes[0].due_at, kNow);
  EXPECT_EQ(d.run, RunState::kRunning);
  EXPECT_EQ(follow(run_of({StepState::kSkipped, StepState::kSucceeded}), kNow).run, RunState::kSucceeded);

  auto failed = run_of({StepState::kSucceeded, StepState::kFailed, StepState::kPending});
  failed.steps[1].reason = "failed by ops";
  d = follow(failed, kNow);
  EXPECT_EQ(d.run, RunState::kFailed);
  EXPECT_EQ(d.reason, "s1: failed by ops");
  ASSERT_EQ(d.changes.size(), 1U);
  EXPECT_EQ(d.changes[0].state, StepState::kSkipped);

  failed.steps[2].after_failure = true;
  d = follow(failed, kNow);
  EXPECT_EQ(d.run, RunState::kRunning);
  EXPECT_EQ(d.changes[0].state, StepState::kPending);
}

// What is looked at now and then: no look counts as an attempt, and a failed one is tried again while there
// is time.
TEST(Decide, ALookBeginsTheRetriesAnew) {
  auto run = run_of({StepState::kRunning});
  run.steps[0].unclear = true;
  const Decision looked =
      decide(run, 0, Waits{kNow + seconds(10), "not yet", false, kNow + minutes(40)}, {}, kNow, 0);
  EXPECT_EQ(looked.run, RunState::kWaiting);
  EXPECT_EQ(looked.changes[0].state, StepState::kWaiting);
  EXPECT_EQ(looked.changes[0].due_at, kNow + seconds(10));
  EXPECT_EQ(looked.changes[0].over_by, kNow + minutes(40));
  EXPECT_EQ(looked.changes[0].unclear, false);
  run.deadline_at = kNow + seconds(3);
  EXPECT_EQ(decide(run, 0, Waits{kNow + seconds(10), "not yet", false, kNow + minutes(40)}, {}, kNow, 0)
                .changes[0]
                .due_at,
            kNow + seconds(3));
  run.deadline_at = std::nullopt;
  run.steps[0].over_by = kNow + minutes(1);
  EXPECT_EQ(decide(run, 0, Retryable{"503", seconds(30)}, {}, kNow, 0).changes[0].state, StepState::kPending);
  const Decision late = decide(run, 0, Retryable{"503", minutes(2)}, {}, kNow, 0);
  EXPECT_EQ(late.changes[0].state, StepState::kFailed);
  EXPECT_EQ(late.changes[0].reason, "503; gave up: the next poll would be after `wait.timeout`");
  // Who could not even look has not had the last one.
  run.steps[0].over_by = kNow - seconds(1);
  EXPECT_EQ(decide(run, 0, Retryable{"stopping", Duration(0), false, true}, {}, kNow, 0).changes[0].state,
            StepState::kPending);
}

TEST(Decide, IsTotal) {
  const std::vector<Outcome> outcomes{Succeeded{"{}"}, Skipped{"x"},   Waits{kNow + seconds(1), "x"},
                                      Held{"x"},       Retryable{"x"}, Refused{"x"},
                                      Unclear{"x"}};
  for (const Outcome& outcome : outcomes) {
    for (std::uint32_t at = 0; at < 3; ++at) {
      auto run = run_of({StepState::kSucceeded, StepState::kSucceeded, StepState::kSucceeded});
      for (std::uint32_t i = at; i < 3; ++i)
        run.steps[i].state = StepState::kPending;
      run.steps[at].state = StepState::kRunning;
      const Decision d = decide(run, at, outcome, {}, kNow, 42);
      ASSERT_FALSE(d.changes.empty());
      EXPECT_EQ(d.changes[0].index, at);
      // a run is terminal iff all its steps are (protocol 6, invariant 17)
      for (const StepChange& change : d.changes)
        run.steps[change.index].state = change.state;
      bool all = true;
      for (const Step& step : run.steps)
        all = all && terminal(step.state);
      EXPECT_EQ(terminal(d.run), all) << kind_of(outcome) << " at " << at;
    }
  }
}

TEST(Backoff, GrowsToItsMaximum) {
  const RetryPolicy policy;
  EXPECT_EQ(backoff(policy, 1, 1'000'000), Duration(seconds(1)));
  EXPECT_LE(backoff(policy, 1, ~0ULL), Duration(seconds(1)));
  EXPECT_EQ(backoff(policy, 4, 8'000'000), Duration(seconds(8)));
  for (std::uint32_t n : {20U, 1000U, 4'000'000'000U}) {
    EXPECT_LE(backoff(policy, n, 0xfffffffffffULL), policy.max);
    EXPECT_EQ(backoff(policy, n, static_cast<std::uint64_t>(policy.max.count())), policy.max);
  }
}

}  // namespace
}  // namespace postlude::engine
