#include "base/spelled.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace postlude {

namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::size_t kBlanksMost = 64;  // at a line's end: each of them may begin what is looked for
constexpr std::size_t kCutMin = 6;  // bytes of a secret's beginning that a cut leaves and that are too many
constexpr std::size_t kCharacter = 4;  // bytes of one character at most

// A character at a place: its bytes, and the length of its spelling.
struct Spelled {
  std::string bytes;
  std::size_t size = 0;
};

// The ways to read what stands at a place, the likeliest first. Each has a byte or more: what says nothing
// would let a search run on for nothing.
class Readings {
 public:
  void add(std::string bytes, std::size_t size) {
    if (!bytes.empty() && count_ < all_.size()) all_[count_++] = {std::move(bytes), size};
  }
  const Spelled* begin() const { return all_.data(); }
  const Spelled* end() const { return all_.data() + count_; }

 private:
  std::array<Spelled, 6> all_;
  std::size_t count_ = 0;
};

// A number that an escape writes, and how much text it takes; 0: there is none.
struct Code {
  char32_t value = 0;
  std::size_t size = 0;
};

unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return 16;
}

// How many digits stand at a place, at most `most`.
std::size_t digits_at(std::string_view text, std::size_t at, unsigned base, std::size_t most) {
  std::size_t count = 0;
  while (count < most && at + count < text.size() && digit_of(text[at + count]) < base)
    ++count;
  return count;
}

char32_t number(std::string_view digits, unsigned base) {
  char32_t value = 0;
  for (const char c : digits)
    value = value * base + digit_of(c);
  return value;
}

// So many hexadecimal digits at a place, or none.
std::optional<char32_t> hex_at(std::string_view text, std::size_t at, std::size_t digits) {
  if (digits_at(text, at, 16, digits) < digits) return std::nullopt;
  return number(text.substr(at, digits), 16);
}

// "": there is no such character.
std::string utf8(char32_t code) {
  std::string out;
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12U));
    tail(6), tail(0);
  } else if (code < 0x110000) {
    out += static_cast<char>(0xF0U | (code >> 18U));
    tail(12), tail(6), tail(0);
  }
  return out;
}

// A byte; where it is no ASCII, what writes it may have meant the character of that number.
void add_byte(Readings& readings, char32_t value, std::size_t size) {
  if (value > 0xFF) return;
  readings.add(std::string(1, static_cast<char>(value)), size);
  if (value >= 0x80) readings.add(utf8(value), size);
}

// A character; one beyond 0xFFFF may be written as the two halves that UTF-16 has for it.
template <typename Read>
void add_character(Readings& readings, std::string_view text, std::size_t at, Code first, Read read) {
  if (first.size == 0) return;
  if (first.value >= 0xD800 && first.value < 0xDC00) {
    const Code second = read(text, at + first.size);
    if (second.size > 0 && second.value >= 0xDC00 && second.value < 0xE000) {
      const char32_t whole = 0x10000 + ((first.value - 0xD800) << 10U) + (second.value - 0xDC00);
      readings.add(utf8(whole), first.size + second.size);
      return;
    }
  }
  readings.add(utf8(first.value), first.size);
}

// What an encoding makes of its own sign: behind each one stands the rest of the sign's code.
constexpr std::string_view kPercentAgain = "25";
constexpr std::string_view kAmpersandAgain = "amp;";

// How often `again` stands there, one behind the other.
std::size_t times_at(std::string_view text, std::size_t at, std::string_view again) {
  std::size_t times = 0;
  for (; text.substr(std::min(at, text.size()), again.size()) == again; at += again.size())
    ++times;
  return times;
}

// Behind the percent sign, and behind each 25 that says that it was itself encoded: %3D, %253D.
std::size_t past_percent(std::string_view text, std::size_t at) {
  std::size_t digits = at + 1;
  const auto goes_on = [&](std::size_t next) {
    return hex_at(text, next, 2) || (text.substr(next, 1) == "u" && hex_at(text, next + 1, 4));
  };
  while (text.substr(digits, 2) == kPercentAgain && goes_on(digits + 2))
    digits += 2;
  return digits;
}

Code percent_u_at(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '%') return {};
  const std::size_t digits = past_percent(text, at);
  if (text.substr(digits, 1) != "u") return {};
  const auto value = hex_at(text, digits + 1, 4);
  return value ? Code{*value, digits + 5 - at} : Code{};
}

void read_percent(Readings& readings, std::string_view text, std::size_t at) {
  const std::size_t digits = past_percent(text, at);
  if (const auto value = hex_at(text, digits, 2))
    readings.add(std::string(1, static_cast<char>(*value)), digits + 2 - at);
  add_character(readings, text, at, percent_u_at(text, at), percent_u_at);
}

