// The file: whose it is, what it survives, what a full disk does.

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "ledger/schema.h"
#include "sql/sql.h"
#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class Disk : public StoreTest {
 protected:
  void SetUp() override {}
  std::string path() const { return folder_.file("a.db"); }
  Result<std::unique_ptr<Store>> open(std::int64_t bytes_max = 0) {
    Options options;
    options.url = "sqlite:" + path();
    options.bytes_max = bytes_max;
    return Store::open(driver_.loop, options);
  }
  // Something done to the file behind the store's back.
  void meddle(std::string_view sql, sql::Values values = {}) {
    auto db = sql::open_sqlite(path(), {});
    ASSERT_TRUE(db);
    ASSERT_TRUE((*db)->run(sql, values));
  }
  void expect_refused(Code code, const std::string& part) {
    auto opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code);
    EXPECT_NE(opened.error().message.find(part), std::string::npos) << opened.error().message;
  }
  // How many of 20 deliveries of 64 KiB found room.
  int fill() {
    int stored = 0;
    for (int i = 0; i < 20; ++i) {
      const Delivery d = delivery(i, std::string(65536, 'x'));
      auto receipt = driver_.wait(store_->append(intake::Source::authentic(), d, event_of(d), Identity{}));
      if (receipt) {
        ++stored;
      } else {
        EXPECT_EQ(receipt.error().code, Code::kOverloaded) << receipt.error().message;
      }
    }
    return stored;
  }
  std::size_t events() {
    auto list = driver_.wait(store_->events({}, {1000, 0}));
    EXPECT_TRUE(list);
    return list->size();
  }
};

