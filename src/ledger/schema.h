#pragma once
// schema: the tables, as numbered migrations that only go forward. For ledger/ and store/.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/sql.h"

namespace postlude::ledger {

// Migrates the database to this build's schema, in one transaction. kCorrupt: a newer build wrote it.
Status migrate(sql::Connection& db);

// The schema of the database (0: none), and the one that migrate() gives it.
struct Schemas {
  std::size_t stored = 0;
  std::size_t known = 0;
};
Result<Schemas> schemas(sql::Connection& db);

// The statements of the steps after `from`, in the dialect whose words these are (sql::Connection::word).
using Words = std::function<std::string_view(std::string_view name)>;
std::vector<std::string> schema_statements(std::size_t from, const Words& words);

}  // namespace postlude::ledger
