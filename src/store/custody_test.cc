// Custody: what the writer's thread does, in the middle of its work, once the files are no longer ours. It
// ends the process: each of these has one of its own, which finds its database by the environment.

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "sql/sql.h"
#include "unit/store/testing.h"

namespace postlude::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPlace = "POSTLUDE_CUSTODY_TEST";

class CustodyTest : public StoreTest {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const char* given = std::getenv(kPlace);
    place_ = given != nullptr ? given : folder_.path();
    if (given != nullptr) fs::remove(folder_.path());  // it will not come to its destructor
    setenv(kPlace, place_.c_str(), 1);
    fs::create_directory(data());
  }
  void TearDown() override { unsetenv(kPlace); }

  std::string data() const { return place_ + "/data"; }
  std::string path() const { return data() + "/a.db"; }
  std::string told() const { return place_ + "/acknowledged"; }
  Options options() const {
    Options out;
    out.url = "sqlite:" + path();
    return out;
  }
  void open() { store_ = *Store::open(driver_.loop, options()); }

  // Many at once, read beside, and kept how many were acknowledged. False: one was refused, all in the same
  // way.
  bool work() {
    std::vector<rt::Task<Result<Receipt>>> calls;
    for (int i = 0; i < 16; ++i) {
      ++made_;
      const Delivery d = delivery(made_, "{\"n\":" + std::to_string(made_) + "}");
      calls.push_back(store_->append(intake::Source::authentic(), d, event_of(d), Identity{}));
    }
    const std::size_t before = acknowledged_;
    for (const auto& receipt : driver_.wait_all(std::move(calls))) {
      if (receipt) ++acknowledged_;
      if (!receipt && receipt.error().code != Code::kUnavailable) _exit(3);
    }
    std::ofstream(told()) << acknowledged_ << std::flush;
    if (!driver_.wait(store_->events({}, {10, 0}))) _exit(4);
    (void)store_->stats();
    if (acknowledged_ == before + 16) return true;
    refused_ = true;
    refused_.notify_all();
    return false;
  }
  // `meddle` comes while the thread works; it goes on until the process ends, or not for ever.
  void work_through(const std::function<void()>& meddle) {
    open();
    for (int i = 0; i < 5; ++i)
      work();
    std::thread(meddle).detach();  // the process ends before anybody could join it
    for (int i = 0; i < 20'000; ++i)
      work();
    _exit(5);
  }
  // Of a copy or the database: all that was acknowledged.
  void expect_whole(const std::string& file) const {
    std::size_t acknowledged = 0;
    std::ifstream(told()) >> acknowledged;
    EXPECT_GE(acknowledged, 80U);
    auto db = sql::open_sqlite(file, {});
    ASSERT_TRUE(db) << db.error().message;
    std::size_t events = 0;
    std::string check;
    ASSERT_TRUE((*db)->each("SELECT count(*) FROM events", {},
                            [&](const sql::Row& row) { events = static_cast<std::size_t>(row.integer(0)); }));
    ASSERT_TRUE((*db)->each("PRAGMA integrity_check", {}, [&](const sql::Row& row) { check = row.text(0); }));
    EXPECT_GE(events, acknowledged);
    EXPECT_EQ(check, "ok");
  }
  std::string rescued() const {
    std::string out;
    for (const auto& entry : fs::directory_iterator(data())) {
      if (entry.path().filename().string().starts_with("a.db.rescued-")) out = entry.path().string();
    }
    return out;
  }

  std::string place_;
  std::int64_t made_ = 0;
  std::size_t acknowledged_ = 0;
  std::atomic<bool> refused_{false};
};

TEST_F(CustodyTest, a_removed_database_is_rescued) {
  const auto remove_all = [this] {
    for (const char* end : {"", "-wal", "-shm"})
      fs::remove(path() + end);
  };
  EXPECT_EXIT(work_through(remove_all), testing::ExitedWithCode(1), "rescued copy");
  expect_whole(rescued());
  EXPECT_FALSE(fs::exists(path() + ".partial"));
}