TEST_F(Disk, a_second_process_is_refused_by_name) {
  store_ = *open();
  const pid_t child = fork();
  if (child == 0) {
    auto second = open();
    const bool right = !second && second.error().code == Code::kConflict &&
                       second.error().message.find("another postlude") != std::string::npos &&
                       second.error().message.find(path()) != std::string::npos;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  expect_refused(Code::kConflict, "(process " + std::to_string(getpid()) + ")");
  store_.reset();
  EXPECT_TRUE(open());
}

// By whatever name a second one comes.
TEST_F(Disk, a_link_to_the_database_is_the_database) {
  namespace fs = std::filesystem;
  const auto open_as = [&](const std::string& name) {
    Options options;
    options.url = "sqlite:" + folder_.file(name);
    return Store::open(driver_.loop, options);
  };
  fs::create_symlink("a.db", folder_.file("link.db"));  // to nothing yet
  fs::create_directory_symlink(".", folder_.file("here"));
  for (const char* first : {"link.db", "a.db"}) {
    store_ = *open_as(first);
    for (const char* second : {"a.db", "link.db", "here/a.db", "here/link.db"}) {
      const auto refused = open_as(second);
      ASSERT_FALSE(refused) << first << " " << second;
      EXPECT_EQ(refused.error().code, Code::kConflict) << refused.error().message;
    }
    store_.reset();
  }
  EXPECT_TRUE(fs::is_symlink(folder_.file("link.db")));
  EXPECT_EQ(fs::status(folder_.file("a.db")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Disk, strangers_files_are_refused_and_left_alone) {
  { std::ofstream(path()) << "these are notes of mine, at least sixteen bytes"; }
  expect_refused(Code::kCorrupt, "not a database");
  std::filesystem::remove(path());
  meddle("CREATE TABLE songs (name TEXT)");
  expect_refused(Code::kCorrupt, "another program");
  auto db = sql::open_sqlite(path(), {});
  std::string mode;
  ASSERT_TRUE((*db)->each("PRAGMA journal_mode", {}, [&](const sql::Row& row) { mode = row.text(0); }));
  EXPECT_EQ(mode, "delete");
}

TEST_F(Disk, a_newer_schema_is_refused) {
  store_ = *open();
  store_.reset();
  meddle("UPDATE meta SET value = '99' WHERE key = 'schema'");
  expect_refused(Code::kCorrupt, "schema 99");
}

// As it was left by a postlude that knew nothing of releases.
TEST_F(Disk, events_of_an_older_schema_have_no_release) {
  store_ = *open();
  const EventId old = add_event(1);
  store_.reset();
  meddle("ALTER TABLE events DROP COLUMN release");
  meddle("ALTER TABLE events DROP COLUMN canary");
  meddle("ALTER TABLE steps DROP COLUMN over_by");
  meddle("DROP INDEX runs_live");
  meddle("DROP TABLE once");
  meddle("DROP INDEX steps_held");
  meddle("ALTER TABLE steps DROP COLUMN key");
  meddle("ALTER TABLE keyed DROP COLUMN made");
  meddle("DROP TABLE refusals");
  meddle("DROP TABLE last_refusals");
  meddle("DROP INDEX deliveries_unproved");
  meddle("DROP INDEX steps_by_cause");
  for (const char* column : {"round", "cause"})
    meddle("ALTER TABLE steps DROP COLUMN " + std::string(column));
  for (const char* column : {"generation", "first_at", "last_at", "last_step"})
    meddle("ALTER TABLE keyed DROP COLUMN " + std::string(column));
  meddle("ALTER TABLE openings DROP COLUMN checksum");
  meddle("DROP INDEX runs_deadline");
  meddle("ALTER TABLE deliveries DROP COLUMN raw");
  meddle("ALTER TABLE steps DROP COLUMN because");
  meddle("ALTER TABLE deliveries DROP COLUMN canary");
  for (const char* index : {"runs_queue", "steps_due"})
    meddle("DROP INDEX " + std::string(index));
  for (const char* column : {"requests DROP COLUMN settled_by", "requests DROP COLUMN cut",
                             "runs DROP COLUMN waits_turn", "runs DROP COLUMN uncomputed",
                             "steps DROP COLUMN paused", "steps ADD COLUMN lane TEXT NOT NULL DEFAULT ''"})
    meddle("ALTER TABLE " + std::string(column));
  meddle("CREATE INDEX runs_queue ON runs (event)");
  meddle("CREATE INDEX steps_due ON steps (lane)");
  meddle("UPDATE meta SET value = '3' WHERE key = 'schema'");
  store_ = *open();
  const auto before = driver_.wait(store_->event(old));
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(before->event.name, "app");
  EXPECT_EQ(before->event.release + before->event.canary, "");
  EXPECT_EQ(before->deliveries.at(0).canary, "prod/app");

  const Delivery d = delivery(2, R"({"at":2})");
  Event told = event_of(d);
  told.release = R"({"kind":"forward"})";
  told.canary = R"({"uid":"u1"})";
  auto receipt = driver_.wait(store_->append(intake::Source::authentic(), d, told, Identity{}));
  ASSERT_TRUE(receipt);
  store_.reset();
  store_ = *open();
  const auto after = driver_.wait(store_->event(*receipt->event()));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->event.release, told.release);
  EXPECT_EQ(after->event.canary, told.canary);
  EXPECT_EQ(after->event.payload, told.payload);
}

TEST_F(Disk, wrong_places_are_refused) {
  Options options;
  options.url = "sqlite:" + folder_.file("missing/a.db");
  EXPECT_EQ(Store::open(driver_.loop, options).error().code, Code::kInvalid);
  options.url = "postgres://localhost/postlude";
  EXPECT_EQ(Store::open(driver_.loop, options).error().code, Code::kInvalid);
  options.url = "sqlite:/proc/a.db";
  EXPECT_EQ(Store::open(driver_.loop, options).error().code, Code::kInvalid);
}

TEST_F(Disk, the_secret_is_made_once) {
  store_ = *open();
  const std::string secret = store_->secret();
  EXPECT_EQ(secret.size(), 16U);
  store_.reset();
  store_ = *open();
  EXPECT_EQ(store_->secret(), secret);
}

TEST_F(Disk, an_altered_record_is_named) {
  store_ = *open();
  for (int i = 0; i < 5; ++i)
    add_event(i);
  store_.reset();
  meddle("UPDATE audit SET detail = 'flagger/other' WHERE seq = 3");
  store_ = *open();
  auto bad = driver_.wait(store_->verify_audit());
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->bad.substr(0, 8), "record 3") << bad->bad;
  EXPECT_NE(bad->bad.find("delivery.accepted"), std::string::npos);
}

TEST_F(Disk, a_missing_record_is_named) {
  store_ = *open();
  for (int i = 0; i < 5; ++i)
    add_event(i);
  store_.reset();
  meddle("DELETE FROM audit WHERE seq = 2");
  store_ = *open();
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "record 2 is missing");
}

