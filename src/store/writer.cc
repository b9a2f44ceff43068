#include "store/writer.h"

#include "base/log.h"
#include "rt/thread.h"

namespace postlude::store {

namespace {
constexpr Duration kCheckEvery = std::chrono::milliseconds(500);
}

Writer::Writer(rt::Loop& loop, std::unique_ptr<sql::Connection> db, const Options& options,
               OnCommit on_commit, WriteCheck check)
    : loop_(loop),
      db_(std::move(db)),
      ledger_(*db_, options.follow),
      group_max_(options.group_max),
      on_commit_(std::move(on_commit)),
      check_(std::move(check)),
      queue_(options.queue_max) {}

Writer::~Writer() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

Status Writer::begin() {
  TRY(thread_, rt::start_thread("store writer", [this] { work(); }));
  return ok();
}

Stats Writer::stats() const {
  return {commits_.load(), commands_.load(), queue_.high()};
}

void Writer::work() {
  while (auto taken = queue_.take_within(group_max_, kCheckEvery)) {
    std::vector<std::shared_ptr<Write>> group = std::move(*taken);
    const Status ours = check_ ? check_(*db_) : ok();
    if (group.empty()) continue;
    if (ours) {
      apply_or_each(group, [this](const auto& part) { return apply_timed(part); });
    } else {
      (void)refuse(group, ours.error());
    }
    loop_.post([finished = std::make_shared<Finished<Ledger>>(std::move(group)), on_commit = on_commit_,
                report = report_of(ledger_, std::exchange(made_, {}))] {
      on_commit(report);
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
  made_.push_back({rt::steady_now() - begun, group.size()});
  return ok();
}

Status refuse(const std::vector<std::shared_ptr<Write>>& group, const Error& error) {
  for (const auto& command : group)
    command->refuse(error);
  return error;
}

CommitReport report_of(Ledger& ledger, std::vector<Happened::Commit> commits) {
  CommitReport report{ledger.take_made_work(), ledger.take_made_event(), ledger.next_due(),
                      ledger.take_happened()};
  report.happened.commits = std::move(commits);
  return report;
}

Status apply_group(Ledger& ledger, const std::vector<std::shared_ptr<Write>>& group) {
  const Status done = ledger.transact([&] {
    for (const auto& command : group) {
      command->apply(ledger);
      if (ledger.db().failed()) return;
    }
  });
  return done ? done : refuse(group, done.error());
}

void apply_or_each(const std::vector<std::shared_ptr<Write>>& group,
                   const std::function<Status(const std::vector<std::shared_ptr<Write>>&)>& apply) {
  const Status applied = apply(group);
  if (applied || applied.error().code != Code::kOverloaded || group.size() == 1) return;
  for (const auto& command : group)
    (void)apply({command});
}

Reader::Reader(rt::Loop& loop, std::unique_ptr<sql::Connection> db, std::size_t queue_max)
    : loop_(loop), db_(std::move(db)), queue_(queue_max) {}

Status Reader::begin() {
  TRY(thread_, rt::start_thread("store reader", [this] { work(); }));
  return ok();
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
