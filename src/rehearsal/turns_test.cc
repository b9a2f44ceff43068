// Who may send when: no two attempts of one (target, key) at once, and no more requests than a target's rate.
#include "unit/rehearsal/desk.h"

namespace postlude::rehearsal {
namespace {

using TurnsTest = DeskTest;

// A replay while the original has its request under way: it waits for its end, whatever the effect, and meets
// it then.
TEST_F(TurnsTest, AReplayWaitsForTheOriginalsRequest) {
  struct Row {
    const char* action;
    const char* policy;
    bool answered;
    bool acted;
    std::vector<const char*> requests;  // of both runs
    StepState replay;
    bool held;
  };
  const std::vector<Row> rows = {
      {"state", "", true, true, {"do", "do"}, StepState::kSucceeded, false},
      {"state", "", false, true, {"do", "do", "do"}, StepState::kSucceeded, false},
      {"key", "", true, true, {"do", "do"}, StepState::kSucceeded, false},
      {"key", "", false, true, {"do", "do", "do"}, StepState::kSucceeded, false},
      {"lookup", "", true, true, {"do", "lookup.look"}, StepState::kSucceeded, false},
      {"lookup", "", false, true, {"do", "lookup.look", "lookup.look"}, StepState::kSucceeded, false},
      {"none", "", true, true, {"do", "do"}, StepState::kSucceeded, false},
      {"none", ", onUnclear: hold", true, true, {"do"}, StepState::kWaiting, true},
      {"none", ", onUnclear: fail", true, true, {"do"}, StepState::kFailed, false},
      {"none", ", onUnclear: hold", false, true, {"do"}, StepState::kWaiting, true},
      {"lookup", "", false, false, {"do", "lookup.look", "do", "lookup.look"}, StepState::kSucceeded, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.action) + row.policy + (row.answered ? ", answered" : ", never answered"));
    idle_ = !row.acted;
    first_ = ScriptedAnswer{row.answered ? Duration(seconds(8)) : Duration(minutes(5)), HttpResponse()};
    first_->http().status = 200;
    first_->http().body = "{}";
    begin(rules("", std::string("{id: do, uses: desk/") + row.action + row.policy + "}"));
    accept("app");
    ASSERT_TRUE(rehearsal_->run_until([&] { return arrivals_.size() == 1; }, minutes(1)));
    const auto runs = all_runs();
    ASSERT_EQ(runs.size(), 1U);
    const auto made = rehearsal_->ask(rehearsal_->pipeline().replay(runs[0].id, false, false, "amy"));
    ASSERT_TRUE(made && *made);
    rehearsal_->advance(seconds(5));
    EXPECT_EQ(arrivals_.size(), 1U) << "the replay did not wait";
    const auto early = rehearsal_->ask(rehearsal_->store().run(**made));
    ASSERT_TRUE(early && *early);
    EXPECT_FALSE(terminal((*early)->run.state));
    EXPECT_FALSE((*early)->run.steps[0].held) << "a person is asked what may become clear by itself";
    EXPECT_NE((*early)->run.steps[0].reason.find("another run of this event is sending"), std::string::npos)
        << (*early)->run.steps[0].reason;
    EXPECT_TRUE(rehearsal_->run_until_quiet(hours(20)));
    std::vector<std::string> requests;
    for (std::size_t i = 0; i < arrivals_.size(); ++i) {
      // As often as it takes until "not there" counts.
      const bool again = i > 0 && arrivals_[i].request.starts_with("lookup.") && !row.acted &&
                         requests.back() == arrivals_[i].request;
      if (!again) requests.push_back(arrivals_[i].request);
      if (i > 0 && arrivals_[i].request == "do") {
        EXPECT_GE(arrivals_[i].at, arrivals_[i - 1].until) << "two of one key at once";
      }
      EXPECT_TRUE(arrivals_[i].key.empty() || arrivals_[i].key == arrivals_[0].key);
    }
    EXPECT_EQ(requests, std::vector<std::string>(row.requests.begin(), row.requests.end()));
    const auto late = rehearsal_->ask(rehearsal_->store().run(**made));
    ASSERT_TRUE(late && *late);
    EXPECT_EQ((*late)->run.steps[0].state, row.replay) << (*late)->run.steps[0].reason;
    EXPECT_EQ((*late)->run.steps[0].held, row.held);
    EXPECT_LE((*late)->run.steps[0].attempts, 3U) << "waiting is no attempt";
  }
}

// After a crash an action goes on at the first write that is not proved: what was answered is not sent again,
// and what follows sees its answer.
TEST_F(TurnsTest, AnActionGoesOnAtTheFirstWriteNotProved) {
  first_ = ScriptedAnswer{milliseconds(5), HttpResponse()};
  first_->http().status = 200;
  first_->http().headers.add("Content-Type", "application/json");
  first_->http().body = R"({"id":"d1"})";
  takes_ = seconds(3);
  begin(rules("", "{id: do, uses: desk/both}"));
  accept("app");
  ASSERT_TRUE(rehearsal_->run_until([&] { return arrivals_.size() == 2; }, minutes(1)));
  rehearsal_->crash_and_restart(seconds(1));
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  std::vector<std::string> requests;
  for (const Arrival& arrival : arrivals_)
    requests.push_back(arrival.request);
  EXPECT_EQ(requests, (std::vector<std::string>{"do", "tell", "tell"}));
  EXPECT_EQ(arrivals_.back().key, arrivals_[1].key);
  EXPECT_NE(arrivals_.back().key, arrivals_[0].key);
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].state, RunState::kSucceeded) << runs[0].steps[0].reason;
  EXPECT_EQ(runs[0].steps[0].outputs, R"({"id":"d1"})");
}

