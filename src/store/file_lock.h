#pragma once
// FileLock: one process has the database, for as long as it lives; and it is on a disk of this machine.

#include <string>

#include "base/result.h"

namespace postlude::store {

class FileLock {
 public:
  // Locks PATH.lock, where PATH is the file's own, whatever links led to it; makes an empty file where there
  // is none. kConflict: another process has it. kInvalid: the folder is missing, or on a network.
  static Result<FileLock> take(const std::string& path);
  const std::string& path() const { return path_; }
  ~FileLock();
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  FileLock(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
};

}  // namespace postlude::store
