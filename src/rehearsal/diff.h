#pragma once
// Diff: two texts, line by line, as `diff -u` shows them.

#include <string>
#include <string_view>

namespace postlude::rehearsal {

// "" where they are equal; else hunks with three lines around each change, - of the first, + of the second.
std::string unified_diff(std::string_view first, std::string_view second);

}  // namespace postlude::rehearsal
