#include <sqlite3.h>

#include <memory>

#include "base/text.h"
#include "database/job.h"
#include "database/rows.h"

namespace postlude::database {
namespace {

constexpr int kProgressSteps = 10'000;  // virtual machine steps between two looks at the clock
constexpr int kBusyWaitMs = 20;
constexpr int kOwnFile = 0x506f7374;  // the store's application id (sql/sqlite.cc)

// The name of a result, as its documentation has it.
std::string name_of(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
      return "SQLITE_BUSY";
    case SQLITE_LOCKED:
      return "SQLITE_LOCKED";
    case SQLITE_NOMEM:
      return "SQLITE_NOMEM";
    case SQLITE_READONLY:
      return "SQLITE_READONLY";
    case SQLITE_INTERRUPT:
      return "SQLITE_INTERRUPT";
    case SQLITE_IOERR:
      return "SQLITE_IOERR";
    case SQLITE_CORRUPT:
      return "SQLITE_CORRUPT";
    case SQLITE_FULL:
      return "SQLITE_FULL";
    case SQLITE_CANTOPEN:
      return "SQLITE_CANTOPEN";
    case SQLITE_CONSTRAINT:
      return "SQLITE_CONSTRAINT";
    case SQLITE_MISMATCH:
      return "SQLITE_MISMATCH";
    case SQLITE_AUTH:
      return "SQLITE_AUTH";
    case SQLITE_RANGE:
      return "SQLITE_RANGE";
    case SQLITE_NOTADB:
      return "SQLITE_NOTADB";
    default:
      return "SQLITE_ERROR";
  }
}

using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

class Session {
 public:
  explicit Session(const Job& job) : job_(job), rows_(job.ask.rows_max, job.peer.response_bytes_max) {}
  ~Session() { sqlite3_close_v2(db_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<SqlReply> run() {
    if (open()) {
      // Which takes the lock now and not in the middle.
      if (command(job_.ask.execute ? "BEGIN IMMEDIATE" : "BEGIN")) TRY_DONE(statement());
    }
    if (reply_.error) return std::move(reply_);
    if (!job_.ask.execute) return std::move(reply_);
    if (!job_.may_go_on()) return Error(Code::kUnavailable, "it was not to be committed any more");
    if (!command("COMMIT") && reply_.error->code == "SQLITE_IOERR")
      return Error(Code::kUnknown, "the commit: " + reply_.error->message);
    return std::move(reply_);
  }

 private:
  // What SQLite says, where it said that something is wrong.
  bool well(int result) {
    if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW) return true;
    std::string message = db_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(db_);
    if ((result & 0xff) == SQLITE_INTERRUPT) message = job_.ended();
    reply_.error = SqlError{name_of(result), std::move(message)};
    return false;
  }

  bool open() {
    const int flags = SQLITE_OPEN_NOMUTEX | (job_.ask.execute ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    if (!well(sqlite3_open_v2(job_.place.database.c_str(), &db_, flags, nullptr))) return false;
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_limit(db_, SQLITE_LIMIT_ATTACHED, 0);  // one file, the one that is named
    sqlite3_busy_handler(
        db_,
        [](void* job, int /*times*/) {
          if (static_cast<const Job*>(job)->over()) return 0;
          sqlite3_sleep(kBusyWaitMs);
          return 1;
        },
        const_cast<Job*>(&job_));
    sqlite3_progress_handler(
        db_, kProgressSteps, [](void* job) { return static_cast<const Job*>(job)->over() ? 1 : 0; },
        const_cast<Job*>(&job_));
    if (!job_.ask.execute) return command("PRAGMA query_only = on");
    return !own_store();
  }

  // Whoever writes there breaks what an acknowledged call is worth.
  bool own_store() {
    int id = 0;
    sqlite3_exec(
        db_, "PRAGMA application_id",
        [](void* into, int, char** values, char**) {
          *static_cast<int*>(into) = values[0] == nullptr ? 0 : std::atoi(values[0]);
          return 0;
        },
        &id, nullptr);
    if (id == kOwnFile) reply_.error = SqlError{"SQLITE_READONLY", "this file is Postlude's own store"};
    return reply_.error.has_value();
  }

  bool command(const char* text) { return well(sqlite3_exec(db_, text, nullptr, nullptr, nullptr)); }

  Status statement() {
    const std::string& text = job_.ask.statement;
    sqlite3_stmt* prepared = nullptr;
    const char* rest = nullptr;
    if (!well(sqlite3_prepare_v2(db_, text.c_str(), static_cast<int>(text.size()) + 1, &prepared, &rest)))
      return ok();
    const Statement owned(prepared, &sqlite3_finalize);
    if (prepared == nullptr) return Error(Code::kInvalid, "the statement is empty");
    sqlite3_stmt* second = nullptr;
    const bool one = rest == nullptr || sqlite3_prepare_v2(db_, rest, -1, &second, nullptr) != SQLITE_OK
                         ? rest == nullptr
                         : second == nullptr;
    sqlite3_finalize(second);
    if (!one) return Error(Code::kInvalid, "a step has one statement");
    const auto wanted = static_cast<std::size_t>(sqlite3_bind_parameter_count(prepared));
    if (wanted != job_.params.size()) {
      return Error(Code::kInvalid, "the statement binds " + std::to_string(wanted) +
                                       " parameters, and `params` has " + std::to_string(job_.params.size()));
    }
    for (std::size_t i = 0; i < job_.params.size(); ++i) {
      if (!well(bind(prepared, static_cast<int>(i) + 1, job_.params[i]))) return ok();
    }
    if (!job_.may_go_on()) return Error(Code::kUnavailable, "it was not to be sent any more");
    return step(prepared);
  }

  static int bind(sqlite3_stmt* statement, int at, const json::value& value) {
    if (value.is_null()) return sqlite3_bind_null(statement, at);
    if (value.is_bool()) return sqlite3_bind_int(statement, at, value.get_bool() ? 1 : 0);
    if (value.is_int64()) return sqlite3_bind_int64(statement, at, value.get_int64());
    if (value.is_double()) return sqlite3_bind_double(statement, at, value.get_double());
    const std::string text = value.is_string() ? std::string(view(value.get_string())) : to_text(value);
    return sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }

  Status step(sqlite3_stmt* statement) {
    const int columns = sqlite3_column_count(statement);
    std::vector<std::string> names;
    for (int i = 0; i < columns; ++i)
      names.emplace_back(sqlite3_column_name(statement, i));
    TRY_DONE(rows_.columns(std::move(names)));
    const std::int64_t before = sqlite3_total_changes64(db_);
    std::int64_t all = 0;
    int result = sqlite3_step(statement);
    for (; result == SQLITE_ROW; result = sqlite3_step(statement)) {
      ++all;
      if (rows_.begin()) {
        for (int i = 0; i < columns; ++i)
          add_value(statement, i);
        TRY_DONE(rows_.end());
      } else if (!job_.ask.execute) {
        break;  // the rest is not read
      }
    }
    if (!well(result)) return ok();
    reply_.count = columns == 0       ? sqlite3_total_changes64(db_) - before
                   : job_.ask.execute ? all
                                      : rows_.count();
    reply_.more = rows_.more();
    reply_.rows = rows_.take();
    return ok();
  }

  void add_value(sqlite3_stmt* statement, int column) {
    const char* declared = sqlite3_column_decltype(statement, column);
    const std::string type = lower(declared == nullptr ? "" : declared);
    const auto bytes = [&] {
      const void* data = sqlite3_column_blob(statement, column);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return std::string_view(static_cast<const char*>(data), data == nullptr ? 0 : size);
    };
    switch (sqlite3_column_type(statement, column)) {
      case SQLITE_NULL:
        return rows_.null();
      case SQLITE_INTEGER: {
        const std::int64_t value = sqlite3_column_int64(statement, column);
        if (type.starts_with("bool") && (value == 0 || value == 1)) return rows_.boolean(value == 1);
        return rows_.number(std::to_string(value));
      }
      case SQLITE_FLOAT:
        return rows_.json(to_text(json::value(sqlite3_column_double(statement, column))));
      default:
        return type.starts_with("json") ? rows_.json(bytes()) : rows_.text(bytes());
    }
  }

  const Job& job_;
  sqlite3* db_ = nullptr;
  Rows rows_;
  SqlReply reply_;
};

}  // namespace

Result<SqlReply> run_sqlite(const Job& job) {
  return Session(job).run();
}

}  // namespace postlude::database