TEST_F(Disk, a_full_store_refuses_and_keeps_nothing_of_it) {
  store_ = *open(400'000);
  const int stored = fill();
  EXPECT_GT(stored, 0);
  EXPECT_LT(stored, 20);
  EXPECT_EQ(events(), static_cast<std::size_t>(stored));
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");
  // Its neighbours in the same group are not hurt.
  std::vector<rt::Task<Result<Receipt>>> calls;
  for (int i = 0; i < 8; ++i) {
    const Delivery d = delivery(100 + i, i == 3 ? std::string(300'000, 'x') : "{}");
    calls.push_back(store_->append(intake::Source::authentic(), d, event_of(d), Identity{}));
  }
  const auto receipts = driver_.wait_all(std::move(calls));
  for (std::size_t i = 0; i < receipts.size(); ++i)
    EXPECT_EQ(receipts[i].has_value(), i != 3) << i;
  EXPECT_EQ(events(), static_cast<std::size_t>(stored) + 7);
  store_.reset();
  store_ = *open();  // with room again
  EXPECT_EQ(fill(), 20);
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");
}

// The log lost what was committed last: whether or not that wrote an audit record, it is told.
TEST_F(Disk, a_lost_commit_is_told) {
  store_ = *open();
  add_event(0);
  store_.reset();
  int told = 0;
  for (const bool with_record : {true, false}) {
    const pid_t child = fork();
    if (child == 0) {
      Driver dying;
      Options options;
      options.url = "sqlite:" + path();
      const auto store = *Store::open(dying.loop, options);
      const Delivery d = delivery(1);
      const bool done =
          with_record
              ? dying.wait(store->append(intake::Source::authentic(), d, event_of(d), Identity{})).has_value()
              : dying.wait(store->writable()).has_value();
      _exit(done ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    std::filesystem::remove(path() + "-wal");
    store_ = *open();
    store_.reset();
    auto db = sql::open_sqlite(path(), {});
    int damages = 0;
    ASSERT_TRUE((*db)->each("SELECT count(*) FROM audit WHERE action = 'store.damaged'", {},
                            [&](const sql::Row& row) { damages = static_cast<int>(row.integer(0)); }));
    EXPECT_EQ(damages, ++told);
  }
}

// A delivery, an event, the last call of a canary, an audit record: the number of a commit has no page of its
// own.
TEST_F(Disk, an_accepted_call_writes_four_pages) {
  store_ = *open();
  const auto log_size = [&] { return std::filesystem::file_size(path() + "-wal"); };
  std::uintmax_t least = UINTMAX_MAX;
  for (int i = 0; i < 20; ++i) {
    const std::uintmax_t before = log_size();
    Identity identity;
    identity.kind = Identity::Kind::kLastCall;
    identity.canary = "prod/app";
    identity.digest = std::to_string(i);
    const Delivery d = delivery(i);
    ASSERT_TRUE(driver_.wait(
        store_->append(intake::Source::authentic(), d, event_of(d), identity, std::vector<Planned>())));
    least = std::min(least, log_size() - before);
  }
  EXPECT_EQ(least, 4U * (4096 + 24));
}

// A file system of 2 MiB, where the process may make one.
class SmallDisk : public Disk {
 protected:
  void SetUp() override {
    if (mount("none", folder_.path().c_str(), "tmpfs", 0, "size=2m") != 0)
      GTEST_SKIP() << "needs the right to mount";
    mounted_ = true;
    store_ = *open();
  }
  void TearDown() override {
    store_.reset();
    if (mounted_) umount(folder_.path().c_str());
  }
  bool mounted_ = false;
};

TEST_F(SmallDisk, what_a_full_disk_took_comes_back_with_the_space) {
  const std::string ballast = folder_.file("ballast");
  ASSERT_TRUE(driver_.wait(store_->writable()));
  {
    std::ofstream out(ballast);
    const std::string block(4096, 'b');
    while (out.write(block.data(), 4096).flush()) {
    }
  }
  int stored = 0;
  for (int round = 0; round < 3; ++round) {
    stored += fill();
    EXPECT_LT(stored, 20);
  }
  const std::size_t before = events();
  EXPECT_EQ(before, static_cast<std::size_t>(stored));
  std::filesystem::remove(ballast);
  const EventId event = add_event(1);
  EXPECT_EQ(events(), before + 1);
  store_.reset();
  store_ = *open();
  EXPECT_EQ(events(), before + 1);
  EXPECT_TRUE(driver_.wait(store_->event(event)));
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");
}

TEST_F(Disk, a_hundred_thousand_waiting_runs_open_quickly) {
  {
    auto fresh = open();
    ASSERT_TRUE(fresh);
  }
  auto db = sql::open_sqlite(path(), {.durable = false});
  ASSERT_TRUE(db);
  ASSERT_TRUE((*db)->run("PRAGMA cache_size = -65536"));
  const Duration began = rt::steady_now();
  ASSERT_TRUE((*db)->begin());
  ASSERT_TRUE((*db)->run("INSERT INTO texts (id, hash, text) VALUES (1, $1, 'text')", {sql::Blob{"0"}}));
  constexpr std::string_view kNumbers =
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) ";
  const std::string numbers(kNumbers);
  ASSERT_TRUE((*db)->run(
      numbers +
      "INSERT INTO events SELECT i, 'nonce', NULL, 'flagger', '', 'post-rollout', 1, 0, '', "
      "'prod', 'app' || i, 'Succeeded', 'promoted', '', 1, NULL, '{}', NULL, '{}', NULL, NULL FROM n"));
  ASSERT_TRUE((*db)->run(numbers + "INSERT INTO runs (id, event, workflow, text, queue_key, queues, state, "
                                   "reason, created_at, started_at, "
                                   "finished_at, deadline_at, timeout, stale, replay_of, vars) SELECT i, i, "
                                   "'a', 1, 'key' || i, 1, 3, '', 0, 0, NULL, NULL, NULL, 0, "
                                   "NULL, '{}' FROM n"));
  ASSERT_TRUE((*db)->run(
      numbers +
      "INSERT INTO steps (id, run, idx, state, attempts, number, attempt, token, due_at, first_at, now, "
      "unclear, "
      "held_at, waited, started_at, finished_at, after_failure, target, name, title, uses, reason, "
      "input, outputs) SELECT i, i, 0, 3, 1, 1, 0, 0, 4000000000000000 + i, 0, NULL, 0, "
      "NULL, 0, 0, NULL, 0, '', 'w', 'w', 'wait', '', '', '' FROM n"));
  ASSERT_TRUE((*db)->commit());
  const Duration wrote = rt::steady_now() - began;
  db->reset();

  const Duration begun = rt::steady_now();
  store_ = *open();
  const Duration took = rt::steady_now() - begun;
  std::printf("opened with 100,000 waiting runs in %s, written in %s\n", to_text(took).c_str(),
              to_text(wrote).c_str());
  EXPECT_LT(took, wrote / 2) << "it touches each of them";
  EXPECT_TRUE(claim(0).empty());
  auto counts = driver_.wait(store_->counts());
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->due, 0);
}

rt::Task<> send(Store* store, Delivery d, Event e, int* stored) {
  AWAIT(auto receipt, store->append(intake::Source::authentic(), d, e, Identity{}));
  if (receipt) ++*stored;
}

TEST_F(Disk, what_is_queued_is_committed_when_the_store_closes) {
  store_ = *open();
  int heard = 0;
  {
    rt::Group group(driver_.loop, "test");
    for (int i = 0; i < 10; ++i) {
      const Delivery d = delivery(i);
      group.start(send(store_.get(), d, event_of(d), &heard));
    }
    driver_.loop.context().restart();
    while (store_->stats().commands == 0)
      driver_.loop.context().poll_one();
    store_.reset();
    driver_.loop.context().poll();
    EXPECT_EQ(group.size(), 0U);
    group.abandon();
  }
  EXPECT_GE(heard, 1);
  store_ = *open();
  EXPECT_EQ(events(), static_cast<std::size_t>(heard));
}

TEST_F(Disk, a_loop_that_never_runs_again_lets_go_of_its_coroutines) {
  int heard = 0;
  {
    Driver gone;
    Options options;
    options.url = "sqlite:" + path();
    auto store = *Store::open(gone.loop, options);
    rt::Group group(gone.loop, "test");
    const Delivery d = delivery(0);
    group.start(send(store.get(), d, event_of(d), &heard));
    while (store->stats().queue_high == 0)
      gone.loop.context().poll_one();
    store.reset();  // commits, and the loop stands still
    group.abandon();
  }
  EXPECT_EQ(heard, 0);  // and the sanitizer sees nothing left behind
  store_ = *open();
  EXPECT_EQ(events(), 1U);
}

}  // namespace

}  // namespace postlude::store
