// Runs: started once, claimed fairly, recorded under a lease, queued behind each other.

#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class Runs : public StoreTest {
 protected:
  static Request request(Effect effect, const std::string& name = "create") {
    Request q;
    q.name = name;
    q.effect = effect;
    q.key = "key";
    q.method = "POST";
    q.url = "https://jira.example.com/x";
    q.headers = "{}";
    q.body = "{}";
    return q;
  }
  Result<Request> commit(const Work& work, const Request& q, std::vector<Request> ended_before = {},
                         std::optional<std::string> input = std::nullopt) {
    Store::NewRequest wanted;
    wanted.lease = work.lease;
    wanted.request = q;
    wanted.ended = std::move(ended_before);
    wanted.input = std::move(input);
    wanted.step_now = at(0);
    return driver_.wait(store_->commit_request(std::move(wanted)));
  }
  RunState state_of(RunId id) { return show(id).run.state; }
};

TEST_P(Runs, an_event_is_planned_once) {
  const EventId event = add_event(0);
  auto waiting = driver_.wait(store_->unplanned(10));
  ASSERT_TRUE(waiting);
  ASSERT_EQ(waiting->size(), 1U);
  EXPECT_EQ((*waiting)[0].id, event);
  EXPECT_EQ((*waiting)[0].payload, "{\"at\":0}");
  const std::vector<Planned> plan{{"a", true, "on[0] matched"}, {"b", false, "on: phase is Failed"}};
  ASSERT_TRUE(driver_.wait(store_->start(event, {new_run("a", {step("one")})}, plan, at(1))));
  EXPECT_EQ(driver_.wait(store_->start(event, {new_run("a", {step("one")})}, plan, at(1))).error().code,
            Code::kConflict);
  EXPECT_EQ(driver_.wait(store_->start(EventId{99999}, {}, {}, at(1))).error().code, Code::kNotFound);
  EXPECT_TRUE(driver_.wait(store_->unplanned(10))->empty());
  auto detail = driver_.wait(store_->event(event));
  ASSERT_TRUE(detail);
  EXPECT_TRUE(detail->planned);
  ASSERT_EQ(detail->plan.size(), 2U);
  EXPECT_TRUE(detail->plan[0].runs);
  EXPECT_EQ(detail->plan[1].why, "on: phase is Failed");
  ASSERT_EQ(detail->runs.size(), 1U);
  EXPECT_EQ(detail->runs[0].state, RunState::kQueued);
}

TEST_P(Runs, all_runs_of_an_event_or_none) {
  const EventId event = add_event(0);
  EXPECT_EQ(driver_.wait(store_->start(event, {new_run("a", {step("one")}), new_run("b", {})}, {}, at(1)))
                .error()
                .code,
            Code::kInvalid);
  EXPECT_EQ(driver_.wait(store_->unplanned(10))->size(), 1U);
  EXPECT_TRUE(driver_.wait(store_->runs({}, {}))->empty());
}

TEST_P(Runs, a_run_that_could_not_begin_does_nothing_until_it_is_retried) {
  const RunId before = begin_run(0, "a", {step("one")});
  NewRun wanted = new_run("a", {step("one"), step("two")});
  wanted.failed = "if: must yield true or false, not 3";
  const EventId event = add_event(1);
  ASSERT_TRUE(driver_.wait(store_->start(event, {wanted}, {}, at(1))));
  const RunId later = begin_run(2, "a", {step("one")});
  const RunId failed = driver_.wait(store_->event(event))->runs[0].id;
  EXPECT_EQ(state_of(failed), RunState::kFailed);
  EXPECT_EQ(show(failed).run.reason, wanted.failed);
  auto first = claim(3);
  ASSERT_EQ(first.size(), 1U);  // not its steps, nor the run that waits behind the first
  EXPECT_EQ(first[0].run.id, before);
  ASSERT_TRUE(record(ended(first[0], 4, Succeeded{"{}"}), succeed(0, at(4))));
  auto second = claim(4);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].run.id, later);
  ASSERT_TRUE(record(ended(second[0], 5, Succeeded{"{}"}), succeed(0, at(5))));

  ASSERT_TRUE(driver_.wait(store_->retry(failed, false, "ops", at(6))));
  auto third = claim(6);
  ASSERT_EQ(third.size(), 1U);
  EXPECT_EQ(third[0].run.id, failed);
  EXPECT_EQ(third[0].step, 0U);
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");
}