TEST_F(CustodyTest, what_cannot_be_rescued_is_held_until_it_can) {
  const auto move_away_and_back = [this] {
    fs::rename(data(), place_ + "/elsewhere");
    refused_.wait(false);  // which is after the first try
    fs::create_directory(data());
  };
  EXPECT_EXIT(work_through(move_away_and_back), testing::ExitedWithCode(1),
              "could not be copied.*rescued copy");
  expect_whole(rescued());
}

TEST_F(CustodyTest, a_removed_log_is_copied_back) {
  EXPECT_EXIT(work_through([this] { fs::remove(path() + "-wal"); }), testing::ExitedWithCode(1),
              "all of the write-ahead log is in the database");
  expect_whole(path());
}

// A small database is in the writer's memory and its log.
TEST_F(CustodyTest, an_emptied_database_is_rescued) {
  EXPECT_EXIT(work_through([this] { fs::resize_file(path(), 0); }), testing::ExitedWithCode(1),
              "cut short.*rescued copy");
  expect_whole(rescued());
  const auto refused = Store::open(driver_.loop, options());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("is empty beside a write-ahead log"), std::string::npos)
      << refused.error().message;
  fs::rename(rescued(), path());
  expect_whole(path());
}

TEST_F(CustodyTest, a_database_that_is_cut_short_is_rescued) {
  const auto cut = [this] { fs::resize_file(path(), fs::file_size(path()) / 2 / 4096 * 4096); };
  EXPECT_EXIT(work_through(cut), testing::ExitedWithCode(1), "cut short.*rescued copy");
  expect_whole(rescued());
}

// What is neither in memory nor in the log is nowhere: no copy of that is called rescued.
TEST_F(CustodyTest, what_was_cut_off_a_large_database_is_not_called_rescued) {
  open();
  const std::string large(500'000, 'x');
  for (int i = 0; i < 80; ++i) {
    ++made_;
    const Delivery d = delivery(made_, "{\"n\":" + std::to_string(made_) + ",\"x\":\"" + large + "\"}");
    ASSERT_TRUE(driver_.wait(store_->append(intake::Source::authentic(), d, event_of(d), Identity{})));
  }
  store_.reset();
  EXPECT_EXIT(work_through([this] { fs::resize_file(path(), 1 << 20); }), testing::ExitedWithCode(1),
              "cut short, and this process has not all of it|the database is damaged; ending");
  EXPECT_EQ(rescued(), "");
  const auto refused = Store::open(driver_.loop, options());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("was cut short"), std::string::npos) << refused.error().message;
}

TEST_F(CustodyTest, another_program_that_makes_the_database_shorter_is_no_harm) {
  open();
  EXPECT_TRUE(work());
  {
    auto db = sql::open_sqlite(path(), {});
    ASSERT_TRUE(db);
    const auto run = [&](const std::string& text) {
      ASSERT_TRUE((*db)->each(text, {}, [](const sql::Row&) {})) << text;
    };
    run("CREATE TABLE filler AS SELECT zeroblob(3000000) AS x");
    run("PRAGMA wal_checkpoint(TRUNCATE)");
    EXPECT_TRUE(work());
    run("DROP TABLE filler");
    const auto before = fs::file_size(path());
    run("VACUUM");
    run("PRAGMA wal_checkpoint(TRUNCATE)");
    EXPECT_LT(fs::file_size(path()), before);
  }
  for (int i = 0; i < 40; ++i)
    EXPECT_TRUE(work());
  store_.reset();
  expect_whole(path());
}

TEST_F(CustodyTest, a_removed_lock_ends_it) {
  EXPECT_EXIT(work_through([this] { fs::remove(path() + ".lock"); }), testing::ExitedWithCode(1),
              "lock file");
  expect_whole(path());
}

TEST_F(CustodyTest, another_program_that_empties_the_log_is_no_harm) {
  open();
  std::thread other([this] {
    for (int i = 0; i < 20; ++i) {
      auto db = sql::open_sqlite(path(), {});
      if (db) (void)(*db)->each("PRAGMA wal_checkpoint(TRUNCATE)", {}, [](const sql::Row&) {});
    }
  });
  for (int i = 0; i < 40; ++i)
    EXPECT_TRUE(work());
  other.join();
  store_.reset();
  expect_whole(path());
}

}  // namespace

}  // namespace postlude::store
