#pragma once
// copy_before: a backup before a migration, since the older version cannot use the migrated database.

#include <string>

#include "sql/sql.h"

namespace postlude::sql {

// Copies the database to PATH.before-schema-TO-TIME and returns that path. Never overwrites a copy. An error:
// there is no copy, and why.
Result<std::string> copy_before(sql::Connection& db, const std::string& path, std::size_t from,
                                std::size_t to);

}  // namespace postlude::sql