TEST_P(Runs, a_claim_is_the_intent_and_carries_all_that_is_needed) {
  const RunId run = begin_run(5, "a", {step("one"), step("two")});
  auto work = claim(10);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].run.id, run);
  EXPECT_EQ(work[0].run.state, RunState::kRunning);
  EXPECT_EQ(work[0].run.started_at, at(10));
  EXPECT_EQ(work[0].run.deadline_at, at(5) + std::chrono::hours(24));
  EXPECT_EQ(work[0].step, 0U);
  EXPECT_EQ(work[0].run.steps.size(), 2U);
  EXPECT_EQ(work[0].run.steps[0].attempts, 1U);
  EXPECT_EQ(work[0].run.steps[0].first_at, at(10));
  EXPECT_EQ(*work[0].text, "text of a");
  EXPECT_EQ(work[0].event->payload, "{\"at\":5}");
  EXPECT_NE(work[0].lease.token, 0U);
  EXPECT_TRUE(claim(10).empty());  // it is in hand
  const RunDetail detail = show(run);
  ASSERT_EQ(detail.attempts.size(), 1U);
  EXPECT_EQ(detail.attempts[0].number, 1U);
  EXPECT_FALSE(detail.attempts[0].ended_at);
  EXPECT_EQ(detail.text, "text of a");
}

TEST_P(Runs, steps_follow_each_other_to_the_end) {
  const RunId run = begin_run(0, "a", {step("one"), step("two")});
  auto first = claim(1);
  ASSERT_EQ(first.size(), 1U);
  ASSERT_TRUE(record(ended(first[0], 2, Succeeded{"{\"ok\":true}"}), succeed(0, at(2))));
  auto second = claim(2);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].step, 1U);
  EXPECT_EQ(second[0].run.steps[0].outputs, "{\"ok\":true}");
  ASSERT_TRUE(record(ended(second[0], 3, Succeeded{"{}"}), succeed(1, at(3))));
  const RunDetail detail = show(run);
  EXPECT_EQ(detail.run.state, RunState::kSucceeded);
  EXPECT_EQ(detail.run.finished_at, at(3));
  EXPECT_EQ(detail.run.steps[1].finished_at, at(3));
  ASSERT_EQ(detail.attempts.size(), 2U);
  EXPECT_EQ(detail.attempts[1].outcome, "succeeded");
  EXPECT_EQ(detail.attempts[1].ended_at, at(3));
  auto counts = driver_.wait(store_->counts());
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->runs["succeeded"], 1);
  EXPECT_EQ(counts->runs["running"], 0);
  EXPECT_EQ(counts->runs["queued"], 0);
  EXPECT_GT(counts->bytes, 0);
}

