// Held steps: grouped by cause for whoever answers many at once, and an answer that comes while nobody looks.

#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class HeldTest : public StoreTest {
 protected:
  RunId held(std::int64_t second, const std::string& workflow, const std::string& cause) {
    const RunId id = begin_run(second, workflow, {step("one")}, "prod/" + std::to_string(second));
    const auto work = claim(second);
    EXPECT_EQ(work.size(), 1U);
    StepChange change;
    change.held = true;
    change.reason = "one: " + cause + " (run " + std::to_string(second) + ")";
    change.cause = cause;
    EXPECT_TRUE(record(ended(work.at(0), second + 1, Unclear{"no answer"}), leave(change)));
    return id;
  }
  std::size_t count_held(const std::string& workflow, const std::string& cause) {
    Filter filter;
    filter.workflow = workflow;
    filter.cause = cause;
    return driver_.wait(store_->held_steps(filter, 10))->size();
  }
};

TEST_P(HeldTest, steps_are_grouped_by_cause_and_workflow) {
  const RunId first = held(1, "a", "no answer");
  const RunId second = held(11, "a", "no answer");
  held(21, "b", "no answer");
  held(31, "a", "504");
  const auto groups = driver_.wait(store_->held({}));
  ASSERT_TRUE(groups);
  ASSERT_EQ(groups->size(), 3U);
  const CauseGroup& most = groups->at(2);
  EXPECT_EQ(most.cause, "no answer");
  EXPECT_EQ(most.workflow, "a");
  EXPECT_EQ(most.count, 2);
  EXPECT_EQ(most.first, first);
  EXPECT_EQ(most.last, second);
  EXPECT_EQ(most.at, at(2));
  EXPECT_EQ(most.reason, "one: no answer (run 11)");
  EXPECT_EQ(count_held("a", "no answer"), 2U);
  EXPECT_EQ(count_held("", "no answer"), 3U);
  EXPECT_EQ(count_held("b", "504"), 0U);
}

// What it yielded is for a person to say, and where it waits for what it started, it goes on from there.
TEST_P(HeldTest, done_with_outputs_ends_or_is_what_the_request_was_answered) {
  for (const bool polls : {false, true}) {
    const std::int64_t second = polls ? 100 : 1;
    const RunId id = begin_run(second, "a", {step("one")}, "prod/" + std::to_string(second));
    const auto work = claim(second);
    ASSERT_EQ(work.size(), 1U);
    Store::NewRequest sent;
    sent.lease = work[0].lease;
    sent.request.name = "create";
    sent.request.effect = Effect::kNone;
    sent.request.key = "key";
    sent.request.headers = sent.request.body = "{}";
    ASSERT_TRUE(driver_.wait(store_->commit_request(std::move(sent))));
    StepChange change{0, StepState::kWaiting, std::nullopt, "held", true, true};
    ASSERT_TRUE(record(ended(work[0], second + 1, Unclear{"no answer"}), leave(change, RunState::kWaiting)));
    Resume wanted{id, "one", ResumeAs::kDone, "ops", at(second + 2)};
    if (polls) wanted.polls = {0};
    wanted.outputs = '"' + std::string(kRunValuesMax, 'x') + '"';
    const Rule ends = [](const postlude::Run&) { return Decision{{}, RunState::kSucceeded}; };
    EXPECT_EQ(driver_.wait(store_->resume(wanted, ends)).error().code, Code::kInvalid);
    wanted.outputs = R"({"id":"77"})";
    ASSERT_TRUE(driver_.wait(store_->resume(wanted, ends)));
    EXPECT_EQ(show(id).run.steps[0].outputs, polls ? "" : wanted.outputs);
    const auto next = claim(second + 2);
    ASSERT_EQ(next.size(), polls ? 1U : 0U);
    if (!polls) continue;
    ASSERT_EQ(next[0].before.size(), 1U);
    EXPECT_EQ(next[0].before[0].result, RequestResult::kSucceeded);
    EXPECT_EQ(next[0].before[0].response, R"({"status":null,"headers":{},"body":{"id":"77"},"text":""})");
  }
}

// The attempt found no answer and says that it waits; meanwhile one came.
TEST_P(HeldTest, an_answer_that_came_during_the_look_is_taken_at_once) {
  Step ask = step("ask", "");
  ask.uses = "approval";
  const RunId id = begin_run(1, "a", {ask});
  const auto work = claim(2);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_TRUE(driver_.wait(store_->answer(id, 0, {AnswerKind::kApproved, "amy", "{}", at(3)})));
  AttemptEnd end = ended(work[0], 4, Waits{{}, "for an approval", true});
  end.unanswered = true;
  StepChange change;
  change.state = StepState::kWaiting;
  ASSERT_TRUE(record(end, leave(change, RunState::kWaiting)));
  const RunDetail detail = show(id);
  EXPECT_EQ(detail.run.steps[0].due_at, at(4)) << "it looks again, and not when somebody answers next";
  ASSERT_EQ(detail.attempts.size(), 1U);
  EXPECT_EQ(detail.attempts[0].why, "an answer came just now");
  EXPECT_EQ(claim(4).size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Store, HeldTest, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
