#include "ledger/ledger.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "ledger/commands.h"
#include "ledger/schema.h"

namespace postlude::ledger {
namespace {

StoredRun run_of(std::int64_t id, std::size_t bytes) {
  StoredRun out;
  out.run.id = RunId{id};
  out.run.state = RunState::kRunning;
  out.run.steps.resize(1);
  out.run.steps[0].outputs = std::string(bytes, 'x');
  return out;
}

TEST(Ledger, RemembersARunThatKeepsAsMuchAsItMayAndTheOthersToo) {
  auto db = sql::open_in_memory("");
  ASSERT_TRUE(db);
  Ledger ledger(**db, nullptr);
  ledger.remember(run_of(1, 1000));
  for (int turn = 0; turn < 3; ++turn) {
    ledger.remember(run_of(2, kRunValuesMax));
    const auto large = ledger.recall(RunId{2});
    ASSERT_TRUE(large);
    EXPECT_EQ(large->run.steps[0].outputs.size(), kRunValuesMax);
  }
  EXPECT_TRUE(ledger.recall(RunId{1}));

  // It may grow from the ones into the others, and is known once.
  ledger.remember(run_of(3, 1000));
  ledger.remember(run_of(3, kRunValuesMax));
  EXPECT_TRUE(ledger.recall(RunId{3}));
  EXPECT_FALSE(ledger.recall(RunId{3}));

  for (std::int64_t id = 10; id < 40; ++id)
    ledger.remember(run_of(id, kRunValuesMax));
  std::size_t kept = 0;
  for (std::int64_t id = 10; id < 40; ++id)
    kept += ledger.recall(RunId{id}) ? kRunValuesMax : 0;
  EXPECT_GT(kept, 0U);
  EXPECT_LE(kept, Ledger::kLargeBytesMax);
}

// A connection whose commits end in doubt.
class Doubtful final : public sql::Connection {
 public:
  explicit Doubtful(sql::Connection& db) : db_(db) {}
  Status commit() override { return Error(Code::kUnknown, "the server went away"); }
  Status query(std::string_view sql, const sql::Value* values, std::size_t count,
               sql::Visitor visit) override {
    return db_.query(sql, values, count, visit);
  }
  Status begin() override { return db_.begin(); }
  Status begin_read() override { return db_.begin_read(); }
  void roll_back() override { db_.roll_back(); }
  const std::optional<Error>& failed() const override { return db_.failed(); }
  std::size_t changed() const override { return db_.changed(); }
  Status tidy() override { return ok(); }
  std::int64_t bytes() const override { return db_.bytes(); }
  Result<bool> has_schema() override { return db_.has_schema(); }
  std::string_view word(std::string_view name) const override { return db_.word(name); }
  Status begin_service() override { return db_.begin_service(); }

 private:
  sql::Connection& db_;
};

TEST(LedgerDeathTest, ACommitInDoubtEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto commit_in_doubt = [] {
    auto db = sql::open_in_memory("");
    CHECK(db && migrate(**db));
    Doubtful doubtful(**db);
    Ledger ledger(doubtful, nullptr);
    CHECK(ledger.load());
    (void)ledger.transact([&] { (void)ledger.audit(instant(0), "amy", "test", "", ""); });
  };
  EXPECT_EXIT(commit_in_doubt(), testing::ExitedWithCode(1), "broke during a commit.*the server went away");
}

// The audit chain holds over what is stored, whatever was given.
TEST(Ledger, ChainsWhatIsStored) {
  auto db = sql::open_in_memory("");
  ASSERT_TRUE(db && migrate(**db));
  Ledger ledger(**db, nullptr);
  ASSERT_TRUE(ledger.load());
  ASSERT_TRUE(ledger.transact([&] {
    (void)ledger.audit(instant(0), "amy", "test", "caf\xE9", std::string_view("a\0b", 3));
    (void)ledger.audit(instant(1), "amy", "test", "", "");
  }));
  const auto verified = verify(**db, {});
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->bad, "");
  EXPECT_EQ(verified->seq, 2);
}

}  // namespace
}  // namespace postlude::ledger