TEST_P(Runs, an_element_is_claimed_without_what_the_others_of_its_list_keep) {
  std::vector<Step> steps{step("list"), step("one"), step("two"), step("later")};
  steps[1].element_of = steps[2].element_of = 0;
  steps[1].item = steps[2].item = "\"item\"";
  const RunId id = begin_run(0, "w", steps);
  std::vector<Work> works;
  for (std::uint32_t i = 0; i < 4; ++i) {
    auto claimed = claim(i + 1);
    ASSERT_EQ(claimed.size(), 1U);
    AttemptEnd end = ended(claimed[0], i + 1, Succeeded{});
    end.input = "{\"of\":1}";
    ASSERT_TRUE(record(end, succeed(i, at(i + 1))));
    works.push_back(std::move(claimed[0]));
  }
  const auto& two = works[2];
  EXPECT_EQ(two.run.steps[0].outputs, "{\"ok\":true}");
  EXPECT_EQ(two.run.steps[0].input, "") << "nobody else reads it";
  EXPECT_EQ(two.run.steps[1].outputs, "");
  EXPECT_EQ(two.run.steps[1].item, "");
  EXPECT_EQ(two.run.steps[1].state, StepState::kSucceeded);
  EXPECT_EQ(two.run.steps[2].item, "\"item\"");
  const Step& then = works[3].run.steps[2];
  EXPECT_EQ(two.kept, works[3].kept - then.input.size() - then.outputs.size()) << "all of it, hidden or not";
  EXPECT_EQ(works[3].run.steps[1].outputs, "{\"ok\":true}");
  EXPECT_EQ(works[3].kept, values_of(works[3].run));
  EXPECT_EQ(show(id).run.steps[1].outputs, "{\"ok\":true}") << "it is hidden, not forgotten";
}

TEST_P(Runs, a_void_lease_changes_nothing) {
  const RunId run = begin_run(0, "a", {step("one")});
  auto work = claim(1);
  ASSERT_EQ(work.size(), 1U);
  Work stranger = work[0];
  stranger.lease.token ^= 2;
  EXPECT_EQ(record(ended(stranger, 2, Succeeded{"{}"}), succeed(0, at(2))).error().code, Code::kConflict);
  EXPECT_EQ(commit(stranger, request(Effect::kNone)).error().code, Code::kConflict);
  EXPECT_EQ(driver_.wait(store_->give_back(stranger.lease, at(2))).error().code, Code::kConflict);
  EXPECT_EQ(state_of(run), RunState::kRunning);
  ASSERT_TRUE(record(ended(work[0], 2, Succeeded{"{}"}), succeed(0, at(2))));
  EXPECT_EQ(record(ended(work[0], 3, Refused{"no"}), fail(0)).error().code, Code::kConflict);
  EXPECT_EQ(state_of(run), RunState::kSucceeded);
}

TEST_P(Runs, a_backoff_is_due_later_and_the_next_attempt_sees_what_was_sent) {
  begin_run(0, "a", {step("one")});
  auto work = claim(1);
  ASSERT_EQ(work.size(), 1U);
  Request read = request(Effect::kRead, "versions");
  read.result = RequestResult::kSucceeded;
  read.status = 200;
  auto committed = commit(work[0], request(Effect::kKey), {read}, "{\"project\":\"PROJ\"}");
  ASSERT_TRUE(committed);
  EXPECT_NE(committed->id, 0);
  EXPECT_TRUE(committed->sent_at);
  AttemptEnd end = ended(work[0], 2, Retryable{"429", {}, false});
  committed->result = RequestResult::kRetryable;
  committed->status = 429;
  committed->ended_at = at(2);
  committed->response = "{\"status\":429}";
  end.requests = {*committed};
  ASSERT_TRUE(record(end, leave({0, StepState::kPending, at(30), "429", false, std::nullopt, std::nullopt})));
  EXPECT_TRUE(claim(29).empty());
  auto again = claim(30);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].run.steps[0].attempts, 2U);
  EXPECT_EQ(again[0].run.steps[0].first_at, at(1));
  EXPECT_EQ(again[0].run.steps[0].input, "{\"project\":\"PROJ\"}");
  EXPECT_EQ(again[0].run.steps[0].now, at(0));
  EXPECT_TRUE(
      again[0].before.empty());  // a read, and one that certainly had no effect: nothing to know of them
}

TEST_P(Runs, a_wait_that_is_over_is_known_as_such) {
  begin_run(0, "a", {step("one")});
  auto work = claim(1);
  ASSERT_TRUE(record(ended(work[0], 2, Waits{at(60), "wait"}),
                     leave({0, StepState::kWaiting, at(60), "wait", false, std::nullopt, std::nullopt},
                           RunState::kWaiting)));
  EXPECT_TRUE(claim(59).empty());
  work = claim(60);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].run.state, RunState::kRunning);
  reopen();  // a crash in between does not begin the wait anew
  EXPECT_EQ(driver_.wait(store_->run(work[0].run.id))->run.steps[0].state, StepState::kWaiting);
  work = claim(4'000'000'000);
  ASSERT_EQ(work.size(), 1U);
}

