#pragma once
// Wal: whether SQLite's write-ahead log still holds all that was committed. SQLite itself cannot tell: it
// reads the log up to the first frame that is not whole, and takes that for where a crash cut it off.
//
// Two witnesses: a note beside the database of how far the log was committed, written after each commit, not
// synced (after a power cut it may be behind, never ahead); and later commits behind a broken frame, which
// began only when all before them was synced.

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace postlude::store {

using WalHeader = std::array<unsigned char, 32>;

class CommitNote {
 public:
  // PATH.committed, made where there is none. Where it cannot be had, nothing is noted.
  explicit CommitNote(const std::string& database);
  ~CommitNote();
  CommitNote(const CommitNote&) = delete;
  CommitNote& operator=(const CommitNote&) = delete;

  void write(const WalHeader& wal, std::uint32_t frames);
  void clear();  // nothing of what was committed is in the log alone

  // Before the database is opened. What is missing of the log, for people; nullopt: nothing that can be seen.
  std::optional<std::string> missing() const;

 private:
  std::string database_;
  int fd_ = -1;
};

// Copies `from` to a new file that only its owner may read, and syncs it.
Status copy_file(const std::string& from, const std::string& to);
Status sync_file(const std::string& path);
Status sync_folder_of(const std::string& path);
// PATH.WORD-20261130T101112Z, with a number where that is taken.
std::string free_name(const std::string& path, const std::string& word);

}  // namespace postlude::store
