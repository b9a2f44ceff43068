#pragma once
// Yaml text: writes JSON values as YAML that any YAML reader reads back as the same values.

#include <string>

#include "base/json.h"

namespace postlude::rehearsal {

// Block style, indented by `indent` spaces, with a final line break. An empty value, or one that is neither
// map nor list, is one line.
std::string yaml_text(const json::value& value, std::size_t indent = 0);

// Sorts members by name at every level and writes equal numbers in one way: texts are equal if the values
// are.
json::value canonical(const json::value& value);

}  // namespace postlude::rehearsal
