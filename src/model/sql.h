#pragma once
// Sql: what is asked of a database, and what comes back, as values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postlude {

// One statement. Its parameters are bound, never part of its text.
struct SqlAsk {
  bool execute = false;  // in a transaction that is committed; else in one that can only read
  std::string url;       // without credentials
  std::string statement;
  std::string params = "[]";  // a JSON list
  std::size_t rows_max = 100;
  std::string user, password;  // the credentials, once they were added
};

// What the database itself objected to; nothing was committed.
struct SqlError {
  std::string code;  // PostgreSQL: SQLSTATE; MySQL, MariaDB: the error's number; SQLite: its name
  std::string message;
};

struct SqlReply {
  std::string rows = "[]";  // a JSON list of objects
  std::int64_t count = 0;   // of rows that were returned, else changed
  bool more = false;        // there were more rows than were asked for
  std::optional<SqlError> error;
};

enum class SqlDialect : std::uint8_t { kPostgresql = 1, kMysql, kSqlite };

// The parts of a database's URL, decoded.
struct SqlPlace {
  SqlDialect dialect = SqlDialect::kPostgresql;
  std::string user;  // "": none is written
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 0;
  std::string database;  // SQLite: the file's path
};
// postgres://[user@]host[:port]/database, mysql://…, sqlite:///path. kInvalid says what is wrong, and quotes
// no password.
Result<SqlPlace> parse_sql_url(std::string_view url);

}  // namespace postlude
