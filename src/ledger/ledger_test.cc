#include "ledger/ledger.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace postlude::ledger
