// The copy that is made of a database before it gets another schema.

#include "sql/copy.h"

#include "base/log.h"
#include "sql/wal.h"

namespace postlude::sql {

Result<std::string> copy_before(sql::Connection& db, const std::string& path, std::size_t from,
                                std::size_t to) {
  auto name = keep_copy(path, "before-schema-" + std::to_string(to),
                        [&db](const std::string& file) { return sql::copy_to_file(db, file); });
  if (!name) {
    return Error(name.error().code,
                 "the database " + path + " has schema " + std::to_string(from) +
                     " and is copied before it gets schema " + std::to_string(to) +
                     "; the copy failed: " + name.error().message +
                     ". Nothing was changed: make room for a second database there, or start the version "
                     "that you had");
  }
  log::info(
      "the database was copied before it gets another schema; remove the copy once you no longer need it",
      {{"copy", *name}, {"schema", from}, {"next", to}});
  return name;
}

}  // namespace postlude::sql