TEST_P(Runs, what_is_given_back_was_never_claimed) {
  const RunId run = begin_run(0, "a", {step("one")});
  auto work = claim(1);
  ASSERT_TRUE(driver_.wait(store_->give_back(work[0].lease, at(2))));
  RunDetail detail = show(run);
  EXPECT_TRUE(detail.attempts.empty());
  EXPECT_EQ(detail.run.steps[0].attempts, 0U);
  EXPECT_FALSE(detail.run.steps[0].first_at);
  work = claim(2);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].run.steps[0].attempts, 1U);
  ASSERT_TRUE(commit(work[0], request(Effect::kNone)));
  EXPECT_EQ(driver_.wait(store_->give_back(work[0].lease, at(3))).error().code, Code::kInvalid);
}

TEST_P(Runs, runs_of_one_key_follow_each_other) {
  const RunId first = begin_run(0, "a", {step("one")});
  const RunId second = begin_run(1, "a", {step("one")});
  const RunId third = begin_run(2, "a", {step("one")});
  const RunId other_key = begin_run(3, "a", {step("one")}, "prod/other");
  const RunId other_workflow = begin_run(4, "b", {step("one")});
  auto work = claim(10);
  ASSERT_EQ(work.size(), 3U);
  EXPECT_EQ(work[0].run.id, first);
  EXPECT_EQ(work[1].run.id, other_key);
  EXPECT_EQ(work[2].run.id, other_workflow);
  EXPECT_EQ(state_of(second), RunState::kQueued);
  ASSERT_TRUE(record(ended(work[0], 11, Refused{"no"}), fail(0)));
  EXPECT_EQ(state_of(second), RunState::kRunning);
  EXPECT_EQ(state_of(third), RunState::kQueued);
  EXPECT_EQ(show(second).run.deadline_at, at(11) + std::chrono::hours(24));
  work = claim(11);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].run.id, second);
  // The first is tried again: it comes before the third, and after the one under way.
  ASSERT_TRUE(driver_.wait(store_->retry(first, false, "ops", at(12))));
  EXPECT_EQ(state_of(first), RunState::kQueued);
  ASSERT_TRUE(record(ended(work[0], 13, Succeeded{"{}"}), succeed(0, at(13))));
  work = claim(13);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].run.id, first);
  ASSERT_TRUE(record(ended(work[0], 14, Succeeded{"{}"}), succeed(0, at(14))));
  work = claim(14);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].run.id, third);
}

TEST_P(Runs, parallel_runs_do_not_wait) {
  for (int i = 0; i < 3; ++i) {
    NewRun run = new_run("a", {step("one")});
    run.queues = false;
    ASSERT_TRUE(driver_.wait(store_->start(add_event(i), {run}, {}, at(i))));
  }
  EXPECT_EQ(claim(10).size(), 3U);
}

TEST_P(Runs, targets_take_turns_and_a_full_one_is_skipped) {
  for (int i = 0; i < 6; ++i)
    begin_run(i, "a", {step("one", "busy")}, "key" + std::to_string(i));
  begin_run(6, "b", {step("one", "calm")});
  begin_run(7, "c", {step("one", "")});
  Claim c;
  c.now = at(10);
  c.steps_max = 4;
  c.room = {{"busy", 3}};
  auto work = driver_.wait(store_->claim(c));
  ASSERT_TRUE(work);
  ASSERT_EQ(work->size(), 4U);
  std::map<std::string, int> taken;
  for (const Work& w : *work)
    ++taken[w.run.steps[w.step].target];
  EXPECT_EQ(taken["busy"], 2);
  EXPECT_EQ(taken["calm"], 1);
  EXPECT_EQ(taken[""], 1);
  c.room = {{"busy", 0}};
  EXPECT_TRUE(driver_.wait(store_->claim(c))->empty());
  c.room = {{"busy", 1}};
  EXPECT_EQ(driver_.wait(store_->claim(c))->size(), 1U);
  c.room.clear();
  c.room_default = 2;
  EXPECT_EQ(driver_.wait(store_->claim(c))->size(), 2U);
}

