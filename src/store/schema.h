#pragma once
// schema: the tables, as numbered steps that only go forward. Private to store/.

#include "store/sql.h"

namespace postlude::store {

// Brings the database to this build's schema, in one transaction. kCorrupt: it was written by a newer build.
Status migrate(sql::Connection& db);

// Which schema the database has (0: none), and which one migrate() gives it.
struct Schemas {
  std::size_t stored = 0;
  std::size_t known = 0;
};
Result<Schemas> schemas(sql::Connection& db);

}  // namespace postlude::store
