#pragma once
// Custody: whether the files at the database's path are still the ones that are open, and what is done when
// they are not: nothing more is accepted, what is held is rescued, and the process ends, saying where it is.
//
// A proof is another inode at the path, or none; any other failure to look is none (a disk may be slow).

#include <sys/stat.h>

#include <string>

#include "rt/loop.h"
#include "store/file_lock.h"
#include "store/sql.h"

namespace postlude::store {

class Custody {
 public:
  // `lock` outlives it. The log's files are those that are there at the first look.
  explicit Custody(const FileLock& lock);

  // The writer's thread, before each group and at least once a second. An error: nothing may be written any
  // more; it ends the process once all is rescued, and is called again where that could not be done.
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

  const FileLock& lock_;
  File database_, log_, index_;
  std::string lost_;  // what happened, once it has
  Duration next_try_{};
  Duration next_told_{};
};

}  // namespace postlude::store
