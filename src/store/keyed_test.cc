// Keyed: what belongs to a target and a key of the user's, whichever way the step ends that has it in hand.

#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class KeyedTest : public StoreTest {
 protected:
  // A run on an event of its own, whose one step has been claimed.
  Work use(std::int64_t second) {
    begin_run(second, "w" + std::to_string(second), {step("one")}, std::to_string(second));
    auto work = claim(second);
    EXPECT_EQ(work.size(), 1U);
    return std::move(work.at(0));
  }
  Keyed take(const Work& work, const std::string& key = "k") {
    auto kept = driver_.wait(store_->take_keyed(work.lease, "jira", key, if_busy_));
    EXPECT_TRUE(kept);
    return *kept;
  }
  IfBusy if_busy_{at(10), at(1'000'000), "another step works on the key 'k'"};
  Request send(const Work& work, Effect effect, RequestResult result) {
    Store::NewRequest wanted;
    wanted.lease = work.lease;
    wanted.request.name = "do";
    wanted.request.effect = effect;
    wanted.request.key = "key";
    wanted.request.headers = "{}";
    auto sent = driver_.wait(store_->commit_request(std::move(wanted)));
    EXPECT_TRUE(sent);
    sent->result = result;
    return *sent;
  }
  void end(const Work& work, std::int64_t second, Outcome outcome, const Rule& rule,
           std::vector<Request> requests = {}) {
    AttemptEnd end = ended(work, second, std::move(outcome));
    end.requests = std::move(requests);
    EXPECT_TRUE(record(end, rule));
  }
  void hold(const Work& work, std::int64_t second, std::vector<Request> requests = {}) {
    StepChange held{0, StepState::kWaiting, {}, "held", true, true};
    end(work, second, Held{"?"}, leave(held, RunState::kWaiting), std::move(requests));
  }
  void resume(const Work& work, ResumeAs as, std::int64_t second) {
    const Status done = driver_.wait(
        store_->resume({work.run.id, "one", as, "ops", at(second)},
                       [now = at(second)](const postlude::Run& run) { return in_order(run, now); }));
    EXPECT_TRUE(done) << done.error().message;
  }
};

