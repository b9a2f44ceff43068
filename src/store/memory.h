#pragma once
// Memory: an in-memory database for rehearsals and simulations. It outlives the stores opened over it;
// opening another store over it is a restart after a crash.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/time.h"

namespace postlude::sql {
class Connection;
}

namespace postlude::store {

enum class CommitFault : std::uint8_t {
  kNone = 1,
  kFull,         // the disk is full: nothing of the group is kept
  kCrashBefore,  // the process dies, and nothing of the group is kept
  kCrashAfter,   // the process dies, and all of it is kept; nobody was told
};

class Memory {
 public:
  static Result<std::shared_ptr<Memory>> create();
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Hooks; each may be empty. The fault to inject into a commit, by its number, from 1. A crash stops the
  // loop at once.
  std::function<CommitFault(std::uint64_t commit)> fault;
  // Called after each commit, before the waiting calls complete: for checks of the stored state.
  std::function<void()> on_commit;
  // Duration of a commit in virtual time; other commands queue meanwhile.
  std::function<Duration()> latency;

  // Sets the JSON outputs of an earlier use of (target, key). Call it before any step uses the key.
  Status keep(const std::string& target, const std::string& key, const std::string& outputs);

  // For queries of checks; not inside a store's transaction.
  sql::Connection& db();
  std::uint64_t commits() const;
  bool crashed() const;  // since a store was last opened over it
  // Whether nothing waits to be planned, is in flight, or will fall due.
  bool quiet();

 private:
  friend class Store;
  class Watched;
  Memory();
  void revive();  // a store is being opened
  std::unique_ptr<Watched> db_;
};

}  // namespace postlude::store
