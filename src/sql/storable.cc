#include "sql/storable.h"

#include <cstdint>
#include <cstring>

#include "base/printable.h"
#include "base/text.h"

namespace postlude::sql {

namespace {

// Neither NUL nor a byte above 0x7F; eight bytes at a time, since every parameter passes here.
bool plain(std::string_view text) {
  constexpr std::uint64_t kLow = 0x0101010101010101U;
  constexpr std::uint64_t kHigh = 0x8080808080808080U;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    if (((word | ((word - kLow) & ~word)) & kHigh) != 0) return false;
  }
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte == 0 || byte > 0x7F) return false;
  }
  return true;
}

}  // namespace

bool is_storable(std::string_view text) {
  return plain(text) || (text.find('\0') == std::string_view::npos && valid_utf8(text));
}

std::string_view storable(std::string_view text, std::string& room) {
  if (is_storable(text)) return text;
  room = in_utf8(text);
  return room;
}

}  // namespace postlude::sql
