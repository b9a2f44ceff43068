#pragma once
// Spelled: whether a text says something, in whatever spelling systems repeat it: as it is; percent-encoded
// in part or whole, once or twice, also as %uXXXX; as JSON, HTML, C, quoted-printable write it, also JSON
// within JSON; blanks as +; broken into lines.

#include <cstddef>
#include <string>
#include <string_view>

namespace postlude {

struct Spelling {
  bool any_case = false;
  bool wrapped = false;  // may be broken into lines anywhere, as base64 in mails is
};

// Where an ellipsis says that the text was cut, the beginning of `wanted` suffices, if it has six bytes or
// more.
//
// The end of `wanted` in the text, where a spelling of it begins at `at`; npos: none does. `decided`: so many
// of its bytes said so; whatever begins with the same ones is not there either. What it costs grows with the
// spelling's length only.
std::size_t spelled_at(std::string_view text, std::size_t at, std::string_view wanted, Spelling spelling,
                       std::size_t& decided);

// Whether a character can begin an escape.
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
