#pragma once
// Writer: the thread that applies all writes, in groups. Reader: the thread that runs all reads. Private to
// store/.
//
// There is no timer and no delay: while one group syncs, the next group collects in the queue.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "ledger/ledger.h"
#include "rt/loop.h"
#include "store/command.h"
#include "store/store.h"

namespace postlude::store {

using ledger::Ledger;

using Write = Command<Ledger>;
using Read = Command<sql::Connection>;

// A bounded queue of commands: any thread pushes, one thread takes.
template <class Source>
class Queue {
 public:
  using Item = std::shared_ptr<Command<Source>>;
  explicit Queue(std::size_t most) : most_(most) {}

  bool push(Item item) {  // false: it is full
    {
      const std::lock_guard lock(mutex_);
      if (items_.size() >= most_) return false;
      items_.push_back(std::move(item));
      high_ = std::max(high_, items_.size());
    }
    filled_.notify_one();
    return true;
  }
  std::vector<Item> take(std::size_t most) {  // blocks until there are some; empty: closed and drained
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return closed_ || !items_.empty(); });
    return taken(most);
  }
  // As take(), but waits at most `at_most`. nullopt: closed and drained.
  std::optional<std::vector<Item>> take_within(std::size_t most, Duration at_most) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, at_most, [this] { return closed_ || !items_.empty(); });
    if (closed_ && items_.empty()) return std::nullopt;
    return taken(most);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    filled_.notify_all();
  }
  std::size_t high() const {
    const std::lock_guard lock(mutex_);
    return high_;
  }

 private:
  std::vector<Item> taken(std::size_t most) {  // caller holds the lock
    std::vector<Item> out;
    while (!items_.empty() && out.size() < most) {
      out.push_back(std::move(items_.front()));
      items_.pop_front();
    }
    return out;
  }

  const std::size_t most_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable filled_;
  std::deque<Item> items_;
  std::size_t high_ = 0;
  bool closed_ = false;
};

// What the loop learns from a group, besides the results of its commands.
struct CommitReport {
  bool made_work = false;
  bool made_event = false;
  std::optional<Instant> next_due;
  Happened happened;
};
// Called on the loop thread, before the commands complete.
using OnCommit = std::function<void(const CommitReport&)>;
// Called before each group, and twice a second. An error forbids writing.
using WriteCheck = std::function<Status(sql::Connection&)>;

CommitReport report_of(Ledger& ledger, std::vector<Happened::Commit> commits);

// Applies the group in one transaction. An error: nothing of it was kept, and each command got the error.
Status apply_group(Ledger& ledger, const std::vector<std::shared_ptr<Write>>& group);
// Applies the group with `apply`. If the disk was full, applies each command by itself: one of them may have
// taken its neighbours with it, and small ones may still fit.
void apply_or_each(const std::vector<std::shared_ptr<Write>>& group,
                   const std::function<Status(const std::vector<std::shared_ptr<Write>>&)>& apply);
// Gives the error to each command, and returns it.
Status refuse(const std::vector<std::shared_ptr<Write>>& group, const Error& error);

// Worker: runs a store's commands, on threads (Threads) or on the loop's own thread (Inline).
class Worker {
 public:
  virtual ~Worker() = default;
  virtual bool push(std::shared_ptr<Write> command) = 0;  // false: its queue is full
  virtual bool push(std::shared_ptr<Read> command) = 0;
  virtual Ledger& ledger() = 0;  // only before begin()
  virtual Status begin() = 0;    // starts it; kUnavailable: no thread can be started
  virtual Stats stats() const = 0;
};

class Writer {
 public:
  Writer(rt::Loop& loop, std::unique_ptr<sql::Connection> db, const Options& options, OnCommit on_commit,
         WriteCheck check = {});
  ~Writer();  // commits what is queued
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool push(std::shared_ptr<Write> command) { return queue_.push(std::move(command)); }
  Ledger& ledger() { return ledger_; }  // only before begin()
  Status begin();
  Stats stats() const;

 private:
  void work();
  Status apply_timed(const std::vector<std::shared_ptr<Write>>& group);

  rt::Loop& loop_;
  std::unique_ptr<sql::Connection> db_;
  Ledger ledger_;
  const std::size_t group_max_;
  OnCommit on_commit_;
  WriteCheck check_;
  Queue<Ledger> queue_;
  std::vector<Happened::Commit> made_;  // commits since the last call of on_commit_
  std::atomic<std::uint64_t> commits_{0}, commands_{0};
  std::thread thread_;
};

class Reader {
 public:
  Reader(rt::Loop& loop, std::unique_ptr<sql::Connection> db, std::size_t queue_max);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Status begin();
  bool push(std::shared_ptr<Read> command) { return queue_.push(std::move(command)); }

 private:
  void work();

  rt::Loop& loop_;
  std::unique_ptr<sql::Connection> db_;
  Queue<sql::Connection> queue_;
  std::thread thread_;
};

class Threads final : public Worker {
 public:
  Threads(rt::Loop& loop, std::unique_ptr<sql::Connection> writer, std::unique_ptr<sql::Connection> reader,
          const Options& options, OnCommit on_commit, WriteCheck check)
      : reader_(loop, std::move(reader), options.queue_max),
        writer_(loop, std::move(writer), options, std::move(on_commit), std::move(check)) {}

  bool push(std::shared_ptr<Write> command) override { return writer_.push(std::move(command)); }
  bool push(std::shared_ptr<Read> command) override { return reader_.push(std::move(command)); }
  Ledger& ledger() override { return writer_.ledger(); }
  Status begin() override {
    TRY_DONE(reader_.begin());
    return writer_.begin();
  }
  Stats stats() const override { return writer_.stats(); }

 private:
  Reader reader_;
  Writer writer_;  // declared last, so it ends first: its last commits can still be read
};

}  // namespace postlude::store
