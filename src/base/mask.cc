#include "base/mask.h"

#include <algorithm>

#include "base/hash.h"
#include "base/spelled.h"
#include "base/text.h"

namespace postlude {
namespace {

constexpr std::string_view kMasked = "***";

// https://user:password@host becomes https://***@host.
std::string without_user_information(std::string_view text) {
  std::string out;
  std::size_t kept = 0;  // up to here it is in `out`
  for (std::size_t at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    const std::size_t begin = at + 3;
    const std::size_t end = text.find_first_of("/?# \t\r\n\"'<>@", begin);
    if (end == std::string_view::npos || text[end] != '@') continue;
    out += text.substr(kept, begin - kept);
    out += kMasked;
    kept = end;
  }
  return out += text.substr(kept);
}

constexpr char kAnySecond = '\0';

char small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_plain(char c) {
  return (small(c) >= 'a' && small(c) <= 'z') || (c >= '0' && c <= '9');
}

// All second bytes that say nothing of the form: they may begin an escape, or end a line.
std::bitset<256> not_plain() {
  std::bitset<256> out;
  for (std::size_t byte = 0; byte < out.size(); ++byte)
    out[byte] = !is_plain(static_cast<char>(byte));
  return out;
}

// What the second byte of a spelling that begins there must be, where that is plain.
char second_byte(std::string_view text, std::size_t at, bool any_case) {
  if (at + 1 >= text.size() || begins_escape(text[at])) return kAnySecond;
  const char c = text[at + 1];
  if (!is_plain(c)) return kAnySecond;
  return any_case ? small(c) : c;
}

std::string url_safe(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

// RFC 4648, in small letters and without padding.
std::string to_base32(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string out;
  unsigned held = 0;
  unsigned bits = 0;
  for (const char c : bytes) {
    held = (held << 8U) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 5; bits -= 5)
      out += kAlphabet[(held >> (bits - 5)) & 31U];
    held &= 0xFFU;
  }
  if (bits > 0) out += kAlphabet[(held << (5 - bits)) & 31U];
  return out;
}

std::string without_padding(std::string text) {
  text.resize(text.find_last_not_of('=') + 1);
  return text;
}

// The characters of an encoded text, of so many bits each, that are the secret's alone when `before` other
// bytes stand before it.
std::string own_part(const std::string& encoded, std::size_t bits, std::size_t before, std::size_t size) {
  const std::size_t begin = (before * 8 + bits - 1) / bits;
  const std::size_t end = (before + size) * 8 / bits;
  return encoded.substr(begin, end - begin);
}

}  // namespace

void Mask::add(std::string_view secret) {
  if (secret.size() < kMaskedMin || !add_form(std::string(secret), Way::kText)) return;
  add_form(to_hex(secret), Way::kAnyCase);
  add_base64(to_base64(secret));
  for (std::size_t before = 0; before < 3; ++before) {
    const std::string encoded = to_base64(std::string(before, 'x') + std::string(secret));
    add_base64(own_part(encoded, 6, before, secret.size()));
  }
  add_form(to_base32(secret), Way::kAnyCase);
  for (std::size_t before = 0; before < 5; ++before) {
    const std::string encoded = to_base32(std::string(before, 'x') + std::string(secret));
    add_form(own_part(encoded, 5, before, secret.size()), Way::kAnyCase);
  }
}

void Mask::add_base64(std::string text) {
  text = without_padding(std::move(text));
  add_form(url_safe(text), Way::kBase64);
  add_form(std::move(text), Way::kBase64);
}

void Mask::clear() {
  forms_.clear();
  first_of_ = {};
  beginnings_ = {};
}

bool Mask::add_form(std::string bytes, Way way) {
  if (bytes.size() < kMaskedMin) return false;
  Form form{std::move(bytes), way, 0};
  const auto place = std::lower_bound(forms_.begin(), forms_.end(), form);
  if (place != forms_.end() && !(form < *place)) return false;
  const std::size_t key = key_of(way, static_cast<unsigned char>(form.bytes.front()));
  const auto made = forms_.insert(place, std::move(form));
  note_beginning(made->bytes[0], made->bytes[1]);
  for (auto at = made; at != forms_.end() && at <= made + 1; ++at) {
    at->shared = 0;
    if (at == forms_.begin() || (at - 1)->way != at->way) continue;
    const std::string& before = (at - 1)->bytes;
    const auto ends = std::mismatch(before.begin(), before.end(), at->bytes.begin(), at->bytes.end());
    at->shared = static_cast<std::size_t>(ends.first - before.begin());
  }
  for (std::size_t i = key + 1; i < first_of_.size(); ++i)
    ++first_of_[i];
  return true;
}

// In both cases, whatever the form's way: longest_at() looks again.
void Mask::note_beginning(char first, char second) {
  static const std::bitset<256> kNotPlain = not_plain();
  const auto capital = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  for (const char one : {small(first), capital(first)}) {
    std::bitset<256>& seconds = beginnings_[static_cast<unsigned char>(one)];
    seconds |= kNotPlain;
    for (const char two : {small(second), capital(second)})
      seconds.set(static_cast<unsigned char>(two));
  }
  for (const char any : {' ', '%', '&', '\\', '='})
    beginnings_[static_cast<unsigned char>(any)].set();
}

bool Mask::may_begin(std::string_view text, std::size_t at) const {
  const char second = at + 1 < text.size() ? text[at + 1] : kAnySecond;
  return beginnings_[static_cast<unsigned char>(text[at])][static_cast<unsigned char>(second)];
}

std::size_t Mask::longest_at(std::string_view text, std::size_t at, Way way, unsigned char first) const {
  constexpr int kPaddingMost = 6;
  std::size_t longest = 0;
  const std::size_t key = key_of(way, first);
  const std::size_t last = first_of_[key + 1];
  const char second = second_byte(text, at, way == Way::kAnyCase);
  const Spelling spelling{.any_case = way == Way::kAnyCase, .wrapped = way != Way::kText};
  for (std::size_t i = first_of_[key]; i < last;) {
    const Form& form = forms_[i++];
    if (second != kAnySecond && form.bytes[1] != second) continue;
    std::size_t decided = 0;
    std::size_t end = spelled_at(text, at, form.bytes, spelling, decided);
    if (end == std::string_view::npos) {
      while (i < last && forms_[i].shared >= decided)
        ++i;
      continue;
    }
    for (int pad = 0; spelling.wrapped && pad < kPaddingMost && end < text.size(); ++pad) {
      const std::size_t padded = spelled_at(text, end, "=", {}, decided);
      if (padded == std::string_view::npos) break;
      end = padded;
    }
    longest = std::max(longest, end);
  }
  return longest;
}

std::size_t Mask::longest_from(std::string_view text, std::size_t at, char first) const {
  const auto plain = static_cast<unsigned char>(first);
  return std::max({longest_at(text, at, Way::kText, plain), longest_at(text, at, Way::kBase64, plain),
                   longest_at(text, at, Way::kAnyCase, static_cast<unsigned char>(small(first)))});
}

std::size_t Mask::end_at(std::string_view text, std::size_t at) const {
  std::size_t longest = 0;
  if (text[at] != ' ' && !begins_escape(text[at])) {
    longest = longest_from(text, at, text[at]);
  } else {
    for (const char first : first_bytes_at(text, at))
      longest = std::max(longest, longest_from(text, at, first));
  }
  return longest == 0 ? std::string_view::npos : longest;
}

std::string Mask::mask(std::string_view text) const {
  std::string masked;
  std::size_t kept = 0;  // up to here it is in `masked`
  for (std::size_t at = 0; at < text.size() && !forms_.empty();) {
    const std::size_t end = may_begin(text, at) ? end_at(text, at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      at = next_begin(text, at);
      continue;
    }
    masked += text.substr(kept, at - kept);
    masked += kMasked;
    kept = at = end;
  }
  if (kept == 0) return without_user_information(text);
  masked += text.substr(kept);
  return without_user_information(masked);
}

// A look at the bytes, which nearly always suffices: how JSON writes a string is one of the spellings.
bool Mask::nothing_to_hide(std::string_view text) const {
  for (std::size_t at = 0; at < text.size() && !forms_.empty(); at = next_begin(text, at)) {
    if (may_begin(text, at) && end_at(text, at) != std::string_view::npos) return false;
  }
  for (const std::string_view scheme : {"://", ":\\/\\/", "\\u"}) {
    const std::size_t found = text.find(scheme);
    if (found != std::string_view::npos && text.find('@', found) != std::string_view::npos) return false;
  }
  return true;
}

std::string Mask::mask_json(std::string_view text) const {
  if (nothing_to_hide(text)) return std::string(text);
  Result<json::value> value = parse_json(text);
  if (!value) return mask(text);
  mask_value(*value);
  return to_text(*value);
}

void Mask::mask_value(json::value& value) const {
  if (value.is_string()) {
    value = json::string(mask(view(value.get_string())));
  } else if (value.is_array()) {
    for (json::value& item : value.get_array())
      mask_value(item);
  } else if (value.is_object()) {
    json::object masked;
    for (auto& member : value.get_object()) {
      mask_value(member.value());
      masked[mask({member.key().data(), member.key().size()})] = std::move(member.value());
    }
    value = std::move(masked);
  } else if (value.is_number() && end_at(to_text(value), 0) == to_text(value).size()) {
    value = json::string(json::string_view(kMasked.data(), kMasked.size()));
  }
}

}  // namespace postlude