// Claimed before the other had sent anything, and ready only after it was answered: what was made meanwhile
// is met all the same.
TEST_F(TurnsTest, WhatAnotherRunDidMeanwhileIsMet) {
  first_ = ScriptedAnswer{seconds(8), HttpResponse()};
  first_->http().status = 200;
  first_->http().body = "{}";
  begin(rules("", "{id: do, uses: desk/two}"));
  accept("app");
  ASSERT_TRUE(rehearsal_->run_until([&] { return arrivals_.size() == 1; }, minutes(1)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  const auto made = rehearsal_->ask(rehearsal_->pipeline().replay(runs[0].id, false, false, "amy"));
  ASSERT_TRUE(made && *made);
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(20)));
  const auto did = std::count_if(arrivals_.begin(), arrivals_.end(),
                                 [](const Arrival& arrival) { return arrival.request == "do"; });
  EXPECT_EQ(did, 1);
  std::vector<StepState> states;
  for (const postlude::Run& run : all_runs())
    states.push_back(run.steps[0].state);
  std::sort(states.begin(), states.end());
  EXPECT_EQ(states, (std::vector<StepState>{StepState::kWaiting, StepState::kSucceeded}));
}

TEST_F(TurnsTest, ARateCountsRequests) {
  takes_ = milliseconds(1);
  begin(rules(", limits: {rate: 5/s, concurrency: 16}", "{id: do, uses: desk/two}"));
  constexpr int kEvents = 20;
  for (int i = 0; i < kEvents; ++i)
    accept("app" + std::to_string(i));
  const Instant first = rt::now();
  // While requests wait for their turn, nothing of them is under way: no row is open for longer than an
  // answer takes.
  std::int64_t waiting = 0;
  for (int i = 0; i < 30; ++i) {
    rehearsal_->advance(milliseconds(97));
    EXPECT_LE(count("SELECT count(*) FROM requests WHERE result = 1"), 1) << i;
    waiting += count("SELECT count(*) FROM steps WHERE state = 2");
  }
  EXPECT_GT(waiting, 0);
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  ASSERT_EQ(arrivals_.size(), 2U * kEvents);
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    // A burst of one period, and one each fifth of a second.
    const auto allowed = static_cast<double>(5) + 5.0 * to_seconds(arrivals_[i].at - arrivals_[0].at) + 0.01;
    EXPECT_LE(static_cast<double>(i + 1), allowed) << i;
  }
  const double took = to_seconds(arrivals_.back().at - first);
  EXPECT_GE(took, (2.0 * kEvents - 5) / 5 - 0.01);
  EXPECT_LE(took, (2.0 * kEvents - 5) / 5 + 1.5) << "the target was idle";
  for (const postlude::Run& run : all_runs()) {
    EXPECT_EQ(run.state, RunState::kSucceeded);
    EXPECT_EQ(run.steps[0].attempts, 1U);
  }
}

