// Acted: which steps of an event's runs have made, or may have made, what a repetition could make twice.

#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class ActedTest : public StoreTest {
 protected:
  // A step of the text's second definition sends a request of that effect, which ends so.
  RunId run_of(Effect effect, RequestResult result) {
    Step second = step("two");
    second.definition = 1;
    ++second_;
    const RunId id = begin_run(second_, "w", {second}, std::to_string(second_));
    for (const Work& work : claim(second_)) {
      Store::NewRequest wanted;
      wanted.lease = work.lease;
      wanted.request.name = "do";
      wanted.request.effect = effect;
      wanted.request.key = "key " + std::to_string(second_);
      wanted.request.method = "POST";
      wanted.request.headers = "{}";
      wanted.step_now = at(0);
      auto sent = driver_.wait(store_->commit_request(std::move(wanted)));
      EXPECT_TRUE(sent);
      if (!sent || result == RequestResult::kOpen) return id;
      sent->result = result;
      AttemptEnd end = ended(work, second_, Retryable{"503"});
      end.requests = {*sent};
      StepChange again;
      again.due_at = at(99'000);
      EXPECT_TRUE(record(end, leave(again, RunState::kRunning)));
    }
    return id;
  }
  std::set<std::uint32_t> acted(RunId id) {
    const auto list = driver_.wait(store_->acted(show(id).run));
    EXPECT_TRUE(list && list->size() <= 1);
    if (list->empty()) return {};
    EXPECT_EQ(list->at(0).text, "text of w");
    return list->at(0).steps;
  }

  std::int64_t second_ = 0;
};

TEST_P(ActedTest, what_may_be_made_twice) {
  const std::set<std::uint32_t> none;
  const std::set<std::uint32_t> second{1};
  EXPECT_EQ(acted(run_of(Effect::kNone, RequestResult::kSucceeded)), second);
  EXPECT_EQ(acted(run_of(Effect::kKey, RequestResult::kExists)), second);
  EXPECT_EQ(acted(run_of(Effect::kLookup, RequestResult::kUnclear)), second);
  EXPECT_EQ(acted(run_of(Effect::kNone, RequestResult::kOpen)), second);
  EXPECT_EQ(acted(run_of(Effect::kNone, RequestResult::kRefused)), none);
  EXPECT_EQ(acted(run_of(Effect::kNone, RequestResult::kRetryable)), none);
  EXPECT_EQ(acted(run_of(Effect::kState, RequestResult::kSucceeded)), none);
  EXPECT_EQ(acted(run_of(Effect::kUpsert, RequestResult::kUnclear)), none);
}

TEST_P(ActedTest, of_replays_too_and_of_those_with_other_keys_not) {
  const RunId first = run_of(Effect::kNone, RequestResult::kSucceeded);
  const auto replay =
      driver_.wait(store_->replay(first, new_run("w", {step("one")}), false, false, "ops", at(5)));
  ASSERT_TRUE(replay);
  EXPECT_EQ(acted(*replay), std::set<std::uint32_t>{1});
  const auto again =
      driver_.wait(store_->replay(first, new_run("w", {step("one")}), true, false, "ops", at(6)));
  ASSERT_TRUE(again);
  EXPECT_EQ(acted(*again), std::set<std::uint32_t>());
}

INSTANTIATE_TEST_SUITE_P(Store, ActedTest, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