// Behind the ampersand, and behind each amp; that says that it was itself encoded: &lt; &amp;lt;.
std::size_t past_ampersand(std::string_view text, std::size_t at) {
  std::size_t begin = at + 1;
  const auto goes_on = [&](std::size_t next) {
    return text.substr(next, 1) == "#" || text.substr(next, 10).find(';') != kNone;
  };
  while (text.substr(begin, 4) == kAmpersandAgain && goes_on(begin + 4))
    begin += 4;
  return begin;
}

std::string_view entity_name(std::string_view text, std::size_t begin) {
  const std::string_view near = text.substr(std::min(begin, text.size()), 10);
  const std::size_t end = near.find(';');
  return end == kNone ? std::string_view() : near.substr(0, end);
}

// &#38; &#x26;, with any number of zeros; the semicolon may be missing, as browsers have it.
Code entity_number_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kDigitsMost = 7;  // of 0x10FFFF, the last character
  if (at >= text.size() || text[at] != '&') return {};
  std::size_t digits = past_ampersand(text, at);
  if (text.substr(digits, 1) != "#") return {};
  ++digits;
  const unsigned base = text.substr(digits, 1) == "x" || text.substr(digits, 1) == "X" ? 16 : 10;
  if (base == 16) ++digits;
  const std::size_t zeros = std::min(text.find_first_not_of('0', digits), text.size()) - digits;
  const std::size_t count = digits_at(text, digits + zeros, base, kDigitsMost);
  const std::size_t end = digits + zeros + count;
  if (end == digits || digits_at(text, end, base, 1) > 0) return {};
  return {number(text.substr(digits + zeros, count), base), end + (text.substr(end, 1) == ";" ? 1 : 0) - at};
}

char entity_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, char>, 38> kNames{
      {{"amp", '&'},       {"lt", '<'},     {"gt", '>'},     {"quot", '"'},   {"apos", '\''},
       {"sol", '/'},       {"plus", '+'},   {"equals", '='}, {"colon", ':'},  {"commat", '@'},
       {"excl", '!'},      {"num", '#'},    {"dollar", '$'}, {"percnt", '%'}, {"lpar", '('},
       {"rpar", ')'},      {"ast", '*'},    {"midast", '*'}, {"comma", ','},  {"period", '.'},
       {"semi", ';'},      {"quest", '?'},  {"lsqb", '['},   {"lbrack", '['}, {"bsol", '\\'},
       {"rsqb", ']'},      {"rbrack", ']'}, {"Hat", '^'},    {"lowbar", '_'}, {"UnderBar", '_'},
       {"grave", '`'},     {"lcub", '{'},   {"lbrace", '{'}, {"verbar", '|'}, {"vert", '|'},
       {"VerticalL", '|'}, {"rcub", '}'},   {"rbrace", '}'}}};
  for (const auto& [known, c] : kNames) {
    if (name == known) return c;
  }
  return '\0';
}

void read_entity(Readings& readings, std::string_view text, std::size_t at) {
  const std::size_t begin = past_ampersand(text, at);
  const std::string_view name = entity_name(text, begin);
  const char named = entity_named(name);
  if (named != '\0') readings.add(std::string(1, named), begin + name.size() + 1 - at);
  add_character(readings, text, at, entity_number_at(text, at), entity_number_at);
  for (const std::string_view old : {"amp", "lt", "gt", "quot"}) {  // those that need no semicolon
    if (text.substr(begin, old.size()) == old)
      readings.add(std::string(1, entity_named(old)), begin + old.size() - at);
  }
  if (begin > at + 1) readings.add("&", begin - at);  // what follows is no more of it
}

// Behind the run of backslashes that begins there: JSON within JSON doubles them.
std::size_t past_backslashes(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of('\\', at), text.size());
}

// \u003d \u{3d} \U0000003d
Code backslash_u_at(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '\\') return {};
  const std::size_t letter = past_backslashes(text, at);
  const std::string_view c = text.substr(letter, 1);
  const std::size_t digits = letter + 1;
  if (c == "U") {
    const auto value = hex_at(text, digits, 8);
    return value ? Code{*value, digits + 8 - at} : Code{};
  }
  if (c != "u") return {};
  if (const auto value = hex_at(text, digits, 4)) return {*value, digits + 4 - at};
  if (text.substr(digits, 1) != "{") return {};
  const std::size_t count = digits_at(text, digits + 1, 16, 6);
  if (count == 0 || text.substr(digits + 1 + count, 1) != "}") return {};
  return {number(text.substr(digits + 1, count), 16), digits + 2 + count - at};
}