// A crash while requests wait for their turn leaves no doubt behind: nobody is asked about what was never
// sent.
TEST_F(TurnsTest, WaitingForATurnIsNoDoubt) {
  takes_ = milliseconds(1);
  begin(rules(", limits: {rate: 1/m}", "{id: do, uses: desk/two}"));
  accept("app");
  rehearsal_->advance(seconds(20));
  ASSERT_EQ(arrivals_.size(), 1U);
  EXPECT_EQ(count("SELECT count(*) FROM requests WHERE effect <> 1"), 0);
  rehearsal_->crash_and_restart(seconds(1));
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].state, RunState::kSucceeded) << runs[0].steps[0].reason;
  EXPECT_EQ(arrivals_.size(), 3U);  // it asked again, and then did it
}

// What may be sent again when its attempt asks may no longer be when its turn has come.
TEST_F(TurnsTest, AWaitForATurnCanOutlastTheKeysWindow) {
  takes_ = milliseconds(1);
  breaks_ = 2;
  begin(rules(", limits: {rate: 1/m}", "{id: do, uses: desk/window}"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(5)));
  std::vector<std::string> requests;
  for (const Arrival& arrival : arrivals_)
    requests.push_back(arrival.request);
  EXPECT_EQ(requests, (std::vector<std::string>{"ask", "do", "ask", "ask"}));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_TRUE(runs[0].steps[0].held) << runs[0].steps[0].reason;
}

// Who waits for a key goes on as soon as it is free, and looks ever more seldom until then.
TEST_F(TurnsTest, AKeyIsTakenUpAsSoonAsItIsFree) {
  first_ = ScriptedAnswer{milliseconds(5), HttpResponse()};
  first_->http().status = 503;
  first_->http().headers.add("Retry-After", "3000");
  begin(rules("", "{id: do, uses: desk/card, key: chat}"));
  accept("first");
  ASSERT_TRUE(rehearsal_->run_until([&] { return arrivals_.size() == 1; }, minutes(1)));
  accept("second");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(5)));
  ASSERT_EQ(arrivals_.size(), 3U);
  EXPECT_GE(arrivals_[1].at - arrivals_[0].at, seconds(3000));
  EXPECT_LT(arrivals_[2].at - arrivals_[1].at, seconds(1));
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 3);  // looking at a key is none
  EXPECT_LT(count("SELECT count(*) FROM audit"), 20);
  for (const postlude::Run& run : all_runs())
    EXPECT_EQ(run.state, RunState::kSucceeded) << run.steps[0].reason;
}

// A run's own timeout ends the wait for a turn.
TEST_F(TurnsTest, AWaitForATurnEndsWithTheRun) {
  auto with = rules(", limits: {rate: 1/h}", "{id: do, uses: desk/two}], timeout: 10m, finally: [");
  begin(std::move(with));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(5)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].state, RunState::kFailed);
  EXPECT_NE(runs[0].steps[0].reason.find("the run's timeout (10m) is over"), std::string::npos)
      << runs[0].steps[0].reason;
  EXPECT_EQ(arrivals_.size(), 1U);
}

}  // namespace
}  // namespace postlude::rehearsal