TEST_P(Runs, a_target_served_last_comes_last) {
  for (int i = 0; i < 4; ++i) {
    begin_run(i, "a", {step("one", "x")}, "x" + std::to_string(i));
    begin_run(i, "b", {step("one", "y")}, "y" + std::to_string(i));
  }
  std::string order;
  for (int i = 0; i < 4; ++i) {
    auto work = claim(10, 1);
    ASSERT_EQ(work.size(), 1U);
    order += work[0].run.steps[0].target;
  }
  EXPECT_EQ(order, "xyxy");
}

TEST_P(Runs, after_a_crash_open_writes_are_unclear_and_the_step_gets_its_turn) {
  const RunId run = begin_run(0, "a", {step("one")});
  auto work = claim(1);
  ASSERT_TRUE(commit(work[0], request(Effect::kNone)));
  reopen();
  RunDetail detail = show(run);
  EXPECT_TRUE(detail.run.steps[0].unclear);
  EXPECT_EQ(detail.run.steps[0].state, StepState::kPending);
  ASSERT_EQ(detail.attempts.size(), 1U);
  EXPECT_EQ(detail.attempts[0].outcome, "crashed");
  ASSERT_EQ(detail.attempts[0].requests.size(), 1U);
  EXPECT_EQ(detail.attempts[0].requests[0].result, RequestResult::kUnclear);
  EXPECT_EQ(record(ended(work[0], 2, Succeeded{"{}"}), succeed(0, at(2))).error().code, Code::kConflict);
  auto again = claim(4'000'000'000);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].run.steps[0].attempts, 2U);
  ASSERT_EQ(again[0].before.size(), 1U);
  EXPECT_EQ(again[0].before[0].result, RequestResult::kUnclear);
}

// A run's time is over while its step waits for its target's room: it is claimed to be ended, room or not.
TEST_P(Runs, a_step_of_a_run_whose_time_is_over_needs_no_room) {
  begin_run(0, "a", {step("one")});
  begin_run(1, "b", {step("one", "slack")});
  const auto claim_at = [this](std::int64_t second, std::size_t room) {
    Claim c;
    c.now = at(second);
    c.room_default = room;
    auto work = driver_.wait(store_->claim(c));
    EXPECT_TRUE(work);
    return *std::move(work);
  };
  constexpr std::int64_t kDay = 24 * 3600;
  EXPECT_TRUE(claim_at(kDay - 1, 0).empty());
  Pause pause;
  pause.kind = "target";
  pause.name = "slack";
  pause.at = at(10);
  ASSERT_TRUE(driver_.wait(store_->pause(pause)));
  const auto over = claim_at(kDay + 2, 0);
  ASSERT_EQ(over.size(), 1U) << "time of a pause is given back";
  EXPECT_TRUE(over[0].overdue);
  EXPECT_EQ(over[0].run.workflow, "a");
  EXPECT_TRUE(claim_at(kDay + 3, 0).empty());
  ASSERT_TRUE(driver_.wait(store_->unpause("target", "slack", "ops", at(kDay + 4))));
  const auto with_room = claim_at(kDay + 5, 1);
  ASSERT_EQ(with_room.size(), 1U);
  EXPECT_FALSE(with_room[0].overdue);
}

TEST_P(Runs, after_a_crash_before_anything_was_sent_nothing_is_unclear) {
  const RunId run = begin_run(0, "a", {step("one")});
  ASSERT_EQ(claim(1).size(), 1U);
  reopen();
  const RunDetail detail = show(run);
  EXPECT_FALSE(detail.run.steps[0].unclear);
  EXPECT_EQ(detail.attempts[0].outcome, "crashed");
  EXPECT_EQ(detail.run.steps[0].attempts, 1U);
}

TEST_P(Runs, a_request_that_nobody_answered_for_is_unclear) {
  const RunId run = begin_run(0, "a", {step("one")});
  auto work = claim(1);
  ASSERT_TRUE(commit(work[0], request(Effect::kNone)));
  ASSERT_TRUE(record(
      ended(work[0], 2, Unclear{"timeout", Effect::kNone, OnUnclear::kHold, {}}),
      leave({0, StepState::kWaiting, std::nullopt, "held", true, true, std::nullopt}, RunState::kWaiting)));
  const RunDetail detail = show(run);
  EXPECT_EQ(detail.attempts[0].requests[0].result, RequestResult::kUnclear);
  EXPECT_TRUE(detail.run.steps[0].held);
  EXPECT_TRUE(detail.run.steps[0].unclear);
}

TEST_P(Runs, an_older_release_does_not_overwrite_a_newer_one) {
  // The first release fails; the second sends the step; then the first is tried again.
  const RunId old_run = begin_run(0, "a", {step("one")});
  auto work = claim(1);
  ASSERT_TRUE(record(ended(work[0], 2, Refused{"no"}), fail(0)));
  begin_run(3, "a", {step("one")});
  work = claim(4);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_TRUE(commit(work[0], request(Effect::kState)));
  ASSERT_TRUE(commit(work[0], request(Effect::kUpsert, "second")));  // the same release goes on
  ASSERT_TRUE(record(ended(work[0], 5, Succeeded{"{}"}), succeed(0, at(5))));

  ASSERT_TRUE(driver_.wait(store_->retry(old_run, false, "ops", at(6))));
  work = claim(7);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(commit(work[0], request(Effect::kState)).error().code, Code::kDenied);
  EXPECT_EQ(commit(work[0], request(Effect::kUpsert)).error().code, Code::kDenied);
  EXPECT_TRUE(commit(work[0], request(Effect::kKey)));  // its own effect, not a state that others share
  ASSERT_TRUE(record(ended(work[0], 8, Refused{"no"}), fail(0)));

  ASSERT_TRUE(driver_.wait(store_->retry(old_run, true, "ops", at(9))));
  work = claim(10);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_TRUE(work[0].run.stale);
  EXPECT_TRUE(commit(work[0], request(Effect::kState)));
}

TEST_P(Runs, a_retry_goes_on_from_the_failed_step) {
  const RunId run = begin_run(0, "a", {step("one"), step("two"), step("three")});
  auto work = claim(1);
  ASSERT_TRUE(record(ended(work[0], 2, Succeeded{"{}"}), succeed(0, at(2))));
  work = claim(2);
  ASSERT_TRUE(record(ended(work[0], 3, Refused{"no"}), fail(1)));
  EXPECT_EQ(show(run).run.reason, "refused");
  Filter failed;
  failed.state = "failed";
  EXPECT_EQ(driver_.wait(store_->runs(failed, {}))->size(), 1U);
  ASSERT_TRUE(driver_.wait(store_->retry(run, false, "ops", at(100))));
  EXPECT_EQ(driver_.wait(store_->retry(run, false, "ops", at(100))).error().code, Code::kConflict);
  RunDetail detail = show(run);
  EXPECT_EQ(detail.run.state, RunState::kRunning);
  EXPECT_EQ(detail.run.reason, "");
  EXPECT_FALSE(detail.run.finished_at);
  EXPECT_EQ(detail.run.deadline_at, at(100) + std::chrono::hours(24));
  EXPECT_EQ(detail.run.steps[0].state, StepState::kSucceeded);
  EXPECT_EQ(detail.run.steps[0].outputs, "{\"ok\":true}");
  EXPECT_EQ(detail.run.steps[2].state, StepState::kPending);
  work = claim(100);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].step, 1U);
  EXPECT_EQ(work[0].run.steps[1].attempts, 1U);
  detail = show(run);
  EXPECT_EQ(detail.attempts.back().number, 2U);  // attempts are counted on
  EXPECT_EQ(driver_.wait(store_->retry(RunId{9999}, false, "ops", at(1))).error().code, Code::kNotFound);
}

