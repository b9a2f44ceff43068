#include "store/custody.h"

#include <cerrno>

#include "base/log.h"
#include "sql/wal.h"

namespace postlude::store {

namespace {

constexpr Duration kTryAgain = std::chrono::seconds(1);

// For what only a new start can mend. Whatever is not in the database by now was not acknowledged.
[[noreturn]] void end_process(const std::string& message, log::Fields fields) {
  log::error(message, fields);
  (void)log::flush(std::chrono::seconds(1));
  _exit(1);
}

// SQLite copies pages that were in the lost part of the file as if they were empty.
Status expect_whole(const std::string& copy) {
  TRY(const auto db, sql::open_sqlite(copy, {.existing = true}));
  std::string said;
  TRY_DONE(db->each("PRAGMA integrity_check(1)", {}, [&](const sql::Row& row) { said = row.text(0); }));
  if (said != "ok") return Error(Code::kCorrupt, "the copy is not whole: " + said);
  return ok();
}

}  // namespace

bool Custody::File::gone() const {
  struct stat now {};
  if (!known) return false;
  if (stat(path.c_str(), &now) != 0) return errno == ENOENT;
  return now.st_ino != ours.st_ino || now.st_dev != ours.st_dev;
}

// Looked at twice, with what is needed in between: another program may append to the log, or empty it.
bool Custody::log_cut(sql::Connection& db) const {
  const auto bytes = [this] {
    struct stat now {};
    return stat(log_.path.c_str(), &now) == 0 ? std::int64_t{now.st_size} : INT64_MAX;
  };
  const std::int64_t before = bytes();
  const std::int64_t needed = sql::log_bytes_needed(db);
  return needed > 0 && before < needed && bytes() < needed;
}

// Others may make the file shorter as well: a VACUUM, once it is copied back. Then its header says so, which
// is written before. It is looked at twice, because only both together prove anything.
bool Custody::database_cut() {
  constexpr off_t kSmallestPage = 512;
  struct stat now {};
  if (stat(database_.path.c_str(), &now) != 0 || now.st_size == database_bytes_) return false;
  const auto cut = [this] {
    const auto says = sql::bytes_by_header(database_.path);
    struct stat then {};
    if (stat(database_.path.c_str(), &then) != 0) return false;
    return then.st_size < kSmallestPage || (says && then.st_size < *says);
  };
  if (now.st_size < database_bytes_ && cut() && cut()) return true;
  database_bytes_ = now.st_size;
  return false;
}

Custody::Custody(const FileLock& lock)
    : lock_(lock),
      database_{lock.path(), lock.database(), true},
      log_{lock.path() + "-wal", {}, false},
      index_{lock.path() + "-shm", {}, false} {}

Status Custody::look(sql::Connection& db) {
  if (lost_.empty()) {
    for (File* file : {&log_, &index_}) {
      if (!file->known) file->known = stat(file->path.c_str(), &file->ours) == 0;
    }
    if (database_.gone()) {
      lost_ = "the database is no longer the file at its path";
    } else if (log_.gone() || index_.gone()) {
      lost_ = "the database's write-ahead log is no longer the file at its path";
    } else if (lock_.lost()) {
      end_process(
          "the lock file beside the database was removed or replaced; ending, since another process "
          "could take the database: leave PATH.lock alone, and start Postlude again",
          {{"file", lock_.path() + ".lock"}});
    } else if (database_cut()) {
      lost_ = "the database's file was cut short";
      cut_ = true;
    } else if (log_cut(db)) {
      // No copying back: pages that are gone would be written over good ones.
      end_process(
          "the database's write-ahead log was cut short; ending, and leaving the database as it is: keep a "
          "copy "
          "of its files, start Postlude again, and compare what its log and `audit verify` say with the "
          "senders",
          {{"file", log_.path}});
    } else {
      return ok();
    }
    log::error("nothing more is accepted: " + lost_, {{"file", lock_.path()}});
  }
  return rescue(db);
}

Status Custody::rescue(sql::Connection& db) {
  const Error refused(Code::kUnavailable, lost_);
  if (rt::steady_now() < next_try_) return refused;
  if (!cut_ && !database_.gone() && sql::copy_back(db) && sql::sync_file(lock_.path())) {
    end_process("all of the write-ahead log is in the database now; ending, start Postlude again",
                {{"what", lost_}, {"file", lock_.path()}});
  }
  const auto copy = sql::keep_copy(lock_.path(), "rescued", [&db, this](const std::string& to) {
    const Status copied = sql::copy_to_file(db, to);
    return copied && cut_ ? expect_whole(to) : copied;
  });
  if (copy) {
    end_process(
        "all that was stored is in the rescued copy; ending: move the copy to the database's path and "
        "start Postlude again",
        {{"what", lost_}, {"copy", *copy}, {"file", lock_.path()}});
  }
  if (cut_ && copy.error().code == Code::kCorrupt) {
    end_process(
        "the database's file was cut short, and this process has not all of it; ending: start Postlude "
        "again, "
        "which says whether the write-ahead log has the rest; if not, restore a backup and ask the senders "
        "to "
        "repeat what they sent since",
        {{"file", lock_.path()}, {"why", copy.error().message}});
  }
  if (rt::steady_now() >= next_told_) {
    next_told_ = rt::steady_now() + std::chrono::minutes(1);
    log::error(
        "the database could not be copied; trying again each second: make room in its folder, and do not end "
        "this process: only this process still has the data",
        {{"file", lock_.path()}, {"why", copy.error().message}});
  }
  next_try_ = rt::steady_now() + kTryAgain;
  return refused;
}

}  // namespace postlude::store
