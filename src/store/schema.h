#pragma once
// schema: the tables, as numbered steps that only go forward. Private to store/.

#include "store/sql.h"

namespace postlude::store {

// Brings the database to this build's schema, in one transaction. kCorrupt: it was written by a newer build.
Status migrate(sql::Connection& db);

}  // namespace postlude::store
