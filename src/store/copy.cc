// The copy that is made of a database before it gets another schema.

#include "store/copy.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "store/wal.h"

namespace postlude::store {

namespace {

Status copy_synced(sql::Connection& db, const std::string& to) {
  TRY_DONE(sql::copy_to_file(db, to));
  const int fd = open(to.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  if (!synced) return Error(Code::kUnavailable, to + " cannot be synced");
  return sync_folder_of(to);
}

}  // namespace

Result<std::string> copy_before(sql::Connection& db, const std::string& path, std::size_t from,
                                std::size_t to) {
  std::string name = free_name(path, "before-schema-" + std::to_string(to));
  const Status copied = copy_synced(db, name);
  if (!copied) {
    unlink(name.c_str());
    return Error(copied.error().code,
                 "the database " + path + " has schema " + std::to_string(from) +
                     " and is copied before it gets schema " + std::to_string(to) + "; the copy " + name +
                     " failed: " + copied.error().message +
                     ". Nothing was changed: make room for a second database there, or start the version "
                     "that you had");
  }
  log::info(
      "the database was copied before it gets another schema; remove the copy once you no longer need it",
      {{"copy", name}, {"schema", from}, {"next", to}});
  return name;
}

}  // namespace postlude::store
