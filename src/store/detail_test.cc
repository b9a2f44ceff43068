// What is read of a run: all of it that decides, and of what was sent no more than can be looked at.

#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class Detail : public StoreTest {
 protected:
  // One attempt of the run's first step, which asked something and got so long an answer.
  void try_once(std::int64_t second, std::size_t bytes) {
    auto work = claim(second);
    ASSERT_EQ(work.size(), 1U);
    AttemptEnd end = ended(work[0], second, Retryable{"503"});
    Request request;
    request.name = "get";
    request.method = "GET";
    request.url = "https://x/" + std::to_string(second);
    request.headers = "{}";
    request.result = RequestResult::kRetryable;
    request.response = std::string(bytes, 'x');
    end.requests = {request};
    StepChange again;
    again.due_at = at(second + 1);
    ASSERT_TRUE(record(end, leave(again)));
  }
};

TEST_P(Detail, the_newest_exchanges_are_shown) {
  const RunId id = begin_run(0, "a", {step("one")});
  for (int i = 0; i < 7; ++i)
    try_once(i + 1, i == 1 ? 10 : (1U << 20U) - 2);
  const RunDetail detail = show(id);
  ASSERT_EQ(detail.attempts.size(), 7U);
  for (std::size_t i = 0; i < 7; ++i) {
    ASSERT_EQ(detail.attempts[i].requests.size(), 1U);
    const Request& request = detail.attempts[i].requests[0];
    EXPECT_EQ(request.left_out, i < 3) << i << ": what is older than one that does not fit is left out, too";
    EXPECT_EQ(request.response.empty(), i < 3) << i;
    EXPECT_EQ(request.headers.empty(), i < 3) << i;
    EXPECT_EQ(request.url, "https://x/" + std::to_string(i + 1));
  }
  const auto none = driver_.wait(store_->run(id, 0));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->attempts.size(), 7U);
  for (const Attempt& attempt : none->attempts)
    EXPECT_TRUE(attempt.requests.at(0).left_out);
}

TEST_P(Detail, of_many_steps_fewer_attempts_are_shown) {
  std::vector<Step> steps{step("one")};
  for (int i = 1; i < 100; ++i)
    steps.push_back(step("s" + std::to_string(i), "later"));
  const RunId id = begin_run(0, "a", steps);
  for (int i = 0; i < 60; ++i)
    try_once(i + 1, 1);
  const RunDetail detail = show(id);
  EXPECT_EQ(detail.attempts.size(), 50U);
  EXPECT_EQ(detail.attempts.front().number, 11U);
  EXPECT_EQ(detail.attempts.back().number, 60U);
  EXPECT_EQ(detail.attempts_of.at(detail.run.steps[0].id), 60);
}

TEST_P(Detail, a_brief_has_what_decides) {
  Step asks = step("one", "");
  asks.uses = "approval";
  const RunId id = begin_run(0, "a", {asks});
  ASSERT_TRUE(driver_.wait(store_->answer(id, 0, {AnswerKind::kApproved, "ann", "{}", at(1)})));
  const auto brief = driver_.wait(store_->brief(id));
  ASSERT_TRUE(brief);
  EXPECT_EQ(brief->run.steps.size(), 1U);
  EXPECT_EQ(brief->answers.at(0).by, "ann");
  EXPECT_EQ(brief->text, "text of a");
  EXPECT_EQ(driver_.wait(store_->brief(RunId{999})).error().code, Code::kNotFound);
}

TEST_P(Detail, a_queued_run_names_who_goes_before_it) {
  const RunId first = begin_run(0, "a", {step("one")});
  const RunId second = begin_run(1, "a", {step("one")});
  const RunId third = begin_run(2, "a", {step("one")});
  EXPECT_EQ(show(first).behind, std::nullopt)
      << "its turn has come, though it is queued until it is taken up";
  EXPECT_EQ(show(second).behind, first);
  EXPECT_EQ(show(third).behind, second);
  EXPECT_EQ(show(third).before, 2U);
  auto work = claim(3);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_TRUE(driver_.wait(store_->record(ended(work[0], 4, Succeeded{"{}"}), succeed(0, at(4)))));
  EXPECT_EQ(show(second).behind, std::nullopt);
  EXPECT_EQ(show(third).behind, second);
}

TEST_P(Detail, how_full_a_target_is_that_a_step_waits_for) {
  begin_run(0, "a", {step("one"), step("two", "slack")});
  const RunId waits = begin_run(1, "b", {step("one")});
  ASSERT_EQ(claim(2, 1).size(), 1U);
  const auto under_way = show(waits).under_way;
  EXPECT_EQ(under_way, (std::map<std::string, std::size_t>{{"jira", 1}}));
}

INSTANTIATE_TEST_SUITE_P(Store, Detail, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
