#include "connector/spelled.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/text.h"

namespace postlude::connector {

namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::size_t kRunMost = 64;  // backslashes, or repeated encodings, that are looked through

// What stands at a place: bytes (of one character), and how much text they take.
struct Spelled {
  std::string bytes;
  std::size_t size = 0;
};

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// So many hexadecimal digits at a place, or none.
std::optional<char32_t> hex_at(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return std::nullopt;
  char32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const auto digit = hex_digit(text[at + i]);
    if (!digit) return std::nullopt;
    value = value * 16 + *digit;
  }
  return value;
}

std::string utf8(char32_t code) {
  std::string out;
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12U));
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  }
  return out;
}

// %3D, and %253D: encoded twice or more.
Spelled percent_at(std::string_view text, std::size_t at) {
  std::size_t digits = at + 1;
  while (digits < at + kRunMost && text.substr(digits, 2) == "25" && hex_at(text, digits + 2, 2))
    digits += 2;
  const auto value = hex_at(text, digits, 2);
  return value ? Spelled{std::string(1, static_cast<char>(*value)), digits + 2 - at} : Spelled{};
}

// &amp; &#38; &#x26;, and &amp;amp;.
Spelled entity_at(std::string_view text, std::size_t at) {
  std::size_t begin = at + 1;
  while (text.substr(begin, 4) == "amp;" && text.substr(begin + 4, 9).find(';') != kNone &&
         text.substr(begin + 4, 1).find_first_of("#abglqs") == 0)
    begin += 4;
  const std::size_t end = text.substr(begin, 9).find(';');
  if (end == kNone) return {};
  const std::string_view name = text.substr(begin, end);
  const std::size_t size = begin + end + 1 - at;
  if (name.starts_with("#x") || name.starts_with("#X")) {
    const auto value = name.size() > 2 ? hex_at(name, 2, name.size() - 2) : std::nullopt;
    return value ? Spelled{utf8(*value), size} : Spelled{};
  }
  if (name.starts_with('#')) {
    char32_t value = 0;
    for (const char c : name.substr(1)) {
      if (c < '0' || c > '9') return {};
      value = value * 10 + static_cast<char32_t>(c - '0');
    }
    return {utf8(value), size};
  }
  constexpr std::array<std::pair<std::string_view, char>, 10> kNames{{{"amp", '&'},
                                                                      {"lt", '<'},
                                                                      {"gt", '>'},
                                                                      {"quot", '"'},
                                                                      {"apos", '\''},
                                                                      {"sol", '/'},
                                                                      {"plus", '+'},
                                                                      {"equals", '='},
                                                                      {"colon", ':'},
                                                                      {"commat", '@'}}};
  for (const auto& [known, c] : kNames) {
    if (name == known) return {std::string(1, c), size};
  }
  return {};
}

// Behind the run of backslashes that begins there: JSON within JSON doubles them.
std::size_t past_backslashes(std::string_view text, std::size_t at) {
  return std::min(text.substr(0, at + kRunMost).find_first_not_of('\\', at),
                  std::min(text.size(), at + kRunMost));
}

// \" \/ \n \u003d, with any number of backslashes: JSON within JSON doubles them.
Spelled backslash_at(std::string_view text, std::size_t at) {
  const std::size_t next = past_backslashes(text, at);
  if (next == text.size() || text[next] == '\\') return {"\\", next - at};
  const std::size_t size = next + 1 - at;
  const char c = text[next];
  if (c == 'u') {
    if (const auto value = hex_at(text, next + 1, 4)) return {utf8(*value), size + 4};
  }
  if (c == 'x') {
    if (const auto value = hex_at(text, next + 1, 2)) return {utf8(*value), size + 2};
  }
  constexpr std::array<std::pair<char, char>, 5> kShort{
      {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'b', '\b'}, {'f', '\f'}}};
  for (const auto& [letter, meant] : kShort) {
    if (c == letter) return {std::string(1, meant), size};
  }
  return {std::string(1, c), size};
}

Spelled escape_at(std::string_view text, std::size_t at) {
  switch (text[at]) {
    case '%':
      return percent_at(text, at);
    case '&':
      return entity_at(text, at);
    case '\\':
      return backslash_at(text, at);
    default:
      return {};
  }
}

bool same(char a, char b, bool any_case) {
  if (a == b || (a == '+' && b == ' ') || (a == ' ' && b == '+')) return true;
  return any_case && equal_ignoring_case({&a, 1}, {&b, 1});
}

// `escapes_first`: what can be read as an escape is one; else what is the very byte that is wanted is that.
std::size_t match(std::string_view text, std::size_t at, std::string_view wanted, bool any_case,
                  bool escapes_first, std::size_t& decided) {
  constexpr std::size_t kCharacter = 4;  // bytes that are looked at as one
  for (std::size_t i = 0; i < wanted.size();) {
    decided = std::max(decided, i + kCharacter);
    if (at >= text.size()) return kNone;
    if (wanted[i] == '\\' && text[at] == '\\' && !escapes_first) {
      i = std::min(wanted.find_first_not_of('\\', i), wanted.size());
      at = past_backslashes(text, at);
      continue;
    }
    const bool plain = same(text[at], wanted[i], any_case);
    if (plain && !escapes_first) {
      ++at, ++i;
      continue;
    }
    const Spelled spelled = escape_at(text, at);
    const std::string_view rest = wanted.substr(i, spelled.bytes.size());
    const bool meant = spelled.size > 0 && rest.size() == spelled.bytes.size() &&
                       std::equal(rest.begin(), rest.end(), spelled.bytes.begin(),
                                  [&](char a, char b) { return same(a, b, any_case); });
    if (meant) {
      at += spelled.size;
      i += spelled.bytes.size();
    } else if (plain) {
      ++at, ++i;
    } else {
      return kNone;
    }
  }
  return at;
}

}  // namespace

std::size_t spelled_at(std::string_view text, std::size_t at, std::string_view wanted, bool any_case,
                       std::size_t& decided) {
  decided = 0;
  const std::size_t plain = match(text, at, wanted, any_case, false, decided);
  // It makes a difference only where what is wanted has the signs that begin escapes.
  if (plain != kNone || wanted.find_first_of("%&\\") == kNone) return plain;
  return match(text, at, wanted, any_case, true, decided);
}

unsigned char first_byte_at(std::string_view text, std::size_t at) {
  const Spelled spelled = escape_at(text, at);
  return static_cast<unsigned char>(spelled.size > 0 && !spelled.bytes.empty() ? spelled.bytes.front()
                                                                               : text[at]);
}

}  // namespace postlude::connector
