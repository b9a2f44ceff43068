#pragma once
// sql: the seam between the store and a database, at the level of the statement. Private to store/, and to
// the checks of simulations.
//
// The store's SQL is written once, in what SQLite and PostgreSQL share: upsert, RETURNING, partial indexes.
// What differs - placeholders, types, codes - is settled behind this header. Blocking; one thread at a time.
//
// An error of the database is sticky: failed() stays true until the transaction has ended, so that a caller
// that swallowed one cannot commit half of a command. What a database must not do to us - an I/O error, a
// damaged page - ends the process instead, because after it nothing is known.

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

namespace postlude::store {
class CommitNote;
}

namespace postlude::store::sql {

// Bytes, where text would be the wrong type. A view.
struct Blob {
  std::string_view bytes;
};

// One parameter: integer, text, blob or null. A view: what it was made of outlives the call it is given to.
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

// One row of an answer, while it is being read. Columns count from 0; null reads as 0 or "".
class Row {
 public:
  virtual ~Row() = default;
  virtual bool null(int column) const = 0;
  virtual std::int64_t integer(int column) const = 0;
  virtual std::string_view bytes(int column) const = 0;  // until the next row
  virtual void spoil()
      const = 0;  // it holds what was never written: the query ends as one over a damaged page

  std::string text(int column) const { return std::string(bytes(column)); }
  Instant time(int column) const { return instant(integer(column)); }
  std::optional<Instant> maybe_time(int column) const {
    return null(column) ? std::nullopt : std::optional<Instant>(time(column));
  }
  bool flag(int column) const { return integer(column) != 0; }
};

// What to do with each row: a reference to something callable, for the time of one call.
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

  // Prepared once per text and kept. Parameters are $1, $2, … in both dialects.
  // kOverloaded: the disk is full, or a read took longer than it may. kUnavailable: the database is busy or
  // gone. kCorrupt: a page is damaged (of a read-only connection; where it writes, that ends the process).
  // kInvalid: a row would be larger than it may be.
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

  virtual Status begin() = 0;       // of a transaction that will write
  virtual Status begin_read() = 0;  // of one that sees a single state of the database
  // kOverloaded: it was rolled back. kUnknown: the connection broke, it may have been committed.
  virtual Status commit() = 0;
  virtual void roll_back() = 0;
  virtual const std::optional<Error>& failed()
      const = 0;                            // what a statement of this transaction met, if any did
  virtual std::size_t changed() const = 0;  // rows that the last statement changed

  // After a commit, outside of any transaction: what the database wants to have done now and then.
  virtual Status tidy() = 0;
  virtual std::int64_t bytes() const = 0;  // on disk

  // Before the first statement of a store: is this ours, new (0), or somebody else's (kCorrupt)?
  virtual Result<bool> has_schema() = 0;
  // The words of this dialect for the schema's @id, @int, @blob and @keyed.
  virtual std::string_view word(std::string_view name) const = 0;
  // From now on what cannot happen ends the process; until then it is an Error for the person who starts us.
  virtual Status begin_service() = 0;
};

struct OpenOptions {
  bool durable = true;
  bool read_only = false;
  std::int64_t bytes_max = 0;  // 0: as much as the disk holds
  bool existing = false;       // by its file's own rights to be read; none is made
  CommitNote* note = nullptr;  // outlives the connection; it is told of each commit
};
Result<std::unique_ptr<Connection>> open_sqlite(const std::string& path, OpenOptions options);

// Of a connection to a file. All that it sees, into a new file that only its owner may read; not synced. Or
// the whole log into the database.
Status copy_to_file(Connection& db, const std::string& path);
Status copy_back(Connection& db);
// How many bytes the log must have at least, since they are not all in the database yet; 0: it may be empty.
std::int64_t log_bytes_needed(Connection& db);

// A database of one connection alone, in memory. Its image is the whole of it; "" begins with an empty one.
Result<std::unique_ptr<Connection>> open_in_memory(std::string_view image);
std::string image_of(const Connection& in_memory);

}  // namespace postlude::store::sql
