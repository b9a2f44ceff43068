#include "base/escape.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace postlude {

namespace {

bool entity_at(std::string_view text) {  // &amp; or &#38;
  const std::size_t end = text.substr(0, 40).find(';');
  if (end == std::string_view::npos || end < 2) return false;
  return std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(end), [](char c) {
    return c == '#' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

// The text before a character in its line: some characters have a meaning only after it.
enum class LineSoFar : std::uint8_t { kBlanks, kNumber, kMore };

LineSoFar next(LineSoFar so_far, char c) {
  if (c == '\n' || c == '\r') return LineSoFar::kBlanks;
  if (c >= '0' && c <= '9' && so_far != LineSoFar::kMore) return LineSoFar::kNumber;
  const bool blank = (c == ' ' || c == '\t') && so_far == LineSoFar::kBlanks;
  return blank ? LineSoFar::kBlanks : LineSoFar::kMore;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// `h1.` and `bq.` begin a heading and a quote where a line begins, which each reader of them sees elsewhere:
// they count wherever no word goes on.
bool wiki_word_ends_at(std::string_view text, std::size_t dot) {
  if (text[dot] != '.' || dot < 2 || (dot > 2 && is_word(text[dot - 3]))) return false;
  const char first = text[dot - 2];
  const char second = text[dot - 1];
  return ((first == 'h' || first == 'H') && second >= '1' && second <= '6') ||
         ((first == 'b' || first == 'B') && (second == 'q' || second == 'Q'));
}

// The blanks that a line begins with, if they make it code in Markdown; else nothing.
std::size_t code_indentation(std::string_view line) {
  const std::size_t end = std::min(line.find_first_not_of(" \t"), line.size());
  return end >= 4 || line.substr(0, end).find('\t') != std::string_view::npos ? end : 0;
}

// \\n, \\u001b: how JQL writes a control character within a string.
std::string control_in_jql(unsigned char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  return std::string("\\u00") + kDigits[c >> 4U] + kDigits[c & 0xFU];
}

}  // namespace

std::string escape_slack(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string escape_jql(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || c == '"' || c == '\'') {
      out += std::string("\\") + c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += control_in_jql(byte);
    } else {
      out += c;
    }
  }
  return out;
}

// A backslash has no escape of its own there: two of them break a line.
std::string escape_wiki(std::string_view text) {
  constexpr std::string_view kSigns = "{}[]()*_^~+-|!?#";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      out += "&#92;";
    } else if (wiki_word_ends_at(text, i)) {
      out += "&#46;";
    } else {
      if (kSigns.find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string escape_markdown(std::string_view text) {
  constexpr std::string_view kSigns = "\\`*_{}[]()<>#~|!+-";
  std::string out;
  LineSoFar so_far = LineSoFar::kBlanks;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = i == 0 || text[i - 1] == '\n' || text[i - 1] == '\r';
    if (const std::size_t indented = begins ? code_indentation(text.substr(i)) : 0; indented > 0) {
      out += ' ';
      i += indented - 1;
      continue;
    }
    const char c = text[i];
    const bool alone = i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\t' ||
                       text[i + 1] == '\n' || text[i + 1] == '\r';
    const bool means = kSigns.find(c) != std::string_view::npos || (c == '&' && entity_at(text.substr(i))) ||
                       (c == '=' && so_far == LineSoFar::kBlanks) ||         // underlines a heading
                       (c == '.' && so_far == LineSoFar::kNumber && alone);  // numbers a list
    if (means) out += '\\';
    out += c;
    so_far = next(so_far, c);
  }
  return out;
}

}  // namespace postlude
