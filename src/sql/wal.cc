#include "sql/wal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "rt/loop.h"

namespace postlude::sql {

namespace {

constexpr std::uint32_t kMagic = 0x377f0682;  // the last bit: whether checksums are over big-endian words
constexpr std::size_t kFrameHeader = 24;

struct Note {
  std::uint64_t inode = 0;  // of the database: another one's log is not ours to miss
  std::uint32_t salt1 = 0;
  std::uint32_t salt2 = 0;
  std::uint32_t frames = 0;
  std::uint32_t check = 0;  // of all else
  std::int64_t commit = 0;  // 0: nothing is noted

  std::uint32_t sum() const {
    std::uint64_t h = (inode ^ static_cast<std::uint64_t>(commit) << 20U) * 0x9E3779B97F4A7C15ULL;
    for (const std::uint32_t part : {salt1, salt2, frames})
      h = (h ^ part) * 0x100000001B3ULL;
    return static_cast<std::uint32_t>(h >> 32U) | 1U;
  }
};

std::uint32_t big(const unsigned char* p) {
  return (std::uint32_t{p[0]} << 24U) | (std::uint32_t{p[1]} << 16U) | (std::uint32_t{p[2]} << 8U) | p[3];
}

// SQLite's checksum, over pairs of words.
struct Sum {
  bool big_endian = false;
  std::uint32_t a = 0;
  std::uint32_t b = 0;

  void add(const unsigned char* data, std::size_t size) {
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      a += word(data + i) + b;
      b += word(data + i + 4) + a;
    }
  }

