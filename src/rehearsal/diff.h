#pragma once
// Diff: compares two texts line by line, as `diff -u` does.

#include <string>
#include <string_view>

namespace postlude::rehearsal {

// "" if they are equal; else hunks with three lines of context, - from the first, + from the second text.
std::string unified_diff(std::string_view first, std::string_view second);

}  // namespace postlude::rehearsal
