#pragma once
// copy_before: the way back. A database that gets another schema cannot be used by the version before.

#include <string>

#include "store/sql.h"

namespace postlude::store {

// Copies the database to PATH.before-schema-TO-TIME: a copy is never overwritten. Which one it is; or why
// there is none.
Result<std::string> copy_before(sql::Connection& db, const std::string& path, std::size_t from,
                                std::size_t to);

}  // namespace postlude::store
