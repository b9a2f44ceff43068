#pragma once
// Spelled: finds a text in all spellings in which systems repeat it: unchanged; percent-encoded in part or
// whole, once or twice, also as %uXXXX; escaped for JSON, HTML, C or quoted-printable, also JSON within JSON;
// with + for blanks; broken into lines.

#include <cstddef>
#include <string>
#include <string_view>

namespace postlude {

struct Spelling {
  bool any_case = false;
  bool wrapped = false;  // may be broken into lines anywhere, as base64 in mails is
};

// If an ellipsis marks that the text was cut, a beginning of `wanted` with at least six bytes is enough.
//
// Returns the end of `wanted` in the text if a spelling of it begins at `at`; npos: none. `decided`: after
// this many bytes of `wanted` the answer was certain, so every other text with the same first bytes is not
// there either. The cost grows with the length of the spelling only.
std::size_t spelled_at(std::string_view text, std::size_t at, std::string_view wanted, Spelling spelling,
                       std::size_t& decided);

// Whether an escape may begin with this character.
constexpr bool begins_escape(char c) {
  return c == '%' || c == '&' || c == '\\' || c == '=';
}

// Behind a place where no spelling begins, and behind those after it where then none does either: a run of
// backslashes says the same wherever one begins to read it, so it is read once.
constexpr std::size_t next_begin(std::string_view text, std::size_t at) {
  if (text[at] != '\\') return at + 1;
  const std::size_t next = text.find_first_not_of('\\', at);
  return next == std::string_view::npos ? text.size() : next;
}

// The bytes that spellings at this place may begin with.
std::string first_bytes_at(std::string_view text, std::size_t at);

}  // namespace postlude