TEST_P(Runs, a_retry_works_out_anew_what_later_steps_are_to_do) {
  const RunId run = begin_run(0, "a", {step("one"), step("two"), step("three")});
  const auto go_on = [](std::uint32_t index, bool last) {
    return [index, last](const postlude::Run&) {
      Decision d;
      d.changes.push_back({index, StepState::kFailed, std::nullopt, "no", false, std::nullopt, std::nullopt});
      if (!last) {
        d.changes.push_back({index + 1, StepState::kPending, at(2), "", false, std::nullopt, std::nullopt});
      }
      d.run = last ? RunState::kFailed : RunState::kRunning;
      return d;
    };
  };
  for (std::uint32_t i = 0; i < 3; ++i) {  // the last of them has done something
    auto work = claim(2);
    ASSERT_EQ(work.size(), 1U);
    auto sent = commit(work[0], request(Effect::kNone), {}, "{\"then\":1}");
    ASSERT_TRUE(sent);
    sent->result = i == 2 ? RequestResult::kSucceeded : RequestResult::kRefused;
    AttemptEnd end = ended(work[0], 2, Refused{"no"});
    end.requests = {*sent};
    ASSERT_TRUE(record(end, go_on(i, i == 2)));
  }
  ASSERT_TRUE(driver_.wait(store_->retry(run, false, "ops", at(3))));
  const std::vector<Step> steps = show(run).run.steps;
  EXPECT_EQ(steps[0].input, "{\"then\":1}");
  EXPECT_EQ(steps[1].input, "");
  EXPECT_FALSE(steps[1].now);
  EXPECT_EQ(steps[2].input, "{\"then\":1}");
}

