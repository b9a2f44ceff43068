// Writer: what becomes of a group that could not be applied. Ledger: what it remembers is bounded.

#include "store/writer.h"

#include "ledger/schema.h"
#include "unit/store/testing.h"

namespace postlude::store {

namespace {

// A database that lets nobody write.
class Shut final : public sql::Connection {
 public:
  Shut(Code code, int* begun) : code_(code), begun_(begun) {}
  Status query(std::string_view, const sql::Value*, std::size_t, sql::Visitor) override { return ok(); }
  Status begin() override {
    ++*begun_;
    return Error(code_, "no");
  }
  Status begin_read() override { return ok(); }
  Status commit() override { return ok(); }
  void roll_back() override {}
  const std::optional<Error>& failed() const override { return failed_; }
  std::size_t changed() const override { return 0; }
  Status tidy() override { return ok(); }
  std::int64_t bytes() const override { return 0; }
  Result<bool> has_schema() override { return true; }
  std::string_view word(std::string_view) const override { return ""; }
  Status begin_service() override { return ok(); }

 private:
  const Code code_;
  int* begun_;
  std::optional<Error> failed_;
};

// How often the writer begins, for three commands that meet in a group.
int begins(Code code) {
  int begun = 0;
  rt::Loop loop;
  std::vector<std::shared_ptr<FunctionCommand<Ledger, Done>>> calls;
  {
    Writer writer(loop, std::make_unique<Shut>(code, &begun), Options(), [](const CommitReport&) {});
    for (int i = 0; i < 3; ++i) {
      calls.push_back(std::make_shared<FunctionCommand<Ledger, Done>>([](Ledger&) { return ok(); }));
      EXPECT_TRUE(writer.push(calls.back()));
    }
    EXPECT_TRUE(writer.begin());
  }
  for (const auto& call : calls)
    EXPECT_EQ(call->take().error().code, code);
  return begun;
}

TEST(WriterTest, only_a_full_disk_is_met_one_by_one) {
  EXPECT_EQ(begins(Code::kOverloaded), 4);
  EXPECT_EQ(begins(Code::kUnavailable), 1);  // each would wait as long as all of them have
}

TEST(LedgerTest, texts_are_remembered_within_bounds) {
  auto db = *sql::open_in_memory("");
  ASSERT_TRUE(db->begin_service());
  ASSERT_TRUE(ledger::migrate(*db));
  Ledger ledger(*db, {});
  ASSERT_TRUE(ledger.load());
  std::vector<std::weak_ptr<const std::string>> texts;
  std::vector<std::int64_t> ids;
  const std::string large(1U << 20U, 'x');
  ASSERT_TRUE(ledger.transact([&] {
    for (int i = 0; i < 40; ++i) {
      ids.push_back(*ledger.pin("w" + std::to_string(i), large + std::to_string(i)));
      texts.push_back(*ledger.text(ids.back()));
    }
  }));
  std::size_t kept = 0;
  for (const auto& text : texts)
    kept += text.expired() ? 0 : 1;
  EXPECT_GE(kept, 4U);
  EXPECT_LE(kept, Ledger::kRememberedBytesMax >> 20U);
  for (const std::size_t i : {std::size_t{0}, std::size_t{39}}) {
    EXPECT_EQ(**ledger.text(ids[i]), large + std::to_string(i));
    ASSERT_TRUE(ledger.transact([&] { EXPECT_EQ(*ledger.pin("again", large + std::to_string(i)), ids[i]); }));
  }
}

}  // namespace

}  // namespace postlude::store
