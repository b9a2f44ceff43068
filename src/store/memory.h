#pragma once
// Memory: a database in this process's memory, which outlives the stores that are opened over it. For
// rehearsals and simulations: opening a store over it again is the start after a crash.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/time.h"

namespace postlude::store {

namespace sql {
class Connection;
}

enum class Fault : std::uint8_t {
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

  // Hooks; each may be empty. What befalls a store's commit, by its number, from 1. A crash stops the loop at
  // once.
  std::function<Fault(std::uint64_t commit)> fault;
  // After each commit, before anybody is told of it: for checks of what is kept.
  std::function<void()> on_commit;
  // How long a commit takes, in virtual time; others queue up meanwhile.
  std::function<Duration()> latency;

  // What an earlier use with the key has yielded, as JSON. Before anything has asked for it.
  Status keep(const std::string& target, const std::string& key, const std::string& outputs);

  // For questions of checks; not from within a store's transaction.
  sql::Connection& db();
  std::uint64_t commits() const;
  bool crashed() const;  // since a store was last opened over it
  // Nothing waits to be planned, is under way, or will fall due.
  bool quiet();

 private:
  friend class Store;
  class Watched;
  Memory();
  void revive();  // a store is being opened
  std::unique_ptr<Watched> db_;
};

}  // namespace postlude::store
