#pragma once
// Printable: decides which characters may reach a terminal or a log unchanged, and how to show the others.

#include <cstdint>
#include <string>
#include <string_view>

namespace postlude {

struct Character {
  char32_t code = 0;
  std::size_t size = 1;  // bytes
  bool valid = false;    // false: these bytes are not UTF-8, and `code` is U+FFFD
};
Character character_at(std::string_view text, std::size_t at);  // at < text.size()

// Controls (C0, DEL, C1), characters that change the direction of text or are invisible, and line separators:
// a terminal would obey them, or show a different text.
bool is_control(char32_t code);

// `text` as a JSON string with controls as \uXXXX. At most about `bytes_max` bytes; a cut is marked.
std::string quoted_printable(std::string_view text, std::size_t bytes_max);

// Makes text safe for a terminal or a table: controls become \u001b, bytes that are not UTF-8 become \x9b.
// Inside a JSON string, \u001b keeps its meaning.
enum class Lines : std::uint8_t {
  kKept = 1,  // keeps newlines: for text of several lines
  kBlank,     // a newline becomes a blank: for a cell or a line
  kEscaped,   // a newline becomes \n: for a field of the log
};

std::string printable(std::string_view text, Lines lines);
// Whether printable(text, kEscaped) would return the text unchanged; allocates nothing.
bool is_printable(std::string_view text);

// Makes text valid for JSON and databases: U+FFFD replaces each NUL and each byte that is not UTF-8.
std::string in_utf8(std::string_view text);

// Number of bytes at the end that begin a character which is not complete: 0 to 3.
std::size_t unfinished(std::string_view text);

// Number of terminal columns: 0 for combining characters, 2 for CJK and most emoji.
std::size_t columns_of(std::string_view printable_text);
// The text, or as much of it as fits with an … after it.
std::string cut_to(std::string_view printable_text, std::size_t columns);

}  // namespace postlude
