// Prune: what is old goes, and what unfinished work or a later release needs does not.

#include "store/sql.h"
#include "store/testing.h"

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
  auto rejected = driver_.wait(store_->append_rejected(forged, ""));
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
  const auto rejected = driver_.wait(store_->append_rejected(forged, ""));
  ASSERT_TRUE(rejected);
  prune(500);
  EXPECT_EQ(driver_.wait(store_->run(run)).error().code, Code::kNotFound);
  EXPECT_EQ(driver_.wait(store_->event(event)).error().code, Code::kNotFound);
  EXPECT_EQ(driver_.wait(store_->delivery(*rejected)).error().code, Code::kNotFound);
  EXPECT_TRUE(driver_.wait(store_->event(ahead)));
}

INSTANTIATE_TEST_SUITE_P(Store, Prune, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
