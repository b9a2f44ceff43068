#pragma once
// Text: string functions that several folders use.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postlude {

// Glob: `*` matches any characters, `?` one, `[a-z]` or `[!a]` a class, `\` makes the next character literal.
// Matches the whole text, by characters: `?` also matches a character of several bytes.
bool glob_match(std::string_view pattern, std::string_view text);

bool valid_utf8(std::string_view bytes);
// Whether the byte belongs to a UTF-8 character but is not its first.
bool within_character(char byte);
// The longest beginning of at most `bytes_max` bytes that does not split a character.
std::string_view whole_characters(std::string_view text, std::size_t bytes_max);
// The text; or, if it is longer, whole_characters() of it and then `mark`, which is not counted.
std::string shortened(std::string_view text, std::size_t bytes_max, std::string_view mark = "…");
// At most `bytes_max` bytes, without splitting a character; "…" marks a cut and is counted.
std::string cut(std::string text, std::size_t bytes_max);
bool equal_ignoring_case(std::string_view a, std::string_view b);  // ASCII
std::string lower(std::string_view text);                          // ASCII
std::string_view trim(std::string_view text);                      // spaces and tabs
std::vector<std::string_view> split(std::string_view text, char at);
std::string join(std::span<const std::string> parts, std::string_view between);

// Decodes %XX; `+` stays. nullopt: a broken escape.
std::optional<std::string> percent_decode(std::string_view text);
std::string percent_encode(std::string_view text);  // keeps only RFC 3986's unreserved characters

// A URL without what may be secret in it, user information and query: https://***@host/path?***. Of what is
// no whole URL, more may be hidden.
std::string shown_url(std::string_view url);

// The candidate that is nearest to `word` if it is near enough to be a slip of the hand; "" otherwise.
std::string nearest(std::string_view word, std::span<const std::string> candidates);
// "; did you mean 'x'?", or the list of candidates: "; there is a, b"; without candidates "; " and `none`.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates,
                         std::string_view none = "");

}  // namespace postlude
