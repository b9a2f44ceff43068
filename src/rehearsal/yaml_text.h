#pragma once
// Yaml text: JSON values as YAML that this program, and everybody else, reads back as the same values.

#include <string>

#include "base/json.h"

namespace postlude::rehearsal {

// Block style, `indent` spaces deep, a line break at the end; what is empty, or no map and no list, is one
// line.
std::string yaml_text(const json::value& value, std::size_t indent = 0);

// Members by name at every level, and numbers of one value written in one way: equal texts are equal values.
json::value canonical(const json::value& value);

}  // namespace postlude::rehearsal
