#include "base/text.h"

#include <algorithm>

#include "base/hash.h"

namespace postlude {

namespace {

// The length of the character that starts at `at`; a byte that starts none counts as one.
std::size_t character_size(std::string_view text, std::size_t at) {
  const auto c = static_cast<unsigned char>(text[at]);
  std::size_t size = 1;
  if (c >= 0xC2 && c <= 0xDF) size = 2;
  if (c >= 0xE0 && c <= 0xEF) size = 3;
  if (c >= 0xF0 && c <= 0xF4) size = 4;
  if (at + size > text.size()) return 1;
  for (std::size_t i = 1; i < size; ++i) {
    if (!within_character(text[at + i])) return 1;
  }
  return size;
}

// The character at `at`; views compare as bytes do, which for UTF-8 is the order of the code points.
std::string_view character(std::string_view text, std::size_t at) {
  return text.substr(at, character_size(text, at));
}

// Matches one class `[...]` at pattern[p]; moves p past it. nullopt: the bracket is never closed, so it is
// literal.
std::optional<bool> match_class(std::string_view pattern, std::size_t& p, std::string_view c) {
  std::size_t i = p + 1;
  bool negated = false;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) {
    negated = true;
    ++i;
  }
  bool found = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    const std::string_view low = character(pattern, i);
    i += low.size();
    std::string_view high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      high = character(pattern, i + 1);
      i += 1 + high.size();
    }
    if (low <= c && c <= high) found = true;
  }
  if (i >= pattern.size()) return std::nullopt;
  p = i + 1;
  return found != negated;
}

// Matches the one character `c` at pattern[p], which is no `*`; moves p past what matched it.
bool match_one(std::string_view pattern, std::size_t& p, std::string_view c) {
  if (pattern[p] == '[') {
    std::size_t next = p;
    if (const auto in_class = match_class(pattern, next, c)) {
      if (*in_class) p = next;
      return *in_class;
    }
  } else if (pattern[p] == '?') {
    ++p;
    return true;
  }
  const std::size_t at = pattern[p] == '\\' && p + 1 < pattern.size() ? p + 1 : p;
  const std::string_view wanted = character(pattern, at);
  if (wanted != c) return false;
  p = at + wanted.size();
  return true;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // where to go on after the last `*`
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    const std::string_view c = character(text, t);
    if (p < pattern.size() && match_one(pattern, p, c)) {
      t += c.size();
    } else if (star != std::string_view::npos) {
      p = star;
      t = star_text += character_size(text, star_text);
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

bool valid_utf8(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    std::size_t extra = 0;
    std::uint32_t code = 0;
    if (c < 0x80) {
      ++i;
      continue;
    }
    if (c >= 0xC2 && c <= 0xDF) {
      extra = 1;
      code = c & 0x1FU;
    } else if (c >= 0xE0 && c <= 0xEF) {
      extra = 2;
      code = c & 0x0FU;
    } else if (c >= 0xF0 && c <= 0xF4) {
      extra = 3;
      code = c & 0x07U;
    } else {
      return false;
    }
    if (i + extra >= bytes.size()) return false;
    for (std::size_t k = 1; k <= extra; ++k) {
      if (!within_character(bytes[i + k])) return false;
      code = (code << 6U) | (static_cast<unsigned char>(bytes[i + k]) & 0x3FU);
    }
    if (extra == 2 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF))) return false;
    if (extra == 3 && (code < 0x10000 || code > 0x10FFFF)) return false;
    i += extra + 1;
  }
  return true;
}

bool within_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

std::string_view whole_characters(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  for (int back = 0; back < 3 && end > 0 && within_character(text[end]); ++back)
    --end;
  // Longer than a character can be: it is not UTF-8, and has no better place.
  return text.substr(0, within_character(text[end]) ? bytes_max : end);
}

std::string shortened(std::string_view text, std::size_t bytes_max, std::string_view mark) {
  std::string out(whole_characters(text, bytes_max));
  if (out.size() < text.size()) out += mark;
  return out;
}

namespace {
char lower_char(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
}  // namespace

std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  constexpr std::string_view kMore = "…";
  if (bytes_max < kMore.size()) return "";
  return shortened(text, bytes_max - kMore.size(), kMore);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower_char(x) == lower_char(y); });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower_char);
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = text.find(at, start);
    parts.push_back(text.substr(start, end == std::string_view::npos ? end : end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

std::string join(std::span<const std::string> parts, std::string_view between) {
  std::string out;
  for (const std::string& part : parts) {
    if (&part != &parts.front()) out += between;
    out += part;
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const auto byte = from_hex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out.push_back(c);
    } else {
      const auto b = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[b >> 4U]);
      out.push_back(kDigits[b & 15U]);
    }
  }
  return out;
}

namespace {

// Levenshtein's distance with a swap of neighbours counted as one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = lower_char(a[i - 1]) == lower_char(b[j - 1]) ? 0 : 1;
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = last;
    last = now;
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  if (word.size() > 64) return best;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > 64) continue;
    const std::size_t d = distance(word, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates,
                         std::string_view none) {
  const std::string near = nearest(word, candidates);
  if (!near.empty()) return "; did you mean '" + near + "'?";
  if (!candidates.empty()) return "; there is " + join(candidates, ", ");
  return none.empty() ? "" : "; " + std::string(none);
}

std::string shown_url(std::string_view url) {
  constexpr std::string_view kHidden = "***";
  constexpr std::size_t kNone = std::string_view::npos;
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme != kNone ? scheme + 3 : url.starts_with("//") ? 2 : 0;
  // A password may hold a slash or a question mark that should have been encoded; a query may hold an @.
  std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
  const std::size_t first = url.substr(0, end).rfind('@');
  const std::string_view authority = url.substr(begin, end - begin);
  const std::size_t colon = authority.rfind(':');
  const bool port = colon == kNone || authority.ends_with(']') ||
                    authority.find_first_not_of("0123456789", colon + 1) == kNone;
  std::size_t at = first != kNone && first >= begin ? first : kNone;
  if (at == kNone && !port) at = url.rfind('@');
  std::string out(url.substr(0, begin));
  if (at != kNone && at >= begin) {
    out += kHidden;
    end = std::max(end, at);
  } else {
    at = begin;
  }
  const std::size_t query = url.find_first_of("?#", at);
  out += url.substr(at, query == kNone ? kNone : query - at);
  return query == kNone ? out : out + url[query] + std::string(kHidden);
}

}  // namespace postlude