TEST_P(Runs, what_was_no_attempt_is_not_counted) {
  begin_run(0, "a", {step("one")});
  auto work = claim(1);
  StepChange later{0, StepState::kPending, at(5), "too early", false, true, std::nullopt};
  later.uncounted = true;
  ASSERT_TRUE(record(ended(work[0], 2, Unclear{"too early", Effect::kLookup}), leave(later)));
  work = claim(5);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].run.steps[0].attempts, 1U);
}

class Held : public Runs {
 protected:
  void SetUp() override {
    Runs::SetUp();
    run_ = begin_run(0, "a", {step("one"), step("two")});
    auto work = claim(10);
    ASSERT_EQ(work.size(), 1U);
    ASSERT_TRUE(commit(work[0], request(Effect::kNone)));
    ASSERT_TRUE(record(
        ended(work[0], 20, Unclear{"timeout", Effect::kNone, OnUnclear::kHold, {}}),
        leave({0, StepState::kWaiting, std::nullopt, "held", true, true, std::nullopt}, RunState::kWaiting)));
    EXPECT_TRUE(claim(1000).empty());
  }
  Status resume(ResumeAs as, const Rule& rule, const std::string& word = "one") {
    return driver_.wait(store_->resume({run_, word, as, "ops", at(120)}, rule));
  }
  static Rule next_is_due() {
    return [](const postlude::Run& run) {
      EXPECT_EQ(run.steps[0].state, StepState::kSucceeded);
      return Decision{
          {{1, StepState::kPending, at(120), "", false, std::nullopt, std::nullopt}}, RunState::kRunning, ""};
    };
  }
  RunId run_;
};

