// Looks: a step that waits for what it started looks thousands of times; what is kept of it stays small.

#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class Looks : public StoreTest {
 protected:
  static Request request(Effect effect, const std::string& name) {
    Request q;
    q.name = name;
    q.effect = effect;
    q.key = effect == Effect::kRead ? "" : "key";
    q.method = effect == Effect::kRead ? "GET" : "POST";
    q.url = "https://ci.example.com/builds";
    q.headers = "{}";
    return q;
  }
  Result<Request> commit(const Work& work, const Request& q) {
    Store::NewRequest wanted;
    wanted.lease = work.lease;
    wanted.request = q;
    wanted.step_now = at(0);
    return driver_.wait(store_->commit_request(std::move(wanted)));
  }
};

// However often it is looked whether what a step started is over: what is kept of it, and what a claim reads,
// does not grow.
TEST_P(Looks, of_many_looks_the_first_and_the_last_are_kept) {
  const RunId id = begin_run(0, "a", {step("one")});
  const auto look = [&](const Work& work, std::int64_t second) {
    AttemptEnd end = ended(work, second, Waits{at(second + 10), "not yet", false, at(4000)});
    end.requests = {request(Effect::kRead, "build")};
    end.requests[0].result = RequestResult::kSucceeded;
    StepChange change;
    change.state = StepState::kWaiting;
    change.due_at = at(second + 10);
    change.over_by = at(4000);
    ASSERT_TRUE(record(end, leave(change, RunState::kWaiting)));
  };
  auto work = claim(1);
  ASSERT_EQ(work.size(), 1U);
  auto sent = commit(work[0], request(Effect::kNone, "start"));
  ASSERT_TRUE(sent);
  sent->result = RequestResult::kSucceeded;
  AttemptEnd first = ended(work[0], 2, Retryable{"503"});
  first.requests = {*sent};
  StepChange again;
  again.due_at = at(3);
  ASSERT_TRUE(record(first, leave(again, RunState::kRunning)));
  for (int i = 0; i < 50; ++i) {
    work = claim(10 + i * 10);
    ASSERT_EQ(work.size(), 1U) << i;
    EXPECT_EQ(work[0].before.size(), 1U);
    EXPECT_EQ(work[0].run.steps[0].over_by, i == 0 ? std::nullopt : std::optional(at(4000)));
    EXPECT_EQ(work[0].run.steps[0].attempts, i == 0 ? 2U : 1U) << "a look is no attempt";
    look(work[0], 10 + i * 10);
    reopen();
  }
  const RunDetail detail = show(id);
  std::vector<std::uint32_t> numbers;
  for (const Attempt& attempt : detail.attempts)
    numbers.push_back(attempt.number);
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{1, 2, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51}));
  for (const Attempt& attempt : detail.attempts)
    EXPECT_EQ(attempt.requests.size(), 1U) << attempt.number;
  EXPECT_EQ(detail.run.steps[0].over_by, at(4000));
}

INSTANTIATE_TEST_SUITE_P(Store, Looks, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
