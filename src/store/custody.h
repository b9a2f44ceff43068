#pragma once
// Custody: detects that the files at the database's path are no longer the open ones. Then the store accepts
// nothing more, the open database is copied, and the process ends with a message that names the copy.
//
// Proof is another inode at the path, no file, or one that is shorter than it was and than its own header
// says. Any other error of stat proves nothing: the disk may be slow. Writer thread only.

#include <sys/stat.h>

#include <string>

#include "rt/loop.h"
#include "sql/sql.h"
#include "store/file_lock.h"

namespace postlude::store {

class Custody {
 public:
  // `lock` must outlive this. The write-ahead log's files are those found by the first look().
  explicit Custody(const FileLock& lock);

  // Called before each group and at least once a second. An error: the files are lost, and nothing may be
  // written. Ends the process once the copy is made; if the copy fails, the next call tries again.
  Status look(sql::Connection& db);

 private:
  struct File {
    std::string path;
    struct stat ours {};
    bool known = false;
    bool gone() const;
  };
  Status rescue(sql::Connection& db);
  bool log_cut(sql::Connection& db) const;
  bool database_cut();

  const FileLock& lock_;
  File database_, log_, index_;
  off_t database_bytes_ = 0;  // when it was last looked at
  std::string lost_;          // what happened to the files; "": nothing yet
  bool cut_ = false;          // the file at the path is ours, and not whole
  Duration next_try_{};
  Duration next_told_{};
};

}  // namespace postlude::store
