#include "store/writer.h"

#include <pthread.h>

#include "base/log.h"

namespace postlude::store {

namespace {

// A thread that leaves signals to the process's own.
template <class Work>
std::thread start_thread(const char* name, Work work) {
  sigset_t all{};
  sigset_t before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(work));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

}  // namespace

Writer::Writer(rt::Loop& loop, std::unique_ptr<sql::Connection> db, const Options& options, Tell tell)
    : loop_(loop),
      db_(std::move(db)),
      ledger_(*db_, options.follow),
      group_max_(options.group_max),
      tell_(std::move(tell)),
      queue_(options.queue_max) {}

Writer::~Writer() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void Writer::begin() {
  thread_ = start_thread("store writer", [this] { work(); });
}

Stats Writer::stats() const {
  return {commits_.load(), commands_.load(), commit_micros_.load(), queue_.high()};
}

void Writer::work() {
  while (true) {
    auto group = queue_.take(group_max_);
    if (group.empty()) return;
    const Status applied = apply_timed(group);
    if (!applied && applied.error().code == Code::kOverloaded && group.size() > 1) {
      // One of them met a full disk, and took its neighbours with it. The small ones may still fit. What kept
      // all of them out would keep out each, for as long.
      for (const auto& command : group)
        (void)apply_timed({command});
    }
    const News news{ledger_.take_made_work(), ledger_.take_made_event(), ledger_.next_due()};
    loop_.post([finished = std::make_shared<Finished<Ledger>>(std::move(group)), tell = tell_, news] {
      tell(news);
      finished->resume();
    });
    const Status tidied = db_->tidy();
    if (!tidied) log::warn("the write-ahead log could not be copied back", {{"why", tidied.error().message}});
  }
}

Status Writer::apply_timed(const std::vector<std::shared_ptr<Write>>& group) {
  const Duration begun = rt::steady_now();
  TRY_DONE(apply_group(ledger_, group));
  ++commits_;
  commands_ += group.size();
  commit_micros_ += static_cast<std::uint64_t>((rt::steady_now() - begun).count());
  return ok();
}

Status apply_group(Ledger& ledger, const std::vector<std::shared_ptr<Write>>& group) {
  const Status done = ledger.transact([&] {
    for (const auto& command : group) {
      command->apply(ledger);
      if (ledger.db().failed()) return;
    }
  });
  if (!done) {
    for (const auto& command : group)
      command->refuse(done.error());
  }
  return done;
}

Reader::Reader(rt::Loop& loop, std::unique_ptr<sql::Connection> db, std::size_t queue_max)
    : loop_(loop), db_(std::move(db)), queue_(queue_max) {
  thread_ = start_thread("store reader", [this] { work(); });
}

Reader::~Reader() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void Reader::work() {
  while (true) {
    auto group = queue_.take(1);
    if (group.empty()) return;
    const Status begun = db_->begin_read();
    if (begun) {
      group.front()->apply(*db_);
      db_->roll_back();
    } else {
      group.front()->refuse(begun.error());
    }
    loop_.post(
        [finished = std::make_shared<Finished<sql::Connection>>(std::move(group))] { finished->resume(); });
  }
}

}  // namespace postlude::store
