#pragma once
// FileLock: one process has the database, for as long as it lives; and it is on a disk of this machine.

#include <sys/stat.h>

#include <string>

#include "base/result.h"

namespace postlude::store {

class FileLock {
 public:
  // Locks PATH.lock, where PATH is the file's own, whatever links led to it, and the file itself, so that
  // neither another name nor the removal of PATH.lock lets a second process in; makes an empty file where
  // there is none. kConflict: another process has it. kInvalid: the folder is missing, or on a network.
  //
  // The descriptor of the database is closed last of all: closing one drops SQLite's own locks.
  static Result<FileLock> take(const std::string& path);
  const std::string& path() const { return path_; }
  const struct stat& database() const { return database_; }  // as it was locked
  bool lost() const;                                         // certainly: PATH.lock is not ours any more
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
