#pragma once
// Quoted: a text as a JSON string. For those who write JSON without a tree.

#include <string>
#include <string_view>

namespace postlude {

std::string json_quoted(std::string_view text);

}  // namespace postlude