TEST_P(KeyedTest, the_next_use_finds_what_the_first_yielded) {
  const Work first = use(0);
  const Keyed fresh = take(first);
  EXPECT_EQ(fresh.outputs, "");
  EXPECT_FALSE(fresh.made || fresh.busy);
  const Work second = use(10);
  EXPECT_TRUE(take(second).busy);
  end(first, 11, Succeeded{"{}"}, succeed(0, at(11)));
  reopen();
  const auto again = claim(4'000'000'000);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(take(again[0]).outputs, "{\"ok\":true}");
}

// Who finds a key in other hands has not begun: nothing is left of the look but what it was for.
TEST_P(KeyedTest, a_look_at_a_busy_key_is_no_attempt) {
  const Work first = use(0);
  take(first);
  Work second = use(10);
  if_busy_.input = "{\"text\":1}";
  if_busy_.step_now = at(9);
  const auto audits = [&] { return driver_.wait(store_->verify_audit()); };
  for (int i = 0; i < 3; ++i) {
    if_busy_.at = at(20 + i);
    EXPECT_TRUE(take(second).busy);
    const RunDetail detail = show(second.run.id);
    EXPECT_TRUE(detail.attempts.empty());
    const Step& step = detail.run.steps[0];
    EXPECT_EQ(step.state, StepState::kPending);
    EXPECT_EQ(step.due_at, at(20 + i));
    EXPECT_EQ(step.reason, if_busy_.why);
    EXPECT_EQ(step.attempts, 0U);
    EXPECT_EQ(step.started_at, at(10));  // since when it has looked
    EXPECT_EQ(step.input, "{\"text\":1}");
    EXPECT_EQ(step.now, at(9));
    EXPECT_EQ(record(ended(second, 20, Succeeded{"{}"}), succeed(0, at(20))).error().code, Code::kConflict);
    second = claim(20 + i).at(0);
    if_busy_.input = "other";
  }
  EXPECT_EQ(audits()->bad, "");
  EXPECT_TRUE(take(second).busy);
  end(first, 12, Succeeded{"{}"}, succeed(0, at(12)));
  const auto free = claim(12);  // at once
  ASSERT_EQ(free.size(), 1U);
  EXPECT_EQ(take(free[0]).outputs, "{\"ok\":true}");
}

// What was cancelled while it looked does not go on looking.
TEST_P(KeyedTest, a_cancelled_run_does_not_wait_for_a_key) {
  const Work first = use(0);
  take(first);
  const Work second = use(10);
  ASSERT_TRUE(driver_.wait(store_->cancel(second.run.id, "ops", "", at(11))));
  EXPECT_TRUE(take(second).busy);
  EXPECT_EQ(show(second.run.id).run.state, RunState::kCancelled);
}

// A person's word says that it was done, and not what it yielded: a second one is nobody's to make.
TEST_P(KeyedTest, what_a_person_calls_done_was_made) {
  const Work first = use(0);
  take(first);
  hold(first, 1, {send(first, Effect::kNone, RequestResult::kUnclear)});
  resume(first, ResumeAs::kDone, 2);
  for (int i = 1; i < 3; ++i) {  // and stays so, however the next one ends
    const Work next = use(i * 10);
    const Keyed kept = take(next);
    EXPECT_FALSE(kept.busy);
    EXPECT_EQ(kept.outputs, "");
    EXPECT_TRUE(kept.made);
    end(next, i * 10 + 1, Refused{"no"}, fail(0));
  }
  const Work last = use(50);
  take(last);
  end(last, 51, Succeeded{"{}"}, succeed(0, at(51)));
  EXPECT_EQ(take(use(60)).outputs, "{\"ok\":true}");
}

TEST_P(KeyedTest, an_update_that_a_person_calls_done_leaves_the_outputs) {
  const Work first = use(0);
  take(first);
  end(first, 1, Succeeded{"{}"}, succeed(0, at(1)));
  const Work update = use(10);
  take(update);
  hold(update, 11);
  resume(update, ResumeAs::kDone, 12);
  EXPECT_EQ(show(update.run.id).run.steps[0].outputs, "{\"ok\":true}");
  const Keyed kept = take(use(20));
  EXPECT_EQ(kept.outputs, "{\"ok\":true}");
  EXPECT_FALSE(kept.made);
}

// What was proved was made, whatever failed after it, and whoever ended the step; what may be sent again, and
// what was refused, makes no second one.
TEST_P(KeyedTest, a_failure_after_the_proof_is_no_first_use) {
  struct Row {
    Effect effect;
    RequestResult result;
    bool made;
  };
  const std::vector<Row> rows{
      {Effect::kNone, RequestResult::kSucceeded, true}, {Effect::kLookup, RequestResult::kExists, true},
      {Effect::kKey, RequestResult::kSucceeded, true},  {Effect::kUpsert, RequestResult::kSucceeded, false},
      {Effect::kNone, RequestResult::kRefused, false},  {Effect::kNone, RequestResult::kUnclear, false}};
  std::int64_t second = 0;
  for (const Row& row : rows) {
    for (const bool cancelled : {false, true}) {
      const std::string key = std::to_string(second += 10);
      const Work first = use(second);
      take(first, key);
      const Request sent = send(first, row.effect, row.result);
      if (cancelled) {
        hold(first, second + 1, {sent});
        EXPECT_TRUE(driver_.wait(store_->cancel(first.run.id, "ops", "", at(second + 2))));
      } else {
        end(first, second + 1, Refused{"outputs: none"}, fail(0), {sent});
      }
      const Work next = use(second += 10);
      EXPECT_EQ(take(next, key).made, row.made) << second;
      end(next, second + 1, Refused{"no"}, fail(0));
    }
  }
}

// A step whose key has become another one keeps no hand on the first.
TEST_P(KeyedTest, a_step_has_one_key) {
  const Work first = use(0);
  take(first, "a");
  take(first, "b");
  const Work second = use(10);
  EXPECT_FALSE(take(second, "a").busy);
  EXPECT_TRUE(take(second, "b").busy);
}

// What was made is gone: the step goes on with a first use, and its generation outlives a failure and a
// restart.
TEST_P(KeyedTest, what_is_gone_is_made_anew) {
  const Work first = use(0);
  EXPECT_EQ(take(first).generation, 0);
  end(first, 1, Succeeded{"{}"}, succeed(0, at(1)));
  const Work second = use(10);
  take(second);
  const auto renew = [&](const Work& work) {
    return driver_.wait(store_->renew_keyed(work.lease, "jira", "k", at(11)));
  };
  auto generation = renew(second);
  ASSERT_TRUE(generation);
  EXPECT_EQ(*generation, 1);
  Keyed kept = take(second);  // as after a crash
  EXPECT_EQ(kept.outputs, "");
  EXPECT_FALSE(kept.made);
  EXPECT_EQ(kept.generation, 1);
  const Work other = use(20);
  EXPECT_EQ(renew(other).error().code, Code::kConflict) << "in other hands";
  end(second, 12, Refused{"no"}, fail(0));
  EXPECT_EQ(renew(second).error().code, Code::kConflict) << "no lease";
  reopen();
  const auto again = claim(4'000'000'000);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(take(again[0]).generation, 1);
}

TEST_P(KeyedTest, a_person_has_a_key_forgotten_where_nothing_is_in_doubt) {
  const auto keys = [&] { return *driver_.wait(store_->keys({}, {10, 0})); };
  const auto forget = [&](std::int64_t second) {
    return driver_.wait(store_->forget_key("jira", "k", "amy", at(second)));
  };
  EXPECT_EQ(forget(0).error().code, Code::kNotFound);
  const Work first = use(0);
  take(first);
  ASSERT_EQ(keys().size(), 1U);
  EXPECT_EQ(keys()[0].state, KeyUse::State::kFirstUse);
  EXPECT_EQ(forget(1).error().code, Code::kConflict);
  const Request sent = send(first, Effect::kNone, RequestResult::kUnclear);
  hold(first, 2, {sent});
  EXPECT_EQ(keys()[0].state, KeyUse::State::kFirstUseUnclear);
  const Status doubtful = forget(3);
  ASSERT_FALSE(doubtful);
  EXPECT_NE(doubtful.error().message.find(first.run.id.text()), std::string::npos)
      << doubtful.error().message;
  resume(first, ResumeAs::kDone, 4);
  EXPECT_EQ(keys()[0].state, KeyUse::State::kUnknown);
  ASSERT_TRUE(forget(5));
  EXPECT_TRUE(keys().empty());
  EXPECT_EQ(forget(6).error().code, Code::kNotFound) << "it is forgotten already";
  const Work second = use(10);
  const Keyed fresh = take(second);
  EXPECT_EQ(fresh.outputs, "");
  EXPECT_FALSE(fresh.made);
  EXPECT_EQ(fresh.generation, 1);
  end(second, 11, Succeeded{"{}"}, succeed(0, at(11)));
  const KeyUse kept = keys().at(0);
  EXPECT_EQ(kept.state, KeyUse::State::kKept);
  EXPECT_EQ(kept.outputs, "{\"ok\":true}");
  EXPECT_EQ(kept.run, second.run.id);
  EXPECT_EQ(kept.first_at, if_busy_.now);
  const Work update = use(20);
  take(update);
  EXPECT_EQ(keys()[0].state, KeyUse::State::kInUse);
  EXPECT_EQ(forget(21).error().code, Code::kConflict);
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");
}

INSTANTIATE_TEST_SUITE_P(Store, KeyedTest, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
