#pragma once
// Wal: detects that SQLite's write-ahead log has lost committed data. SQLite cannot tell: it reads the log up
// to the first broken frame and assumes that a crash cut it off there.
//
// Two kinds of evidence. A note beside the database says how far the log was committed; it is written after
// each commit and not synced (after a power cut it may be behind, never ahead). And commits behind a broken
// frame: they began only after everything before them was synced.

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
  // Opens or creates PATH.committed. If that fails, nothing is noted.
  explicit CommitNote(const std::string& database);
  ~CommitNote();
  CommitNote(const CommitNote&) = delete;
  CommitNote& operator=(const CommitNote&) = delete;

  void write(const WalHeader& wal, std::uint32_t frames);
  void clear();  // after a checkpoint: all commits are in the database file

  // Call before the database is opened. Says for people what the log lacks; nullopt: no loss was detected.
  std::optional<std::string> missing() const;

 private:
  std::string database_;
  int fd_ = -1;
};

// Copies `from` to a new file, readable by its owner only, and syncs it.
Status copy_file(const std::string& from, const std::string& to);
Status sync_file(const std::string& path);
Status sync_folder_of(const std::string& path);
// PATH.WORD-20261130T101112Z; with a number appended if that name exists.
std::string free_name(const std::string& path, const std::string& word);

}  // namespace postlude::store
