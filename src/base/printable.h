#pragma once
// Printable: which characters may reach a terminal or a log as they are, and how the others are shown.

#include <cstdint>
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

// Text as a terminal or a table may get it: controls as \u001b, bytes that are not UTF-8 as \x9b. Within a
// JSON string the former mean what they stood for.
enum class Lines : std::uint8_t {
  kKept = 1,  // newlines stay: text of several lines
  kBlank,     // a newline is a blank: a cell, a line
  kEscaped,   // a newline is \n: a log's field
};

std::string printable(std::string_view text, Lines lines);
// True where printable(text, kEscaped) is the text itself; allocates nothing.
bool is_printable(std::string_view text);

// Text as JSON and databases take it: U+FFFD stands for each NUL and each byte that is not UTF-8.
std::string in_utf8(std::string_view text);

// How many of the text's last bytes are the beginning of a character that is not whole yet: 0 to 3.
std::size_t unfinished(std::string_view text);

// Columns on a terminal: none for what combines with the character before, two for CJK and most emoji.
std::size_t columns_of(std::string_view printable_text);
// The text itself, or as much of it as fits with an … after it.
std::string cut_to(std::string_view printable_text, std::size_t columns);

}  // namespace postlude