// \" \/ \n \u003d \x3d \075, with any number of backslashes.
void read_backslash(Readings& readings, std::string_view text, std::size_t at) {
  const std::size_t next = past_backslashes(text, at);
  if (next == text.size()) return readings.add("\\", next - at);
  const std::size_t before = next - at;
  const char c = text[next];
  add_character(readings, text, at, backslash_u_at(text, at), backslash_u_at);
  if (c == 'x') {
    if (const auto value = hex_at(text, next + 1, 2)) add_byte(readings, *value, before + 3);
  }
  if (const std::size_t count = digits_at(text, next, 8, c == '0' ? 4 : 3); count > 0) {
    add_byte(readings, number(text.substr(next, count), 8), before + count);
    if (count == 4) add_byte(readings, number(text.substr(next, 3), 8), before + 3);
  }
  constexpr std::array<std::pair<char, char>, 5> kShort{
      {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'b', '\b'}, {'f', '\f'}}};
  for (const auto& [letter, meant] : kShort) {
    if (c == letter) return readings.add(std::string(1, meant), before + 1);
  }
  readings.add(std::string(1, c), before + 1);
}

// Quoted-printable: =3D.
void read_equals(Readings& readings, std::string_view text, std::size_t at) {
  if (const auto value = hex_at(text, at + 1, 2)) readings.add(std::string(1, static_cast<char>(*value)), 3);
}

Readings readings_at(std::string_view text, std::size_t at) {
  Readings readings;
  switch (text[at]) {
    case '%':
      read_percent(readings, text, at);
      break;
    case '&':
      read_entity(readings, text, at);
      break;
    case '\\':
      read_backslash(readings, text, at);
      break;
    case '=':
      read_equals(readings, text, at);
      break;
    default:
      break;
  }
  return readings;
}

bool same(char a, char b, bool any_case) {
  if (a == b || (a == '+' && b == ' ') || (a == ' ' && b == '+')) return true;
  return any_case && equal_ignoring_case({&a, 1}, {&b, 1});
}

// Behind as many of these characters as stand there, however they are spelled.
std::size_t past_any(std::string_view text, std::size_t at, std::string_view characters, std::size_t most) {
  for (std::size_t count = 0; count < most && at < text.size(); ++count) {
    std::size_t size = characters.find(text[at]) != kNone ? 1 : 0;
    if (size == 0 && begins_escape(text[at])) {
      for (const Spelled& spelled : readings_at(text, at)) {
        if (size == 0 && spelled.bytes.size() == 1 && characters.find(spelled.bytes) != kNone)
          size = spelled.size;
      }
    }
    if (size == 0) break;
    at += size;
  }
  return at;
}

// Behind a line's end within a word: any, with the blanks around it, where the spelling may be wrapped; else
// quoted-printable's `=` at the end of the line only. `at` itself: there is none.
std::size_t past_line_end(std::string_view text, std::size_t at, bool wrapped) {
  constexpr std::size_t kEndsMost = 4;
  constexpr std::string_view kBlanks = " \t";
  const bool soft = text[at] == '=';
  if (!soft && !wrapped) return at;
  const std::size_t end = past_any(text, soft ? at + 1 : at, kBlanks, kBlanksMost);
  const std::size_t next = past_any(text, end, "\r\n", kEndsMost);
  if (next == end) return at;
  return wrapped ? past_any(text, next, kBlanks, kBlanksMost) : next;
}

// How much text says how many of the bytes that are wanted next; {0, 0}: none of them.
std::pair<std::size_t, std::size_t> escape_for(std::string_view text, std::size_t at, std::string_view wanted,
                                               bool any_case) {
  if (!begins_escape(text[at])) return {0, 0};
  for (const Spelled& spelled : readings_at(text, at)) {
    const std::string_view next = wanted.substr(0, spelled.bytes.size());
    const bool meant = next.size() == spelled.bytes.size() &&
                       std::equal(next.begin(), next.end(), spelled.bytes.begin(),
                                  [&](char a, char b) { return same(b, a, any_case); });
    if (meant) return {spelled.size, next.size()};
  }
  return {0, 0};
}

// Others cut what they quote: expressions' errors do, and systems.
bool cut_there(std::string_view text, std::size_t at) {
  return text.substr(at, 3) == "…" || text.substr(at, 3) == "...";
}

class Match {
 public:
  // `escapes_first`: what can be read as an escape is one; else what is the very byte that is wanted is that.
  Match(std::string_view text, std::string_view wanted, Spelling spelling, bool escapes_first,
        std::size_t& decided)
      : text_(text), wanted_(wanted), spelling_(spelling), escapes_first_(escapes_first), decided_(decided) {}

