#pragma once
// Json numbers: handles numbers that JSON text can hold and a double cannot.

#include <string_view>

#include "base/json.h"

namespace postlude {

// `value` was parsed from `text`. Replaces each number beyond the range of a double, which the parser reads
// as infinity and which JSON cannot express, by the largest double, as jq does.
void bound_numbers(std::string_view text, json::value& value);

}  // namespace postlude
