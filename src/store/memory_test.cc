#include "store/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "rt/group.h"
#include "rt/virtual_clock.h"
#include "sql/sql.h"
#include "store/store.h"

namespace postlude::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A store over a memory in virtual time; what was answered, with when.
class MemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    memory_ = *Memory::create();
    open();
  }
  void TearDown() override { die(); }

  void open() {
    loop_ = std::make_unique<rt::Loop>(clock_);
    group_ = std::make_unique<rt::Group>(*loop_, "test");
    Options options;
    options.memory = memory_;
    options.group_max = 4;
    auto opened = Store::open(*loop_, options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  void die() {
    store_.reset();
    if (loop_ != nullptr) loop_->end();
    group_.reset();
    loop_.reset();
  }
  void note(const std::string& what) { group_->start(noting(what)); }
  rt::Task<> noting(std::string what) {
    AWAIT(const Status done, store_->note("test", what, "", "", rt::now()));
    seen_ +=
        what + (done ? "" : "!") + "@" + std::to_string((rt::steady_now() - begun_).count() / 1000) + " ";
  }
  void run() {
    loop_->run_virtual(rt::steady_now() + seconds(10), [&] { return group_->size() == 0; });
  }

  // The notes that are kept, in order.
  std::string kept() {
    std::string out;
    const Status asked = memory_->db().each("SELECT action FROM audit WHERE actor = 'test' ORDER BY seq", {},
                                            [&](const sql::Row& row) { out += row.text(0) + " "; });
    EXPECT_TRUE(asked);
    return out;
  }

  rt::VirtualClock clock_{instant(1), 1};
  Duration begun_ = rt::steady_now();
  std::shared_ptr<Memory> memory_;
  std::unique_ptr<rt::Loop> loop_;
  std::unique_ptr<rt::Group> group_;
  std::unique_ptr<Store> store_;
  std::string seen_;
};

TEST_F(MemoryTest, CommitsInGroupsThatTakeTheirTime) {
  memory_->latency = [] { return milliseconds(5); };
  const std::uint64_t before = memory_->commits();
  for (const char* what : {"a", "b", "c", "d", "e", "f"})
    note(what);
  run();
  EXPECT_EQ(memory_->commits() - before, 2U);
  EXPECT_EQ(seen_, "a@5 b@5 c@5 d@5 e@10 f@10 ");
  EXPECT_EQ(kept(), "a b c d e f ");
  EXPECT_EQ(store_->stats().commands, 6U);
}

TEST_F(MemoryTest, ShowsEachCommitBeforeAnybodyIsTold) {
  std::string at_commit;
  memory_->on_commit = [&] { at_commit += "[" + kept() + "told " + seen_ + "] "; };
  note("a");
  run();
  note("b");
  run();
  EXPECT_EQ(at_commit, "[a told ] [a b told a@0 ] ");
}

TEST_F(MemoryTest, KeepsNothingOfAGroupThatTheDiskHadNoRoomFor) {
  const std::uint64_t first = memory_->commits() + 1;
  memory_->fault = [&](std::uint64_t n) {
    return n == first || n == first + 2 ? CommitFault::kFull : CommitFault::kNone;
  };
  for (const char* what : {"a", "b", "c"})  // together, then each alone
    note(what);
  run();
  EXPECT_FALSE(memory_->crashed());
  EXPECT_EQ(seen_, "a@0 b!@0 c@0 ");
  EXPECT_EQ(kept(), "a c ");
}

TEST_F(MemoryTest, DiesBeforeACommitOrAfterIt) {
  for (const CommitFault fault : {CommitFault::kCrashBefore, CommitFault::kCrashAfter}) {
    seen_.clear();
    const std::string before = kept();
    note("kept");
    run();
    memory_->fault = [fault](std::uint64_t) { return fault; };
    note("last");
    note("too");
    run();
    EXPECT_TRUE(memory_->crashed());
    EXPECT_EQ(group_->size(), 2U);  // nobody was told
    const Duration then = rt::steady_now();
    memory_->fault = nullptr;
    die();
    EXPECT_EQ(rt::steady_now(), then);
    open();
    EXPECT_FALSE(memory_->crashed());
    EXPECT_EQ(kept(), before + (fault == CommitFault::kCrashAfter ? "kept last too " : "kept "));
    note("again");
    run();
    EXPECT_EQ(group_->size(), 0U);
    EXPECT_TRUE(kept().ends_with("again "));
  }
}

TEST_F(MemoryTest, CannotBeOpenedWhereTheFirstCommitFails) {
  die();
  rt::Loop loop(clock_);
  Options options;
  options.memory = memory_;
  memory_->fault = [](std::uint64_t) { return CommitFault::kFull; };
  EXPECT_EQ(Store::open(loop, options).error().code, Code::kOverloaded);
  EXPECT_FALSE(memory_->crashed());
  memory_->fault = [](std::uint64_t) { return CommitFault::kCrashBefore; };
  EXPECT_FALSE(Store::open(loop, options));
  EXPECT_TRUE(memory_->crashed());
  memory_->fault = nullptr;
  EXPECT_TRUE(Store::open(loop, options));
}

TEST_F(MemoryTest, LetsGoOfWhatWasQueued) {
  note("a");
  die();
  EXPECT_EQ(kept(), "");
  EXPECT_EQ(seen_, "");
}

TEST_F(MemoryTest, IsQuietWhileNothingIsToCome) {
  EXPECT_TRUE(memory_->quiet());
  ASSERT_TRUE(
      memory_->db().run("INSERT INTO events (id, nonce, source, cluster, hook, origin, received_at, "
                        "team, namespace, name, phase, outcome, checksum, planned, metadata) VALUES "
                        "(1, '', '', '', '', 1, 0, '', '', '', '', '', '', 0, '{}')"));
  EXPECT_FALSE(memory_->quiet());
}

// Its pages are never touched: SQLite sees how long it is.
TEST_F(MemoryTest, WhatNoRowCanHoldIsRefusedAndNothingElse) {
  constexpr std::size_t kTooBig = 1'000'000'001;
  void* pages = mmap(nullptr, kTooBig, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  sql::Connection& db = memory_->db();
  ASSERT_TRUE(db.begin());
  const Status done = db.run("INSERT INTO meta (key, value) VALUES ('big', $1)",
                             {sql::Blob{{static_cast<const char*>(pages), kTooBig}}});
  munmap(pages, kTooBig);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kInvalid) << done.error().message;
  EXPECT_TRUE(db.failed()) << "what else its transaction wrote would be kept";
  db.roll_back();
  note("small");
  run();
  EXPECT_EQ(seen_, "small@0 ");
}

}  // namespace
}  // namespace postlude::store
