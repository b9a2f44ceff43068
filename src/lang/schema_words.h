#pragma once
// Schema words: helpers of schema.cc that ask about a schema's keywords and about scalars, and that word its
// messages.

#include <string>
#include <string_view>
#include <vector>

#include "lang/node.h"

namespace postlude::lang {

std::string quoted(std::string_view text);                  // in single quotes, one line, not too long
std::string either(const std::vector<std::string>& words);  // a, b or c
std::string_view type_in_words(std::string_view type);      // "integer": a whole number
std::string_view format_in_words(std::string_view format);  // "" where the type says enough

bool flag(const json::value& schema, std::string_view keyword);
std::vector<std::string_view> types_of(const json::value& schema);  // empty: any
const json::array* alternatives_of(const json::value& schema);      // oneOf or anyOf, or nullptr
std::string_view first_required(const json::value& schema);         // "" if nothing is

// Of several maps the one whose first required key is there, and that knows the other keys if there is such a
// one. nullptr: none.
const json::value* choose_map(const Node& node, const std::vector<const json::value*>& maps);

bool has_expression(const Node& node);
bool equals(const Node& node, const json::value& wanted);
// Whether a scalar, as written, is of this JSON type. Every scalar is a string if a string is expected.
bool is_of_type(const Node& node, std::string_view type);
// The error in `text` as a duration, rate, size or glob, or "".
std::string check_format(std::string_view format, std::string_view text);

}  // namespace postlude::lang
