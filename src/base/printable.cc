#include "base/printable.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/hash.h"
#include "base/text.h"

namespace postlude {

namespace {

constexpr Character kBroken{U'\uFFFD', 1, false};

// `\n`, or \uXXXX: all controls are below U+10000.
void put_escape(std::string& out, char32_t code) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::array<std::pair<char32_t, std::string_view>, 3> kShort{
      {{U'\n', "\\n"}, {U'\r', "\\r"}, {U'\t', "\\t"}}};
  for (const auto& [c, text] : kShort) {
    if (c == code) {
      out += text;
      return;
    }
  }
  out += "\\u";
  for (const unsigned shift : {12U, 8U, 4U, 0U})
    out.push_back(kDigits[(static_cast<std::uint32_t>(code) >> shift) & 15U]);
}

// How many bytes the character has that begins with this byte; 0: none begins so.
std::size_t size_from(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

struct Range {
  char32_t from, to;
};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t code) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [code](const Range& range) { return code >= range.from && code <= range.to; });
}

std::size_t columns_of(char32_t code) {
  constexpr std::array<Range, 8> kNone{{{0x300, 0x36F},
                                        {0x483, 0x489},
                                        {0x591, 0x5BD},
                                        {0x200B, 0x200D},
                                        {0x20D0, 0x20F0},
                                        {0xFE00, 0xFE0F},
                                        {0xFE20, 0xFE2F},
                                        {0xE0100, 0xE01EF}}};
  constexpr std::array<Range, 12> kTwo{{{0x1100, 0x115F},
                                        {0x2E80, 0x303E},
                                        {0x3041, 0x33FF},
                                        {0x3400, 0x4DBF},
                                        {0x4E00, 0xA4CF},
                                        {0xA960, 0xA97F},
                                        {0xAC00, 0xD7A3},
                                        {0xF900, 0xFAFF},
                                        {0xFE30, 0xFE6F},
                                        {0xFF00, 0xFF60},
                                        {0xFFE0, 0xFFE6},
                                        {0x20000, 0x3FFFD}}};
  constexpr std::array<Range, 3> kPictures{{{0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}}};
  if (within(kNone, code)) return 0;
  return within(kTwo, code) || within(kPictures, code) ? 2 : 1;
}

}  // namespace

Character character_at(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1, true};
  const std::size_t size = size_from(first);
  if (size == 0 || at + size > text.size()) return kBroken;
  std::uint32_t code = first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (!within_character(text[at + i])) return kBroken;
    code = (code << 6U) | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  }
  const bool too_long = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  if (too_long || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return kBroken;
  return {static_cast<char32_t>(code), size, true};
}

bool is_control(char32_t code) {
  if (code < 0x20 || (code >= 0x7F && code <= 0x9F)) return true;
  return code == 0x061C || (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB);
}

namespace {

// How many bytes from there on, at most `most`, are shown as they are.
std::size_t plain_at(std::string_view text, std::size_t at, std::size_t most) {
  const std::string_view near = text.substr(at, most);
  const auto end = std::find_if(near.begin(), near.end(),
                                [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; });
  return static_cast<std::size_t>(end - near.begin());
}

}  // namespace

std::string quoted_printable(std::string_view text, std::size_t bytes_max) {
  std::string out = "\"";
  std::size_t at = 0;
  while (at < text.size() && out.size() < bytes_max) {
    if (const std::size_t plain = plain_at(text, at, bytes_max - out.size()); plain > 0) {
      out += text.substr(at, plain);
      at += plain;
      continue;
    }
    const Character c = character_at(text, at);
    if (!c.valid) {
      out += "\\ufffd";
    } else if (is_control(c.code)) {
      put_escape(out, c.code);
    } else {
      if (c.code == U'"' || c.code == U'\\') out.push_back('\\');
      out += text.substr(at, c.size);
    }
    at += c.size;
  }
  if (at < text.size()) out += "… (" + std::to_string(text.size() - at) + " bytes more)";
  out.push_back('"');
  return out;
}

std::string printable(std::string_view text, Lines lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character next = character_at(text, 0);
    const bool line = next.code == U'\n' && lines != Lines::kEscaped;
    if (!next.valid) {
      out += "\\x" + to_hex(text.substr(0, 1));
    } else if (line) {
      out += lines == Lines::kKept ? '\n' : ' ';
    } else if (is_control(next.code)) {
      put_escape(out, next.code);
    } else {
      out += text.substr(0, next.size);
    }
    text.remove_prefix(next.size);
  }
  return out;
}

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const Character next = character_at(text, 0);
    if (!next.valid || is_control(next.code)) return false;
    text.remove_prefix(next.size);
  }
  return true;
}

std::string in_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    if (character.valid && character.code != 0) {
      out += text.substr(at, character.size);
    } else {
      out += "\xEF\xBF\xBD";
    }
    at += character.size;
  }
  return out;
}

std::size_t unfinished(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const char byte = text[text.size() - back];
    if (!within_character(byte)) return size_from(static_cast<unsigned char>(byte)) > back ? back : 0;
  }
  return 0;
}

std::size_t columns_of(std::string_view printable_text) {
  std::size_t columns = 0;
  while (!printable_text.empty()) {
    const Character next = character_at(printable_text, 0);
    columns += columns_of(next.code);
    printable_text.remove_prefix(next.size);
  }
  return columns;
}

std::string cut_to(std::string_view printable_text, std::size_t columns) {
  if (columns_of(printable_text) <= columns) return std::string(printable_text);
  std::string out;
  std::size_t taken = 1;  // the …
  while (!printable_text.empty()) {
    const Character next = character_at(printable_text, 0);
    taken += columns_of(next.code);
    if (taken > columns) break;
    out += printable_text.substr(0, next.size);
    printable_text.remove_prefix(next.size);
  }
  return out + "…";
}

}  // namespace postlude
