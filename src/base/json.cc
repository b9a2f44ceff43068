#include "base/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/json_numbers.h"
#include "base/quoted.h"
#include "base/text.h"

namespace postlude {

namespace {

bool is_digit(char c) {
  return static_cast<unsigned char>(c - '0') < 10;
}

// Whether it is worth looking at the numbers: only an exponent, or more than 300 digits, make one too large.
// Most texts have neither, and are read once more here at the speed of memory.
bool may_hold_too_large(std::string_view text) {
  constexpr std::size_t kStride = 128;  // of 300 digits in a row it meets two in a row
  for (std::size_t i = kStride; i < text.size(); i += kStride) {
    if (is_digit(text[i]) && is_digit(text[i - kStride])) return true;
  }
  unsigned found = 0;
  for (std::size_t i = 1; i < text.size(); ++i)  // without a branch: the compiler takes many at a time
    found |= static_cast<unsigned>(is_digit(text[i - 1])) & static_cast<unsigned>((text[i] | 0x20) == 'e');
  return found != 0;
}

void bound(json::value& value) {
  if (json::object* object = value.if_object()) {
    for (auto& member : *object)
      bound(member.value());
  } else if (json::array* array = value.if_array()) {
    for (json::value& item : *array)
      bound(item);
  } else if (double* number = value.if_double(); number != nullptr && std::isinf(*number)) {
    *number = std::copysign(std::numeric_limits<double>::max(), *number);
  }
}

}  // namespace

void bound_numbers(std::string_view text, json::value& value) {
  if (may_hold_too_large(text)) bound(value);
}

Result<json::value> parse_json(std::string_view text, json::storage_ptr room) {
  boost::system::error_code ec;
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  options.allow_invalid_utf8 = false;
  std::array<unsigned char, 4096> scratch;  // the parser's own stack: most documents need no other
  json::parser parser({}, options, scratch.data(), scratch.size());
  parser.reset(std::move(room));
  const std::size_t used = parser.write_some({text.data(), text.size()}, ec);
  if (!ec) {
    const std::size_t rest = text.find_first_not_of(" \t\r\n", used);
    if (rest != std::string_view::npos) {
      return Error(Code::kInvalid, "not JSON: something follows the value at byte " + std::to_string(rest));
    }
    json::value value = parser.release();
    bound_numbers(text, value);
    return value;
  }
  if (ec == boost::json::error::too_deep) {
    return Error(Code::kInvalid, "JSON nested deeper than " + std::to_string(kJsonDepthMax) + " levels");
  }
  if (!valid_utf8(text)) return Error(Code::kInvalid, "not UTF-8");
  if (text.starts_with("\xef\xbb\xbf")) {
    return Error(Code::kInvalid, "not JSON: it begins with a byte order mark; send it without one");
  }
  return Error(Code::kInvalid, "not JSON: " + ec.message() + " at byte " + std::to_string(used));
}

namespace {

bool has_fraction(const json::value& value) {
  if (const auto* object = value.if_object()) {
    return std::any_of(object->begin(), object->end(),
                       [](const auto& member) { return has_fraction(member.value()); });
  }
  if (const auto* array = value.if_array()) return std::any_of(array->begin(), array->end(), has_fraction);
  return value.is_double();
}

// 1140.5, as people and jq write it: Boost has 1.1405E3, which is JSON, and no text for a query or a form.
std::string scalar(const json::value& value) {
  if (!value.is_double() || !std::isfinite(value.get_double())) return json::serialize(value);
  std::array<char, 32> digits{};
  const auto done = std::to_chars(digits.data(), digits.data() + digits.size(), value.get_double());
  return {digits.data(), done.ptr};
}

void compact(std::string& out, const json::value& value) {
  if (const auto* object = value.if_object()) {
    char before = '{';
    for (const auto& member : *object) {
      out += before;
      out += json_quoted({member.key().data(), member.key().size()});
      out += ':';
      compact(out, member.value());
      before = ',';
    }
    out += object->empty() ? "{}" : "}";
  } else if (const auto* array = value.if_array()) {
    char before = '[';
    for (const json::value& item : *array) {
      out += before;
      compact(out, item);
      before = ',';
    }
    out += array->empty() ? "[]" : "]";
  } else {
    out += scalar(value);
  }
}

}  // namespace

std::string json_quoted(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  if (!plain) return json::serialize(json::string(text));
  std::string out;
  out.reserve(text.size() + 2);
  return out.append(1, '"').append(text).append(1, '"');
}

std::string to_text(const json::value& value) {
  if (!has_fraction(value)) return json::serialize(value);  // much faster
  std::string out;
  compact(out, value);
  return out;
}

namespace {

void pretty(std::string& out, const json::value& value, std::size_t indent) {
  if (const auto* object = value.if_object()) {
    if (object->empty()) {
      out += "{}";
      return;
    }
    out += "{\n";
    bool first = true;
    for (const auto& member : *object) {
      if (!first) out += ",\n";
      first = false;
      out.append(indent + 2, ' ');
      out += json_quoted({member.key().data(), member.key().size()});
      out += ": ";
      pretty(out, member.value(), indent + 2);
    }
    out += "\n";
    out.append(indent, ' ');
    out += "}";
  } else if (const auto* array = value.if_array()) {
    if (array->empty()) {
      out += "[]";
      return;
    }
    out += "[\n";
    bool first = true;
    for (const auto& item : *array) {
      if (!first) out += ",\n";
      first = false;
      out.append(indent + 2, ' ');
      pretty(out, item, indent + 2);
    }
    out += "\n";
    out.append(indent, ' ');
    out += "]";
  } else {
    out += scalar(value);
  }
}

}  // namespace

std::string to_pretty(const json::value& value) {
  std::string out;
  pretty(out, value, 0);
  return out;
}

const json::value* find(const json::value& object, std::string_view key) {
  const auto* o = object.if_object();
  return o == nullptr ? nullptr : o->if_contains({key.data(), key.size()});
}

std::string_view find_text(const json::value& object, std::string_view key) {
  const json::value* v = find(object, key);
  return v != nullptr && v->is_string() ? view(v->get_string()) : std::string_view();
}

}  // namespace postlude
