#include "store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace postlude::store {

namespace {

struct FileSystem {
  std::uint32_t magic;
  std::string_view name;
};
// File systems whose locks and syncs depend on another machine. From linux/magic.h and statfs(2).
constexpr std::array<FileSystem, 12> kElsewhere{{{0x6969, "NFS"},
                                                 {0x517B, "SMB"},
                                                 {0xFF534D42, "CIFS"},
                                                 {0xFE534D42, "SMB2"},
                                                 {0x65735546, "FUSE"},
                                                 {0x01021997, "9p"},
                                                 {0x5346414F, "AFS"},
                                                 {0x73757245, "Coda"},
                                                 {0x00C36400, "Ceph"},
                                                 {0x0BD00BD0, "Lustre"},
                                                 {0x01161970, "GFS2"},
                                                 {0x7461636F, "OCFS2"}}};

std::string reason(int error) {
  return std::error_code(error, std::generic_category()).message();
}

Status on_local_disk(const std::string& folder, const std::string& path) {
  struct statfs fs {};
  if (statfs(folder.c_str(), &fs) != 0) {
    return Error(Code::kInvalid, "cannot use the folder " + folder + " of the database: " + reason(errno));
  }
  const auto magic = static_cast<std::uint32_t>(fs.f_type);
  for (const FileSystem& known : kElsewhere) {
    if (known.magic != magic) continue;
    return Error(Code::kInvalid,
                 path + " is on " + std::string(known.name) +
                     ", which cannot keep a SQLite database safe: use a disk of this machine");
  }
  return ok();
}

std::string owner_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t read = pread(fd, text.data(), text.size() - 1, 0);
  std::string_view pid(text.data(), read > 0 ? static_cast<std::size_t>(read) : 0);
  pid = pid.substr(0, pid.find('\n'));
  return pid.empty() ? "" : " (process " + std::string(pid) + ")";
}

std::string folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string real_path(const std::string& spelled) {
  std::error_code unknown;
  auto real = std::filesystem::canonical(spelled, unknown);
  if (unknown) {
    // There is none yet, perhaps at the end of a link. It will hold what people released and the secret that
    // keys are made with: its owner's alone. SQLite gives the log beside it the same mode.
    const int file = open(spelled.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0) close(file);
    real = std::filesystem::canonical(spelled, unknown);
  }
  return unknown ? spelled : real.string();
}

}  // namespace

Result<FileLock> FileLock::take(const std::string& spelled) {
  TRY_DONE(on_local_disk(folder_of(spelled), spelled));
  const std::string path = real_path(spelled);
  TRY_DONE(on_local_disk(folder_of(path), path));
  const std::string name = path + ".lock";
  const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Error(Code::kInvalid, "cannot open " + name + ": " + reason(errno));
  FileLock lock(fd, path);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error(Code::kInvalid, "cannot lock " + name + ": " + reason(errno));
    return Error(Code::kConflict, "another postlude" + owner_of(fd) + " has the database " + path);
  }
  lock.database_fd_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (lock.database_fd_ < 0 || fstat(lock.database_fd_, &lock.database_) != 0)
    return Error(Code::kInvalid, "cannot open the database " + path + ": " + reason(errno));
  if (!S_ISREG(lock.database_.st_mode)) return Error(Code::kInvalid, path + " is not an ordinary file");
  // Not one of fcntl()'s, which are SQLite's and its readers'.
  if (flock(lock.database_fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error(Code::kInvalid, "cannot lock " + path + ": " + reason(errno));
    return Error(Code::kConflict,
                 "another postlude has the database " + path +
                     ", by another name of the same file or since its lock file was removed");
  }
  // For the message above, and nothing else: on a full disk it stays empty.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) == 0) [[maybe_unused]]
    const ssize_t written = pwrite(fd, pid.data(), pid.size(), 0);
  return lock;
}

bool FileLock::lost() const {
  struct stat ours {};
  struct stat now {};
  if (fstat(fd_, &ours) != 0) return false;
  if (stat((path_ + ".lock").c_str(), &now) != 0) return errno == ENOENT;
  return now.st_ino != ours.st_ino || now.st_dev != ours.st_dev;
}

FileLock::~FileLock() {
  if (database_fd_ >= 0) close(database_fd_);
  if (fd_ >= 0) close(fd_);  // the file stays: removing it would let two processes lock two files of one name
}

}  // namespace postlude::store
