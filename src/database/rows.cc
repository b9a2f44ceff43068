#include "database/rows.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/text.h"

namespace postlude::database {
namespace {

constexpr std::string_view kExact = "9007199254740992";  // 2^53: above it, not all whole numbers are numbers
constexpr std::size_t kDigitsMax = 15;

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// Whether a JSON number of this text has all of its digits.
bool exact(std::string_view text) {
  const Result<json::value> value = parse_json(text);
  if (!value || !value->is_number()) return false;
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (std::all_of(digits.begin(), digits.end(), digit))
    return digits.size() < kExact.size() || (digits.size() == kExact.size() && digits <= kExact);
  if (digits.find_first_of("eE") != std::string_view::npos) return true;  // of a floating-point column
  const auto count = std::count_if(digits.begin(), digits.end(), digit);
  return static_cast<std::size_t>(count) <= kDigitsMax;
}

}  // namespace

Status Rows::columns(std::vector<std::string> names) {
  std::set<std::string> seen;
  names_.clear();
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      return Error(Code::kInvalid, "two columns of the answer are called " + name + ": name one with AS");
    }
    names_.push_back(to_text(json::value(valid_utf8(name) ? name : "?")));
  }
  return ok();
}

bool Rows::begin() {
  at_ = 0;
  more_ = more_ || static_cast<std::size_t>(count_) == rows_max_;
  if (more_) return false;
  out_ += count_ == 0 ? "{" : ",{";
  return true;
}

void Rows::member(std::string_view value) {
  if (at_ > 0) out_ += ',';
  out_ += names_[at_++];
  out_ += ':';
  out_ += value;
}

void Rows::null() {
  member("null");
}

void Rows::boolean(bool value) {
  member(value ? "true" : "false");
}

void Rows::number(std::string_view text) {
  if (exact(text)) {
    member(text);
  } else {
    this->text(text);
  }
}

void Rows::text(std::string_view value) {
  if (valid_utf8(value)) return member(to_text(json::value(value)));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex = "\\x";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 15U];
  }
  member(to_text(json::value(hex)));
}

void Rows::json(std::string_view value) {
  const Result<json::value> parsed = parse_json(value);
  if (parsed) {
    member(to_text(*parsed));
  } else {
    text(value);
  }
}

Status Rows::end() {
  out_ += '}';
  ++count_;
  if (out_.size() <= bytes_max_) return ok();
  return Error(Code::kInvalid, "the rows are larger than the target's `maxResponse`");
}

}  // namespace postlude::database
