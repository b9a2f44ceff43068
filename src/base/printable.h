#pragma once
// Printable: which characters may reach a terminal or a log as they are, and how the others are shown.

#include <string>
#include <string_view>

namespace postlude {

struct Character {
  char32_t code = 0;
  std::size_t size = 1;  // bytes
  bool valid = false;    // false: these bytes are no UTF-8, `code` is U+FFFD
};
Character character_at(std::string_view text, std::size_t at);  // at < text.size()

// Controls (C0, DEL, C1), what turns the direction of text or hides in it, and line separators: a terminal
// would obey them, or show another text than there is.
bool is_control(char32_t code);

// `text` as a JSON string whose controls are \uXXXX. At most about `bytes_max` of it; what is cut is marked.
std::string quoted_printable(std::string_view text, std::size_t bytes_max);

}  // namespace postlude
