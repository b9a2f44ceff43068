#pragma once
// FileLock: makes sure that one process has the database, and that it is on a local disk. Held for life.

#include <sys/stat.h>

#include <string>

#include "base/result.h"

namespace postlude::store {

class FileLock {
 public:
  // Locks PATH.lock and the database itself, so that neither another name of the file nor the removal of
  // PATH.lock lets a second process in. PATH is resolved through links. Creates an empty database if there is
  // none. kConflict: another process has it. kInvalid: the folder is missing, or on a network file system.
  //
  // Destroy this after all SQLite connections: closing any descriptor of the file drops SQLite's own locks.
  static Result<FileLock> take(const std::string& path);
  const std::string& path() const { return path_; }
  const struct stat& database() const { return database_; }  // as it was locked
  bool lost() const;  // true only if PATH.lock is certainly not ours any more
  ~FileLock();
  FileLock(FileLock&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        database_fd_(std::exchange(other.database_fd_, -1)),
        database_(other.database_),
        path_(std::move(other.path_)) {}
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  FileLock(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  int database_fd_ = -1;
  struct stat database_ {};
  std::string path_;
};

}  // namespace postlude::store
