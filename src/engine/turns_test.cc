#include "engine/turns.h"

#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "engine/decide.h"

namespace postlude::engine {
namespace {

const Instant kNow = instant(1'800'000'000'000'000);

// A run by hand: `plays` until nobody has a turn, ending each step as `outcomes` says.
class Play {
 public:
  std::uint32_t add(const std::string& title, std::vector<std::uint32_t> needs = {},
                    StepList list = StepList::kSteps) {
    Step step;
    step.index = static_cast<std::uint32_t>(run.steps.size());
    step.definition = step.index;
    step.title = step.part = title;
    step.list = list;
    step.needs = std::move(needs);
    run.steps.push_back(step);
    return step.index;
  }
  std::uint32_t announce(std::uint32_t of, const std::string& title) {
    const std::uint32_t index = add(title);
    run.steps[index].announces = of;
    run.steps[index].continues = true;
    return index;
  }

  // Everything that has its turn ends, the earliest row first; what it was is in `order`.
  void play() {
    run.state = RunState::kRunning;
    run.started_at = kNow;
    apply(follow(run, kNow));
    for (int turns = 0; turns < 200; ++turns) {
      Step* due = nullptr;
      for (Step& s : run.steps) {
        if (due == nullptr && s.due_at && !terminal(s.state)) due = &s;
      }
      if (due == nullptr) return;
      const std::uint32_t index = due->index;
      order += (order.empty() ? "" : " ") + due->title + (due->item.empty() ? "" : due->item);
      due->state = StepState::kRunning;
      due->due_at.reset();
      auto& queue = outcomes[due->title];
      Outcome outcome = Succeeded{due->item.empty() ? "{}" : due->item};
      if (!queue.empty()) {
        outcome = queue.front();
        queue.erase(queue.begin());
      }
      apply(decide(run, index, outcome, {}, kNow, 0));
    }
    FAIL() << "it never ends";
  }
  void apply(const Decision& decision) {
    for (const StepChange& c : decision.changes) {
      Step& s = run.steps[c.index];
      EXPECT_FALSE(terminal(s.state)) << s.title << " had ended";
      s.state = c.state;
      s.due_at = c.due_at;
      s.reason = c.reason;
      s.held = c.held;
      s.asks = c.asks;
      s.spread = s.spread || c.spread;
      if (c.outputs) s.outputs = *c.outputs;
    }
    for (const Step& s : decision.added) {
      EXPECT_EQ(s.index, run.steps.size());
      run.steps.push_back(s);
    }
    run.state = decision.run;
    run.reason = decision.reason;
    bool all = true;
    for (const Step& s : run.steps)
      all = all && terminal(s.state);
    EXPECT_EQ(all, terminal(run.state));  // protocol 6, invariant 17
    began = began || decision.begins_list;
  }
  std::string states() const {
    std::string out;
    for (const Step& s : run.steps)
      out += std::string(out.empty() ? "" : " ") + std::string(to_text(s.state));
    return out;
  }

  Run run;
  std::map<std::string, std::vector<Outcome>> outcomes;
  std::string order;
  bool began = false;  // a list with a time limit of its own
};

TEST(Turns, IndependentStepsBeginTogetherAndAMeetingWaitsForAll) {
  Play p;
  p.add("build");
  p.add("scan");
  p.add("ship", {0, 1});
  p.add("tell", {2});
  const Decision first = follow(p.run, kNow);
  ASSERT_EQ(first.changes.size(), 2U);
  EXPECT_EQ(first.changes[1].index, 1U);
  p.play();
  EXPECT_EQ(p.order, "build scan ship tell");
  EXPECT_EQ(p.run.state, RunState::kSucceeded);
}

TEST(Turns, AFailureLeavesOutOnlyWhatNeedsIt) {
  Play p;
  p.add("build");
  p.add("scan");
  p.add("ship", {0});
  p.add("report", {1});
  p.add("cleanup", {2});
  p.run.steps[4].after_failure = true;
  p.outcomes["build"] = {Refused{"no"}};
  p.play();
  EXPECT_EQ(p.order, "build scan report cleanup");
  EXPECT_EQ(p.states(), "failed succeeded skipped succeeded succeeded");
  EXPECT_EQ(p.run.steps[2].reason, "build failed");
  EXPECT_EQ(p.run.state, RunState::kFailed);
  EXPECT_EQ(p.run.reason, "build: no");
  EXPECT_TRUE(after_failure(p.run, 4));
  EXPECT_FALSE(after_failure(p.run, 3));
}

TEST(Turns, ContinueOnErrorFailsNobody) {
  Play p;
  p.add("a");
  p.add("b", {0});
  p.run.steps[0].continues = true;
  p.outcomes["a"] = {Refused{"no"}};
  p.play();
  EXPECT_EQ(p.states(), "failed succeeded");
  EXPECT_EQ(p.run.state, RunState::kSucceeded);
  EXPECT_FALSE(after_failure(p.run, 1));
}

TEST(Turns, OnFailureComesAfterAllStepsAndFinallyAfterThat) {
  for (const bool fails : {false, true}) {
    Play p;
    p.add("a");
    p.add("b", {0});
    p.add("alarm", {}, StepList::kOnFailure);
    p.add("tidy", {}, StepList::kFinally);
    p.add("leave", {3}, StepList::kFinally);
    if (fails) p.outcomes["a"] = {Refused{"no"}};
    p.play();
    EXPECT_EQ(p.order, fails ? "a alarm tidy leave" : "a b tidy leave");
    EXPECT_EQ(p.run.state, fails ? RunState::kFailed : RunState::kSucceeded);
    EXPECT_TRUE(p.began);
    EXPECT_EQ(after_failure(p.run, 3), fails);
  }
}

TEST(Turns, AFailureInFinallyFailsTheRunButSkipsItsOwnListOnly) {
  Play p;
  p.add("a");
  p.add("alarm", {}, StepList::kOnFailure);
  p.add("tidy", {}, StepList::kFinally);
  p.add("leave", {2}, StepList::kFinally);
  p.outcomes["tidy"] = {Refused{"no"}};
  p.play();
  EXPECT_EQ(p.states(), "succeeded skipped failed skipped");
  EXPECT_EQ(p.run.state, RunState::kFailed);
  EXPECT_EQ(p.run.reason, "tidy: no");
}

TEST(Turns, ElementsAreStepsOfTheirOwnAndTheirOutputsAList) {
  Play p;
  p.add("each");
  p.add("after", {0});
  p.outcomes["each"] = {Spread{{"1", "2", "2"}}, Succeeded{"\"one\""}, Succeeded{"\"two\""},
                        Succeeded{"\"zwei\""}};
  p.play();
  EXPECT_EQ(p.order, "each each1 each2 each2 after");
  EXPECT_EQ(p.run.steps[0].outputs, R"(["one","two","zwei"])");
  ASSERT_EQ(p.run.steps.size(), 5U);
  EXPECT_NE(p.run.steps[2].part, p.run.steps[3].part);
  EXPECT_NE(p.run.steps[3].part, p.run.steps[4].part);  // equal elements are two effects
  EXPECT_EQ(p.run.state, RunState::kSucceeded);
}

TEST(Turns, AnEmptyListHasSucceeded) {
  Play p;
  p.add("each");
  p.add("after", {0});
  p.outcomes["each"] = {Spread{}};
  p.play();
  EXPECT_EQ(p.run.steps[0].outputs, "[]");
  EXPECT_EQ(p.run.state, RunState::kSucceeded);
}

TEST(Turns, AFailedElementFailsItsStepOnceAllHaveEnded) {
  Play p;
  p.add("each");
  p.add("after", {0});
  p.outcomes["each"] = {Spread{{"1", "2"}}, Refused{"no"}};
  p.play();
  EXPECT_EQ(p.order, "each each1 each2");
  EXPECT_EQ(p.run.steps[0].reason, "1 of 2 elements failed: no");
  EXPECT_EQ(p.states(), "failed skipped failed succeeded");
  EXPECT_EQ(p.run.reason, "each: 1 of 2 elements failed: no");
}

TEST(Turns, AWaitIsAnnouncedWhenItBegins) {
  Play p;
  p.add("approval");
  p.add("go", {0});
  p.announce(0, "ask");
  p.outcomes["approval"] = {Waits{std::nullopt, "may I?", true}};
  p.play();
  EXPECT_EQ(p.order, "approval ask");
  EXPECT_EQ(p.run.state, RunState::kWaiting);
  p.run.steps[0].due_at = kNow;  // it was answered
  p.play();
  EXPECT_EQ(p.order, "approval ask approval go");
  EXPECT_EQ(p.run.state, RunState::kSucceeded);
}

TEST(Turns, WhatNeverWaitedIsNotAnnounced) {
  Play p;
  p.add("approval");
  p.announce(0, "ask");
  p.play();
  EXPECT_EQ(p.states(), "succeeded skipped");
  EXPECT_EQ(p.run.state, RunState::kSucceeded);
}

TEST(Turns, EachElementsWaitIsAnnounced) {
  Play p;
  p.add("approval");
  p.announce(0, "ask");
  p.outcomes["approval"] = {Spread{{"1", "2"}}, Waits{std::nullopt, "1?", true},
                            Waits{std::nullopt, "2?", true}};
  p.play();
  EXPECT_EQ(p.order, "approval approval1 ask1 approval2 ask2");
  for (Step& s : p.run.steps) {
    if (s.state == StepState::kWaiting) s.due_at = kNow;
  }
  p.play();
  EXPECT_EQ(p.run.state, RunState::kSucceeded);
}

TEST(Turns, ACancelledRunLeavesOutWhatHasNotBegunButTidiesUp) {
  Play p;
  p.add("a");
  p.add("b", {0});
  p.add("alarm", {}, StepList::kOnFailure);
  p.add("tidy", {}, StepList::kFinally);
  p.run.state = RunState::kRunning;
  p.run.started_at = kNow;
  p.run.steps[0].state = StepState::kRunning;  // a request is under way
  p.run.cancel = "cancelled by ops";
  p.apply(follow(p.run, kNow));
  EXPECT_EQ(p.states(), "running cancelled cancelled pending");
  EXPECT_EQ(p.run.state, RunState::kRunning);
  p.apply(decide(p.run, 0, Retryable{"later"}, {}, kNow, 0));
  EXPECT_EQ(p.run.steps[0].state, StepState::kCancelled);
  p.play();
  EXPECT_EQ(p.order, "tidy");
  EXPECT_EQ(p.run.state, RunState::kCancelled);
  EXPECT_EQ(p.run.reason, "cancelled by ops");
}

TEST(Turns, ARunThatHasNotBegunIsCancelledWhole) {
  Play p;
  p.add("a");
  p.add("tidy", {}, StepList::kFinally);
  p.run.cancel = "cancelled by ops";
  const Decision d = follow(p.run, kNow);
  EXPECT_EQ(d.changes.size(), 2U);
  EXPECT_EQ(d.run, RunState::kCancelled);
}

// Whatever the graph and the outcomes: it ends, once, and by the rules.
TEST(Turns, EndsForEveryGraphOfFourSteps) {
  const std::vector<Outcome> kinds{Succeeded{"{}"}, Refused{"no"}, Skipped{"if"}, Spread{{"1", "2"}}};
  for (unsigned edges = 0; edges < 64; ++edges) {  // each of six possible needs
    for (unsigned picks = 0; picks < 256; ++picks) {
      Play p;
      unsigned bit = 0;
      for (std::uint32_t i = 0; i < 4; ++i) {
        std::vector<std::uint32_t> needs;
        for (std::uint32_t j = 0; j < i; ++j, ++bit) {
          if ((edges >> bit) & 1U) needs.push_back(j);
        }
        p.add(std::string(1, static_cast<char>('a' + i)), needs);
        p.outcomes[p.run.steps.back().title] = {kinds[(picks >> (2 * i)) & 3U]};
      }
      p.run.steps[3].after_failure = (edges + picks) % 2 == 0;
      p.play();
      ASSERT_TRUE(terminal(p.run.state)) << edges << " " << picks << " " << p.states();
      bool failed = false;
      for (std::uint32_t i = 0; i < 4; ++i) {
        const Step& s = p.run.steps[i];
        failed = failed || s.state == StepState::kFailed;
        if (s.state == StepState::kSkipped || s.after_failure) continue;
        for (const std::uint32_t need : s.needs)
          ASSERT_NE(p.run.steps[need].state, StepState::kFailed) << edges << " " << picks;
      }
      ASSERT_EQ(p.run.state, failed ? RunState::kFailed : RunState::kSucceeded);
    }
  }
}

TEST(Cause, LeavesOutWhatDiffersFromRunToRun) {
  EXPECT_EQ(cause_of("version", "GET https://jira/rest/PROJ-123 was answered 404: no run_00000000002a"),
            "version: GET https://jira/rest/PROJ-# was answered 404: no #");
  EXPECT_EQ(cause_of("a", "timeout after 30000 ms at 2026-11-23T01:02:03Z"),
            cause_of("a", "timeout after 31000 ms at 2027-01-01T05:06:07Z"));
  EXPECT_EQ(cause_of("a", "PUT /two/app: answered 500"), "a: PUT /*: answered 500");
  EXPECT_NE(cause_of("a", "answered 404"), cause_of("a", "answered 403"));
}

TEST(Cause, EndsBetweenTwoCharacters) {
  for (std::size_t before = 190; before < 200; ++before) {
    const std::string cause = cause_of("a", std::string(before, ' ') + "äöü€😀äöü€😀");
    EXPECT_TRUE(valid_utf8(cause)) << before;
    EXPECT_LE(cause.size(), 200U);
    EXPECT_GT(cause.size(), 196U);
  }
}

TEST(Cause, LeavesOutWhatHelps) {
  EXPECT_EQ(cause_of("a", "it is not read; what helps: `x` with 17 other words"), "a: it is not read");
}

}  // namespace
}  // namespace postlude::engine
