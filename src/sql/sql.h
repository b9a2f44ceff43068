#pragma once
// sql: the interface between the store and a database: statements, rows, transactions. For ledger/,
// store/ and the checks of simulations.
//
// The store's SQL is written once, in the subset that SQLite and PostgreSQL share: upsert, RETURNING, partial
// indexes. This header hides what differs: placeholders, types, error codes. Calls block; a connection is
// used by one thread at a time.
//
// Errors are sticky: failed() holds the first error until the transaction has ended, so a caller that ignored
// an error cannot commit half a command. A write connection ends the process on an I/O error or a damaged
// page, because the state of the database is unknown then.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace postlude::sql {
class CommitNote;
}

namespace postlude::sql {

// Bytes for a blob column. A view: does not own them.
struct Blob {
  std::string_view bytes;
};

// One parameter: integer, text, blob or null. A view: its source must outlive the call that takes it.
class Value {
 public:
  enum class Kind : std::uint8_t { kNull, kInteger, kText, kBlob };

  // NOLINTBEGIN(google-explicit-constructor): a list of parameters reads as the values themselves
  Value(std::nullptr_t) {}
  Value(std::int64_t v) : kind_(Kind::kInteger), integer_(v) {}
  Value(int v) : kind_(Kind::kInteger), integer_(v) {}
  Value(std::uint32_t v) : kind_(Kind::kInteger), integer_(v) {}
  Value(bool v) : kind_(Kind::kInteger), integer_(v ? 1 : 0) {}
  Value(Instant t) : kind_(Kind::kInteger), integer_(micros(t)) {}
  Value(std::string_view text) : kind_(Kind::kText), bytes_(text) {}
  Value(const std::string& text) : kind_(Kind::kText), bytes_(text) {}
  Value(const char* text) : kind_(Kind::kText), bytes_(text) {}
  Value(Blob blob) : kind_(Kind::kBlob), bytes_(blob.bytes) {}
  template <class T>
  Value(const std::optional<T>& v) {
    if (v) *this = Value(*v);
  }
  // NOLINTEND(google-explicit-constructor)

  Kind kind() const { return kind_; }
  std::int64_t integer() const { return integer_; }
  std::string_view bytes() const { return bytes_; }

 private:
  Kind kind_ = Kind::kNull;
  std::int64_t integer_ = 0;
  std::string_view bytes_;
};
using Values = std::initializer_list<Value>;

// One row of a result, valid during the visit. Columns count from 0; null reads as 0 or "".
class Row {
 public:
  virtual ~Row() = default;
  virtual bool null(int column) const = 0;
  virtual std::int64_t integer(int column) const = 0;
  virtual std::string_view bytes(int column) const = 0;  // valid until the next row
  virtual void spoil() const = 0;                        // the row is damaged: ends the query with kCorrupt

  std::string text(int column) const { return std::string(bytes(column)); }
  Instant time(int column) const { return instant(integer(column)); }
  std::optional<Instant> maybe_time(int column) const {
    return null(column) ? std::nullopt : std::optional<Instant>(time(column));
  }
  bool flag(int column) const { return integer(column) != 0; }
};

// A callback for each row. A reference to a callable, valid during one call.
class Visitor {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Visitor>)
      // NOLINTNEXTLINE(google-explicit-constructor,bugprone-forwarding-reference-overload): for lambdas
      Visitor(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, const Row& row) {
          (*static_cast<std::remove_reference_t<F>*>(object))(row);
        }) {}
  void operator()(const Row& row) const { call_(object_, row); }

 private:
  void* object_;
  void (*call_)(void*, const Row&);
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Runs a statement; calls `visit` for each row. Prepares each text once. Parameters are $1, $2, … in both
  // dialects. kOverloaded: the disk is full, or a read took longer than it may. kUnavailable: the database is
  // busy or gone. kCorrupt: a page is damaged (of a read-only connection; where it writes, that ends the
  // process). kInvalid: a row would be larger than it may be.
  virtual Status query(std::string_view sql, const Value* values, std::size_t count, Visitor visit) = 0;
  Status each(std::string_view sql, Values values, Visitor visit) {
    return query(sql, values.begin(), values.size(), visit);
  }
  Status each(std::string_view sql, const std::vector<Value>& values, Visitor visit) {
    return query(sql, values.data(), values.size(), visit);
  }
  Status run(std::string_view sql, Values values = {}) {
    return each(sql, values, [](const Row&) {});
  }

  virtual Status begin() = 0;       // starts a write transaction
  virtual Status begin_read() = 0;  // starts a read transaction, on a snapshot
  // kOverloaded: rolled back. kUnknown: the connection broke; it may have been committed.
  virtual Status commit() = 0;
  virtual void roll_back() = 0;
  virtual const std::optional<Error>& failed()
      const = 0;                            // the first error of this transaction; nullopt: none
  virtual std::size_t changed() const = 0;  // number of rows that the last statement changed

  // Call after a commit, outside of any transaction: periodic maintenance (checkpoints).
  virtual Status tidy() = 0;
  virtual std::int64_t bytes() const = 0;  // on disk

  // Call before any other statement. true: a database of ours; false: a new one; kCorrupt: somebody else's.
  virtual Result<bool> has_schema() = 0;
  // This dialect's words for @id, @int, @blob and @keyed in the schema.
  virtual std::string_view word(std::string_view name) const = 0;
  // From now on, an I/O error or a damaged page ends the process. Before, it is an Error, for whoever starts
  // us.
  virtual Status begin_service() = 0;
};

// For the test of the second dialect: is told of each statement that any connection of this process runs,
// with its parameters. Set before the first connection opens; called on the connection's thread.
using Watch = void (*)(std::string_view sql, const Value* values, std::size_t count);
void watch_statements(Watch watch);

struct OpenOptions {
  bool durable = true;
  bool read_only = false;
  std::int64_t bytes_max = 0;  // 0: as much as the disk holds
  bool existing = false;       // the file must exist; it is opened with the rights that it has
  CommitNote* note =
      nullptr;  // must outlive the connection, which numbers its commits and reports them to it
};
Result<std::unique_ptr<Connection>> open_sqlite(const std::string& path, OpenOptions options);

// For a connection to a file. copy_to_file() writes all that it sees into a new file, readable by its owner
// only; it does not sync. copy_back() copies the whole write-ahead log into the database.
Status copy_to_file(Connection& db, const std::string& path);
Status copy_back(Connection& db);
// Minimum size of the log in bytes, given what is not in the database file yet; 0: the log may be empty.
std::int64_t log_bytes_needed(Connection& db);

// The number of the last commit that the database holds; 0: no commit was numbered.
Result<std::int64_t> last_commit(Connection& db);

// An in-memory database with a single connection. `image` is its whole content; "": an empty database.
Result<std::unique_ptr<Connection>> open_in_memory(std::string_view image);
std::string image_of(const Connection& in_memory);

}  // namespace postlude::sql
