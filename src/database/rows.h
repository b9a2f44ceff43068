#pragma once
// Rows: what a statement returned, as JSON text, within bounds. Only for this folder.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postlude::database {

class Rows {
 public:
  Rows(std::size_t rows_max, std::size_t bytes_max) : rows_max_(rows_max), bytes_max_(bytes_max) {}

  // kInvalid: two columns have one name.
  Status columns(std::vector<std::string> names);
  // Before each row; false: no more are wanted.
  bool begin();
  // For each column in its order.
  void null();
  void boolean(bool value);
  void number(std::string_view text);  // text where a number could not hold all of its digits
  void text(std::string_view value);   // what is not UTF-8 becomes \x and hexadecimal digits
  void json(std::string_view value);
  // kInvalid: the rows are larger than they may be.
  Status end();

  std::int64_t count() const { return count_; }
  bool more() const { return more_; }
  std::string take() { return "[" + std::move(out_) + "]"; }

 private:
  void member(std::string_view value);

  std::size_t rows_max_, bytes_max_;
  std::vector<std::string> names_;  // as JSON
  std::size_t at_ = 0;
  std::string out_;
  std::int64_t count_ = 0;
  bool more_ = false;
};

}  // namespace postlude::database