TEST_P(Held, done_goes_on_with_the_next_step) {
  ASSERT_TRUE(resume(ResumeAs::kDone, next_is_due()));
  const RunDetail detail = show(run_);
  EXPECT_EQ(detail.run.steps[0].state, StepState::kSucceeded);
  EXPECT_EQ(detail.run.steps[0].outputs, "null");
  EXPECT_FALSE(detail.run.steps[0].unclear);
  EXPECT_EQ(detail.attempts[0].requests[0].result, RequestResult::kSucceeded);
  EXPECT_EQ(detail.attempts[0].requests[0].settled_by, "ops");
  EXPECT_EQ(detail.run.deadline_at, at(100) + std::chrono::hours(24));  // 100 s were spent held
  EXPECT_EQ(claim(120).size(), 1U);
}

TEST_P(Held, repeat_is_due_at_once_and_settles_the_request) {
  ASSERT_TRUE(resume(ResumeAs::kRepeat, Rule{}));
  auto work = claim(120);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_FALSE(work[0].run.steps[0].unclear);
  EXPECT_EQ(work[0].run.steps[0].first_at, at(110));
  EXPECT_TRUE(work[0].before.empty());  // settled: it is to be sent again
  EXPECT_TRUE(work[0].run.steps[0].freed);
}

TEST_P(Held, fail_ends_the_run) {
  ASSERT_TRUE(resume(ResumeAs::kFail, [](const postlude::Run& run) {
    EXPECT_EQ(run.steps[0].state, StepState::kFailed);
    return Decision{
        {{1, StepState::kSkipped, std::nullopt, "a step failed"}}, RunState::kFailed, "failed by ops"};
  }));
  EXPECT_EQ(state_of(run_), RunState::kFailed);
  EXPECT_EQ(show(run_).run.steps[0].because, Because::kPersonFailed);
  EXPECT_EQ(show(run_).attempts[0].requests[0].settled_by, "");
  EXPECT_EQ(resume(ResumeAs::kDone, next_is_due()).error().code, Code::kConflict);
}

TEST_P(Held, only_what_is_held_can_be_resumed) {
  EXPECT_EQ(resume(ResumeAs::kDone, next_is_due(), "two").error().code, Code::kConflict);
  EXPECT_EQ(resume(ResumeAs::kDone, next_is_due(), "three").error().code, Code::kNotFound);
  EXPECT_TRUE(resume(ResumeAs::kDone, next_is_due(), ""));  // there is only one
}

TEST_P(Runs, woken_at_once_by_work_and_in_time_by_what_falls_due) {
  driver_.wait(store_->woken(Duration(0)));  // a store that was just opened may have work
  const Duration begun = rt::steady_now();
  driver_.wait(store_->woken(std::chrono::milliseconds(20)));
  EXPECT_GE(rt::steady_now() - begun, std::chrono::milliseconds(20));
  add_event(0);
  driver_.wait(store_->woken(std::chrono::hours(1)));
  // A step that is due in 30 ms by the clock on the wall.
  NewRun run = new_run("a", {step("one")});
  const Instant due = rt::now() + std::chrono::milliseconds(30);
  ASSERT_TRUE(driver_.wait(store_->start((*driver_.wait(store_->unplanned(1)))[0].id, {run}, {}, due)));
  driver_.wait(store_->woken(std::chrono::hours(1)));
  EXPECT_GE(rt::now(), due);
}

TEST_P(Runs, every_change_is_in_the_audit_chain) {
  const RunId run = begin_run(0, "a", {step("one")});
  auto work = claim(1);
  ASSERT_TRUE(record(ended(work[0], 2, Succeeded{"{}"}), succeed(0, at(2))));
  ASSERT_TRUE(driver_.wait(store_->note("ops", "config.changed", "postlude.yaml", "", at(3))));
  auto bad = driver_.wait(store_->verify_audit());
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->bad, "");
  reopen();
  begin_run(4, "a", {step("one")});
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");
  EXPECT_TRUE(run);
}

constexpr auto kName = [](const auto& backend) { return std::string(backend.param.name); };
INSTANTIATE_TEST_SUITE_P(Store, Runs, testing::Values(kSqlite, kMemory), kName);
INSTANTIATE_TEST_SUITE_P(Store, Held, testing::Values(kSqlite, kMemory), kName);

}  // namespace

}  // namespace postlude::store