  // Behind a spelling of `wanted` from its byte `i` on; kNone: none stands there.
  std::size_t from(std::size_t at, std::size_t i) {
    bool line_ended = false;  // one line's end between two characters
    while (i < wanted_.size()) {
      decided_ = std::max(decided_, i + kCharacter);
      if (at >= text_.size()) return kNone;
      if (wanted_[i] == '\\' && text_[at] == '\\' && !escapes_first_) {
        i = std::min(wanted_.find_first_not_of('\\', i), wanted_.size());
        at = past_backslashes(text_, at);
        line_ended = false;
        continue;
      }
      const bool plain = same(text_[at], wanted_[i], spelling_.any_case);
      std::pair<std::size_t, std::size_t> step{1, 1};
      if (const std::size_t times = plain ? times_again(at, i) : 0; times > 0) {
        const Sign sign = sign_at(at, i, times);
        if (sign.end != kNone) return sign.end;
        step = {sign.size, 1};
      } else if (!plain || escapes_first_) {
        step = escape_for(text_, at, wanted_.substr(i), spelling_.any_case);
      }
      if (step.first == 0 && i > 0 && !line_ended) {
        const std::size_t next = past_line_end(text_, at, spelling_.wrapped);
        if (next != at) {
          at = next;
          line_ended = true;
          continue;
        }
      }
      if (step.first == 0 && plain) step = {1, 1};
      if (step.first == 0) return i >= kCutMin && cut_there(text_, at) ? at : kNone;
      at += step.first;
      i += step.second;
      line_ended = false;
    }
    return at;
  }

 private:
  struct Sign {
    std::size_t size = 1;     // of the sign, where what follows is still to be compared
    std::size_t end = kNone;  // of all that is wanted
  };

  static std::string_view again_of(char sign) { return sign == '%' ? kPercentAgain : kAmpersandAgain; }

  // How often the sign that stands there, and is wanted, was encoded again.
  std::size_t times_again(std::size_t at, std::size_t i) const {
    const char sign = wanted_[i];
    return (sign == '%' || sign == '&') && text_[at] == sign ? times_at(text_, at + 1, again_of(sign)) : 0;
  }

  // What is wanted may itself look encoded, `%41` or `&lt;`. How much of `%252541` is its sign then depends
  // on what follows the sign.
  Sign sign_at(std::size_t at, std::size_t i, std::size_t times) {
    const std::string_view again = again_of(wanted_[i]);
    const std::size_t own = times_at(wanted_, i + 1, again);
    decided_ = std::max(decided_, i + 1 + (own + 1) * again.size());
    const bool own_part = again.starts_with(wanted_.substr(i + 1 + own * again.size()));
    std::vector<std::size_t> sizes;
    const std::size_t whole = escape_for(text_, at, wanted_.substr(i, 1), false).first;
    if (whole > 1 + times * again.size()) sizes.push_back(whole);
    const std::size_t least = times > own + 1 ? times - own - 1 : 0;
    for (std::size_t k = times + 1; k-- > (own > 0 || own_part ? least : times);)
      sizes.push_back(1 + k * again.size());
    if (sizes.size() == 1) return {sizes.front()};
    for (const std::size_t size : sizes) {
      if (tries_ == 0) break;
      --tries_;
      const std::size_t end = from(at + size, i + 1);
      if (end != kNone) return {size, end};
    }
    return {1 + (times > own ? times - own : 0) * again.size()};
  }

  const std::string_view text_;
  const std::string_view wanted_;
  const Spelling spelling_;
  const bool escapes_first_;
  std::size_t& decided_;
  std::size_t tries_ = 64;  // of what more than one reading is possible for
};

}  // namespace

std::size_t spelled_at(std::string_view text, std::size_t at, std::string_view wanted, Spelling spelling,
                       std::size_t& decided) {
  decided = 0;
  const std::size_t plain = Match(text, wanted, spelling, false, decided).from(at, 0);
  // It makes a difference only where what is wanted has the signs that begin escapes.
  if (plain != kNone || wanted.find_first_of("%&\\=") == kNone) return plain;
  return Match(text, wanted, spelling, true, decided).from(at, 0);
}

std::string first_bytes_at(std::string_view text, std::size_t at) {
  std::string bytes(1, text[at]);
  if (text[at] == ' ') bytes += '+';
  if (!begins_escape(text[at])) return bytes;
  for (const Spelled& spelled : readings_at(text, at)) {
    if (bytes.find(spelled.bytes.front()) == kNone) bytes += spelled.bytes.front();
  }
  return bytes;
}

}  // namespace postlude
