#pragma once
// Json: this program's additions to Boost.JSON.
//
// JSON is stored and sent as text (std::string); the tree is used where code reads members.

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postlude {

namespace json = boost::json;

constexpr std::size_t kJsonDepthMax = 64;  // contract 2: deeper is a 400

// Parses strict JSON (RFC 8259): valid UTF-8, at most kJsonDepthMax levels, nothing after the value. Of a
// repeated key the last value counts. kInvalid says what is wrong and at which byte. `room`: the storage of
// the tree; moving a value within its storage copies nothing.
Result<json::value> parse_json(std::string_view text, json::storage_ptr room = {});

std::string to_text(const json::value& value);    // compact
std::string to_pretty(const json::value& value);  // two spaces, for people

// The member's value, or nullptr; nullptr also if `object` is not an object.
const json::value* find(const json::value& object, std::string_view key);
// The member's text; "" if it is missing or not a string.
std::string_view find_text(const json::value& object, std::string_view key);

inline std::string_view view(const json::string& s) {
  return {s.data(), s.size()};
}

}  // namespace postlude
