#pragma once
// Natives: functions for expressions that jq lacks, written in C++: semver, time, in_zone, in_window,
// duration, markdown_html. They run in the child, within its limits. lang's prelude calls them.

#include <string_view>

#include "base/json.h"

namespace postlude::evaluator {

// `name` is the prelude's name of the function; kInvalid tells the user what is wrong with the argument.
Result<json::value> call_native(std::string_view name, const json::array& given);

}  // namespace postlude::evaluator
