// Prune: what is old goes, and what unfinished work or a later release needs does not.

#include "sql/sql.h"
#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class Prune : public StoreTest {
 protected:
  Result<Request> commit(const Work& work, Effect effect) {
    Store::NewRequest wanted;
    wanted.lease = work.lease;
    wanted.request.name = "do";
    wanted.request.effect = effect;
    wanted.request.key = "key";
    wanted.request.headers = "{}";
    return driver_.wait(store_->commit_request(std::move(wanted)));
  }
  // A run that has sent its step's state.
  RunId release(std::int64_t second, const std::string& workflow, const std::string& key) {
    const RunId run = begin_run(second, workflow, {step("one")}, key);
    for (const Work& work : claim(second)) {
      if (work.run.id != run) continue;
      EXPECT_TRUE(commit(work, Effect::kState));
      EXPECT_TRUE(record(ended(work, second, Succeeded{"{}"}), succeed(0, at(second))));
    }
    return run;
  }
  void prune(std::int64_t before) {
    const Status done = driver_.wait(store_->prune(at(before), at(before)));
    ASSERT_TRUE(done) << done.error().message;
  }
  std::int64_t rows(const std::string& table) {
    std::int64_t out = -1;
    const auto count = [&](sql::Connection& db) {
      EXPECT_TRUE(
          db.each("SELECT count(*) FROM " + table, {}, [&](const sql::Row& row) { out = row.integer(0); }));
    };
    if (memory_ != nullptr) {
      count(memory_->db());
    } else {
      count(**sql::open_sqlite(folder_.file("a.db"), {}));
    }
    return out;
  }
};

TEST_P(Prune, prune_keeps_what_unfinished_runs_need) {
  const RunId done_run = begin_run(0, "a", {step("one")}, "done");
  auto work = claim(1);
  ASSERT_TRUE(commit(work[0], Effect::kNone));
  ASSERT_TRUE(record(ended(work[0], 2, Succeeded{"{}"}), succeed(0, at(2))));
  const RunId open_run = begin_run(3, "b", {step("one")}, "open");
  const EventId unplanned = add_event(4);
  Delivery forged = delivery(5, "x");
  forged.verdict = Verdict::kRejected;
  auto rejected = driver_.wait(store_->append_rejected(forged, Identity()));
  ASSERT_TRUE(rejected);
  const EventId young = add_event(1000);
  const EventId done_event = show(done_run).run.event;
  const EventId open_event = show(open_run).run.event;

  ASSERT_TRUE(driver_.wait(store_->prune(at(500), at(500))));
  EXPECT_EQ(driver_.wait(store_->run(done_run)).error().code, Code::kNotFound);
  EXPECT_EQ(driver_.wait(store_->event(done_event)).error().code, Code::kNotFound);
  EXPECT_EQ(driver_.wait(store_->delivery(*rejected)).error().code, Code::kNotFound);
  EXPECT_EQ(show(open_run).text, "text of b");
  auto kept = driver_.wait(store_->event(open_event));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->event.payload, "{\"at\":3}");
  EXPECT_TRUE(driver_.wait(store_->event(unplanned)));
  EXPECT_TRUE(driver_.wait(store_->event(young)));
  EXPECT_EQ(driver_.wait(store_->counts())->runs["succeeded"], 0);
  // A pruned text is pinned anew.
  const RunId again = begin_run(2000, "a", {step("one")}, "again");
  EXPECT_EQ(show(again).text, "text of a");
}

// Rows that were stamped by a clock ahead of its time stay, and keep nothing behind them.
TEST_P(Prune, a_row_from_the_future_blocks_nothing) {
  constexpr std::int64_t kAhead = 2'000'000'000;
  const EventId ahead = add_event(kAhead);
  ASSERT_TRUE(driver_.wait(store_->start(ahead, {new_run("a", {step("one")}, "ahead")}, {}, at(kAhead))));
  const RunId run = release(1, "a", "now");
  const EventId event = show(run).run.event;
  Delivery forged = delivery(2, "x");
  forged.verdict = Verdict::kRejected;
  const auto rejected = driver_.wait(store_->append_rejected(forged, Identity()));
  ASSERT_TRUE(rejected);
  prune(500);
  EXPECT_EQ(driver_.wait(store_->run(run)).error().code, Code::kNotFound);
  EXPECT_EQ(driver_.wait(store_->event(event)).error().code, Code::kNotFound);
  EXPECT_EQ(driver_.wait(store_->delivery(*rejected)).error().code, Code::kNotFound);
  EXPECT_TRUE(driver_.wait(store_->event(ahead)));
}

// Which release sent a step last is known for as long as an older one could still send it.
TEST_P(Prune, what_orders_releases_goes_with_the_last_that_it_orders) {
  const RunId older = begin_run(0, "a", {step("one")}, "older");
  auto work = claim(0);
  ASSERT_EQ(work.size(), 1U);
  StepChange held{0, StepState::kWaiting, {}, "held", true};
  ASSERT_TRUE(record(ended(work[0], 1, Held{"?"}), leave(held, RunState::kWaiting)));
  release(2, "a", "newer");
  EXPECT_EQ(rows("high_water"), 1);
  prune(500);
  EXPECT_EQ(rows("high_water"), 1);
  ASSERT_TRUE(driver_.wait(store_->resume({older, "one", ResumeAs::kRepeat, "ops", at(600)}, {})));
  work = claim(600);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(commit(work[0], Effect::kState).error().code, Code::kDenied);
  ASSERT_TRUE(record(ended(work[0], 600, Refused{"no"}), fail(0)));
  prune(1000);
  EXPECT_EQ(rows("runs"), 0);
  EXPECT_EQ(rows("high_water"), 0);
}

TEST_P(Prune, many_marks_go_in_portions) {
  for (int i = 0; i < 450; ++i)
    release(i, "w" + std::to_string(i), "");
  const RunId young = release(2000, "young", "");
  EXPECT_EQ(rows("high_water"), 451);
  prune(1000);
  EXPECT_EQ(rows("high_water"), 1);
  EXPECT_TRUE(driver_.wait(store_->run(young)));
}

TEST_P(Prune, openings_that_nobody_closed_go) {
  for (const std::int64_t second : {1, 1000}) {
    const Delivery d = delivery(second, "{\"at\":" + std::to_string(second) + "}");
    Identity opening = last_call(d);
    opening.kind = Identity::Kind::kUntilEnd;
    opening.key = d.body;
    opening.ends = false;
    EXPECT_TRUE(append(d, opening));
  }
  EXPECT_EQ(rows("openings"), 2);
  prune(500);
  EXPECT_EQ(rows("openings"), 1);
}

// A key whose first use has left nothing is as one that was never used.
TEST_P(Prune, a_key_without_an_effect_leaves_no_row) {
  begin_run(0, "a", {step("one")});
  const auto work = claim(0);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_TRUE(driver_.wait(store_->take_keyed(work[0].lease, "jira", "k", {})));
  EXPECT_EQ(rows("keyed"), 1);
  ASSERT_TRUE(record(ended(work[0], 1, Refused{"no"}), fail(0)));
  EXPECT_EQ(rows("keyed"), 0);
}

INSTANTIATE_TEST_SUITE_P(Store, Prune, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