 private:
  std::uint32_t word(const unsigned char* p) const {
    return big_endian ? big(p)
                      : (std::uint32_t{p[3]} << 24U) | (std::uint32_t{p[2]} << 16U) |
                            (std::uint32_t{p[1]} << 8U) | p[0];
  }
};

std::string reason() {
  return std::generic_category().message(errno);
}

struct File {
  explicit File(int fd_in) : fd(fd_in) {}
  ~File() {
    if (fd >= 0) close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool read(unsigned char* to, std::size_t size, std::uint64_t at) const {
    return fd >= 0 && pread(fd, to, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
  }
  int fd;
};

struct Walk {
  bool header = false;  // it is whole
  std::uint32_t salt1 = 0;
  std::uint32_t salt2 = 0;
  std::uint32_t committed = 0;       // frames up to the last commit before the first broken frame
  std::uint32_t broken = 0;          // the first frame that is not whole; 0: none
  std::uint32_t commits_behind = 0;  // commits of this log behind it
  std::uint32_t pages = 0;           // of the database after the last commit
  std::vector<std::uint32_t> held;   // the database's pages in the committed frames
};

Walk walk(const std::string& path) {
  Walk out;
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  WalHeader head{};
  if (!file.read(head.data(), head.size(), 0) || (big(head.data()) & ~1U) != kMagic) return out;
  Sum sum{(big(head.data()) & 1U) != 0, 0, 0};
  sum.add(head.data(), 24);
  const std::uint32_t page = big(head.data() + 8);
  if (sum.a != big(head.data() + 24) || sum.b != big(head.data() + 28) || page < 512 || page > 65536)
    return out;
  out.header = true;
  out.salt1 = big(head.data() + 16);
  out.salt2 = big(head.data() + 20);
  std::vector<unsigned char> frame(kFrameHeader + page);
  for (std::uint32_t n = 1;
       file.read(frame.data(), frame.size(), head.size() + std::uint64_t{n - 1} * frame.size()); ++n) {
    const bool ours = big(frame.data() + 8) == out.salt1 && big(frame.data() + 12) == out.salt2;
    const bool commits = big(frame.data() + 4) != 0;
    if (out.broken == 0) {
      sum.add(frame.data(), 8);
      sum.add(frame.data() + kFrameHeader, page);
      if (!ours || sum.a != big(frame.data() + 16) || sum.b != big(frame.data() + 20)) out.broken = n;
      if (out.broken == 0) out.held.push_back(big(frame.data()));
      if (out.broken == 0 && commits) {
        out.committed = n;
        out.pages = big(frame.data() + 4);
      }
    }
    if (out.broken != 0 && ours && commits) ++out.commits_behind;
  }
  out.held.resize(out.committed);
  return out;
}

struct Header {
  std::int64_t page = 0;   // bytes
  std::int64_t pages = 0;  // of the whole file
};

// nullopt: the file has none, or one that does not state its size ("In-header database size" in SQLite's
// documentation).
std::optional<Header> header_of(const std::string& database) {
  const File file(open(database.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<unsigned char, 100> head{};
  constexpr std::string_view kBegin("SQLite format 3\0", 16);
  constexpr int kPageSize = 16, kChanges = 24, kPages = 28, kValidFor = 92;
  if (!file.read(head.data(), head.size(), 0)) return std::nullopt;
  if (std::memcmp(head.data(), kBegin.data(), kBegin.size()) != 0) return std::nullopt;
  if (std::memcmp(head.data() + kChanges, head.data() + kValidFor, 4) != 0) return std::nullopt;
  Header out;
  out.page = (std::int64_t{head[kPageSize]} << 8U) | head[kPageSize + 1];
  if (out.page == 1) out.page = 65536;
  out.pages = big(head.data() + kPages);
  if (out.page < 512 || out.pages == 0) return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::int64_t> bytes_by_header(const std::string& database) {
  const auto header = header_of(database);
  if (!header) return std::nullopt;
  return header->page * header->pages;
}

// A crash may leave a file whose header was copied back and whose last pages were not: the log has them.
std::optional<std::string> cut_short(const std::string& database) {
  struct stat file {};
  if (stat(database.c_str(), &file) != 0) return std::nullopt;
  const Walk log = walk(database + "-wal");
  if (file.st_size == 0) {
    if (log.committed == 0) return std::nullopt;
    return database + " is empty beside a write-ahead log that is not";
  }
  const auto header = header_of(database);
  if (!header) return std::nullopt;
  const std::int64_t has = file.st_size / header->page;
  const std::int64_t needed =
      log.committed > 0 ? std::min<std::int64_t>(header->pages, log.pages) : header->pages;
  std::set<std::uint32_t> held;
  for (const std::uint32_t page : log.held) {
    if (page > has && page <= needed) held.insert(page);
  }
  const std::int64_t missing = needed - has - static_cast<std::int64_t>(held.size());
  if (missing <= 0) return std::nullopt;
  return database + " was cut short: " + std::to_string(missing) + " of its " + std::to_string(needed) +
         " pages are missing";
}

CommitNote::CommitNote(const std::string& database) : database_(database) {
  const std::string name = database + ".committed";
  fd_ = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0)
    log::warn("commits are not noted: damage to the write-ahead log may go unseen",
              {{"file", name}, {"why", reason()}});
}

CommitNote::~CommitNote() {
  if (fd_ >= 0) close(fd_);
}

void CommitNote::write(const WalHeader& wal, std::uint32_t frames, std::int64_t commit) {
  struct stat file {};
  if (fd_ < 0 || stat(database_.c_str(), &file) != 0) return;
  Note note{file.st_ino, big(wal.data() + 16), big(wal.data() + 20), frames, 0, commit};
  note.check = note.sum();
  [[maybe_unused]] const ssize_t written =
      pwrite(fd_, &note, sizeof note, 0);  // a full disk: the old one stays
}

void CommitNote::clear() {
  const Note none;
  if (fd_ < 0) return;
  [[maybe_unused]] const ssize_t written = pwrite(fd_, &none, sizeof none, 0);
}

CommitNote::Found CommitNote::found() const {
  const std::string wal = database_ + "-wal";
  Found out;
  Note note;
  struct stat file {};
  const bool noted = fd_ >= 0 && pread(fd_, &note, sizeof note, 0) == static_cast<ssize_t>(sizeof note) &&
                     note.check == note.sum() && note.commit > 0 && stat(database_.c_str(), &file) == 0 &&
                     file.st_ino == note.inode;
  if (noted) out.commit = note.commit;
  const Walk log = walk(wal);
  const bool same = log.header && log.salt1 == note.salt1 && log.salt2 == note.salt2;
  if (log.commits_behind > 1) {
    out.proven = true;
    out.doubt = wal + " is broken at page " + std::to_string(log.broken) + ", and " +
                std::to_string(log.commits_behind) + " commits stand behind it";
  } else if (noted && !same) {
    out.doubt = wal + (stat(wal.c_str(), &file) != 0 ? " is gone"
                       : file.st_size == 0           ? " is empty"
                       : log.header                  ? " is not the one that this database had"
                                                     : " has no readable beginning");
  } else if (noted && log.committed < note.frames) {
    out.doubt = wal + " can be read up to page " + std::to_string(log.committed) + " of " +
                std::to_string(note.frames) + " that were committed";
  }
  return out;
}

// The copy of the log that a start made which then could not go on: nothing was committed, and noted, since.
// Else it would make one each second while the disk is full. "": there is none.
std::string CommitNote::copied_before() const {
  namespace fs = std::filesystem;
  const fs::path log(database_ + "-wal");
  std::error_code unknown;
  const fs::file_time_type noted = fs::last_write_time(database_ + ".committed", unknown);
  if (unknown) return "";
  fs::directory_iterator at(log.has_parent_path() ? log.parent_path() : ".", unknown);
  for (; !unknown && at != fs::directory_iterator(); at.increment(unknown)) {
    const bool named = at->path().filename().string().starts_with(log.filename().string() + ".damaged-");
    if (named && at->last_write_time(unknown) > noted) return at->path().string();
  }
  return "";
}

void CommitNote::look() {
  found_ = found();
  if (found_.doubt.empty()) return;
  found_.copy = copied_before();
  found_.copied = !found_.copy.empty();
  if (found_.copied) return;
  const std::string wal = database_ + "-wal";
  const auto copied = keep_copy(wal, "damaged", [&wal](const std::string& to) { return copy_file(wal, to); });
  found_.copied = copied.has_value();
  found_.copy = copied ? *copied : "not: " + copied.error().message;
}

std::optional<std::string> CommitNote::lost(std::int64_t commit) {
  const Found found = std::exchange(found_, {});
  const std::int64_t behind = found.commit - commit;
  if (!found.proven && behind <= 0) {
    // Another program copied the log back.
    if (found.copied) (void)unlink(found.copy.c_str());
    return std::nullopt;
  }
  std::string what = found.doubt.empty() ? database_ + " is not as it was left" : found.doubt;
  what += behind > 0 ? ": up to " + std::to_string(behind) + " commits are lost" : ": they are lost";
  log::error(
      "the write-ahead log is damaged, and events that were acknowledged are lost: check the disk, and ask "
      "the senders to repeat their last calls before this start",
      {{"what", what}, {"kept", found.copy}});
  return what;
}

Status sync_file(const std::string& path) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0 || fsync(file.fd) != 0)
    return Error(Code::kUnavailable, "cannot sync " + path + ": " + reason());
  return ok();
}

Status sync_folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return sync_file(parent.empty() ? "." : parent);
}

Status copy_file(const std::string& from, const std::string& to) {
  const File in(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  const File out(in.fd < 0 ? -1 : open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (in.fd < 0 || out.fd < 0) return Error(Code::kUnavailable, "cannot copy " + from + ": " + reason());
  std::vector<char> some(64U << 10U);
  ssize_t got = 0;
  while ((got = read(in.fd, some.data(), some.size())) > 0) {
    if (::write(out.fd, some.data(), static_cast<std::size_t>(got)) != got) break;
  }
  if (got == 0) return ok();
  return Error(Code::kUnavailable, "cannot copy " + from + " to " + to + ": " + reason());
}

namespace {

std::string free_name(const std::string& path, const std::string& word) {
  std::string time = to_rfc3339(rt::wall_now()).substr(0, 19) + "Z";
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  const std::string name = path + "." + word + "-" + time;
  std::error_code unknown;
  std::string tried = name;
  for (int n = 2; std::filesystem::exists(tried, unknown) && n < 1000; ++n)
    tried = name + "-" + std::to_string(n);
  return tried;
}

std::string partial_of(const std::string& path) {
  return path + ".partial";
}

}  // namespace

Result<std::string> keep_copy(const std::string& path, const std::string& word,
                              const std::function<Status(const std::string& to)>& write) {
  const std::string partial = partial_of(path);
  std::string name = free_name(path, word);
  forget_partial_copy(path);
  Status done = write(partial);
  if (done) done = sync_file(partial);
  if (done && std::rename(partial.c_str(), name.c_str()) != 0)
    done = Error(Code::kUnavailable, "cannot rename " + partial + " to " + name + ": " + reason());
  if (done) done = sync_folder_of(name);
  if (done) return name;
  forget_partial_copy(path);
  return done.error();
}

void forget_partial_copy(const std::string& path) {
  (void)unlink(partial_of(path).c_str());
}

}  // namespace postlude::sql
