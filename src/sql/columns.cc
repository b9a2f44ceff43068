#include "sql/columns.h"

namespace postlude::sql {

std::string insert_into(std::string_view table, Fields row) {
  std::string names, places;
  std::size_t place = 0;
  for (const Field& field : row) {
    names += (names.empty() ? "" : ", ") + std::string(field.name);
    places += (places.empty() ? "$" : ", $") + std::to_string(++place);
  }
  return "INSERT INTO " + std::string(table) + " (" + names + ") VALUES (" + places + ")";
}

std::string update(std::string_view table, Fields row) {
  std::string sets, key;
  std::size_t place = 0;
  for (const Field& field : row) {
    const std::string set = std::string(field.name) + " = $" + std::to_string(++place);
    if (place == 1) {
      key = set;
    } else {
      sets += (sets.empty() ? "" : ", ") + set;
    }
  }
  return "UPDATE " + std::string(table) + " SET " + sets + " WHERE " + key;
}

Status run(Connection& db, std::string_view text, Fields row) {
  std::vector<Value> values;
  values.reserve(row.size());
  for (const Field& field : row)
    values.push_back(field.value);
  return db.each(text, values, [](const Row&) {});
}

}  // namespace postlude::sql
