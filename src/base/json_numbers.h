#pragma once
// Json numbers: what JSON text can write and a double cannot hold.

#include <string_view>

#include "base/json.h"

namespace postlude {

// `value` was parsed from `text`: a number beyond a double's range, which the parser takes as infinite and
// which could not be written as JSON again, becomes the largest double, as jq has it.
void bound_numbers(std::string_view text, json::value& value);

}  // namespace postlude
