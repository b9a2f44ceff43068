#include "base/printable.h"

#include <array>
#include <cstdint>

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

}  // namespace

Character character_at(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1, true};
  const std::size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                           : first >= 0xE0 && first <= 0xEF ? 3
                           : first >= 0xF0 && first <= 0xF4 ? 4
                                                            : 0;
  if (size == 0 || at + size > text.size()) return kBroken;
  std::uint32_t code = first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[at + i]);
    if ((next & 0xC0U) != 0x80U) return kBroken;
    code = (code << 6U) | (next & 0x3FU);
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

std::string quoted_printable(std::string_view text, std::size_t bytes_max) {
  std::string out = "\"";
  std::size_t at = 0;
  while (at < text.size() && out.size() < bytes_max) {
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

}  // namespace postlude
