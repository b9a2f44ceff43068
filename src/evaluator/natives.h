#pragma once
// Natives: the functions of expressions that jq has not and that are written here: semver, time, in_zone,
// in_window, duration, markdown_html. They run in the child, within its bounds. lang's prelude calls them.

#include <string_view>

#include "base/json.h"

namespace postlude::evaluator {

// `name` as the prelude has it; kInvalid tells the user what is wrong with what was given.
Result<json::value> call_native(std::string_view name, const json::array& given);

}  // namespace postlude::evaluator
