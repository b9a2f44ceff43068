#pragma once
// FileLock: one process has the database, for as long as it lives; and it is on a disk of this machine.

#include <string>

#include "base/result.h"

namespace postlude::store {

class FileLock {
 public:
  // Locks PATH.lock. kConflict: another process has it. kInvalid: the folder is missing, or on a network.
  static Result<FileLock> take(const std::string& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace postlude::store
