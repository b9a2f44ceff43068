#pragma once
// Columns: rows read and written by the names of their columns. A name that is not in the list does not
// compile.

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/sql.h"

namespace postlude::sql {

// The columns of a SELECT, in order: `kRun("state")` is the index of its column, worked out by the compiler.
template <std::size_t N>
class Columns {
 public:
  consteval explicit Columns(const char* const (&names)[N]) {
    for (std::size_t i = 0; i < N; ++i)
      names_[i] = names[i];
  }
  consteval int operator()(std::string_view name) const {
    for (std::size_t i = 0; i < N; ++i) {
      if (names_[i] == name) return static_cast<int>(i);
    }
    return no_such_column();
  }
  static constexpr int size() { return static_cast<int>(N); }

  // "r.id, r.state, '{}'": with the table's alias, and another expression in the place of some.
  using Instead = std::vector<std::pair<std::string_view, std::string_view>>;
  std::string list(std::string_view alias = "", const Instead& instead = {}) const {
    std::string out;
    for (const std::string_view name : names_) {
      if (!out.empty()) out += ", ";
      std::string_view expression;
      for (const auto& [of, other] : instead) {
        if (of == name) expression = other;
      }
      if (expression.empty() && !alias.empty()) (out += alias) += '.';
      out += expression.empty() ? name : expression;
    }
    return out;
  }

 private:
  static int no_such_column();  // has no body: a call of it is no constant
  std::array<std::string_view, N> names_;
};

// What is written, by name. The text of a statement is made once; the names of one call never change:
//
//   const Fields row{{"id", id}, {"state", state}};
//   static const std::string kSql = insert_into("runs", row);
//   return run(db, kSql, row);
struct Field {
  std::string_view name;
  Value value;
};
using Fields = std::initializer_list<Field>;
std::string insert_into(std::string_view table,
                        Fields row);                     // "INSERT INTO runs (id, state) VALUES ($1, $2)"
std::string update(std::string_view table, Fields row);  // "UPDATE runs SET state = $2 WHERE id = $1"
Status run(Connection& db, std::string_view text, Fields row);

}  // namespace postlude::sql
