#pragma once
// Json: the little that this program adds to Boost.JSON.
//
// Stored and sent JSON is text (std::string); the tree is used where somebody looks inside.

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postlude {

namespace json = boost::json;

constexpr std::size_t kJsonDepthMax = 64;  // contract 2: deeper is a 400

// Strict JSON (RFC 8259), valid UTF-8, at most kJsonDepthMax levels, nothing after the value. A repeated key
// is the last one's value. kInvalid tells what is wrong and at which byte. `room`: where the tree is to live;
// a value that is moved within its room is not copied.
Result<json::value> parse_json(std::string_view text, json::storage_ptr room = {});

std::string to_text(const json::value& value);    // compact
std::string to_pretty(const json::value& value);  // two spaces, for people

// The member's value or nullptr; also when `object` is no object.
const json::value* find(const json::value& object, std::string_view key);
// The member as text; "" when it is missing or no string.
std::string_view find_text(const json::value& object, std::string_view key);

inline std::string_view view(const json::string& s) {
  return {s.data(), s.size()};
}

}  // namespace postlude
