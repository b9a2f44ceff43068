#pragma once
// Wal: detects that SQLite's write-ahead log has lost committed data. SQLite cannot tell: it reads the log up
// to the first broken frame and assumes that a crash cut it off there.
//
// Two kinds of evidence. Each commit has a number, which is stored in the database by the commit itself; a
// note beside the database holds the last one. It is written after each commit and not synced (after a power
// cut it may be behind, never ahead). And commits behind a broken frame: they began only after everything
// before them was synced. What the log looks like proves nothing: another program that opens the database may
// copy the log back, and empty or remove it.

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace postlude::sql {

using WalHeader = std::array<unsigned char, 32>;

class CommitNote {
 public:
  // Opens or creates PATH.committed. If that fails, nothing is noted.
  explicit CommitNote(const std::string& database);
  ~CommitNote();
  CommitNote(const CommitNote&) = delete;
  CommitNote& operator=(const CommitNote&) = delete;

  // Commit number `commit` is done; the log has so many frames now.
  void write(const WalHeader& wal, std::uint32_t frames, std::int64_t commit);
  void clear();  // after a checkpoint: all commits are in the database file

  // Call before the database is opened. A log that seems to lack something is copied, because SQLite
  // overwrites it.
  void look();
  // Call after it was opened, with the number of its last commit. Logs what is lost, and says it for people;
  // nullopt: no loss was detected.
  std::optional<std::string> lost(std::int64_t commit);

 private:
  struct Found {
    std::string doubt;        // what the log seems to lack, for people; "": nothing
    bool proven = false;      // the loss is certain, whatever the database holds
    std::int64_t commit = 0;  // the number in the note; 0: there is none
    std::string copy;         // the name of the log's copy, or why there is none
    bool copied = false;
  };
  Found found() const;
  std::string copied_before() const;

  std::string database_;
  int fd_ = -1;
  Found found_;
};

// How long the database file is by its own header, in bytes; nullopt: it has no header that says so.
std::optional<std::int64_t> bytes_by_header(const std::string& database);
// What a database that nobody has open has lost because its file was cut short or emptied, for people.
// nullopt: nothing, or its log has it. SQLite would take missing pages for empty ones, and remove the log of
// an empty file.
std::optional<std::string> cut_short(const std::string& database);

Status copy_file(const std::string& from, const std::string& to);  // `to` is new, readable by its owner only
Status sync_file(const std::string& path);
Status sync_folder_of(const std::string& path);
// Makes a copy beside `path` and returns its name: PATH.WORD-20261130T101112Z, with a number appended if that
// name exists. `write` fills a new file PATH.partial; it is renamed only once it is complete and synced, so
// that every file with the final name is a complete copy. The next copy replaces a leftover PATH.partial.
Result<std::string> keep_copy(const std::string& path, const std::string& word,
                              const std::function<Status(const std::string& to)>& write);
void forget_partial_copy(const std::string& path);

}  // namespace postlude::sql
