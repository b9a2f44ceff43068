#pragma once
// Yaml source: a file's text: the starts of lines, the ends of tokens, and comments that are probably not
// meant as comments.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lang/node.h"

namespace postlude::lang {

constexpr std::size_t kNowhere = std::string_view::npos;

inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
inline bool is_white(char c) {
  return is_blank(c) || c == '\n' || c == '\r';
}

std::string excerpt(std::string_view text);  // for quoting in a message: one line, not too long

// Offsets are bytes from the start; lines count from 0 here.
class YamlSource {
 public:
  YamlSource(std::string_view text, std::string_view file);

  std::string_view text() const { return text_; }
  std::size_t line_count() const { return lines_.size(); }
  std::size_t line_of(std::size_t offset) const {  // from 0
    return static_cast<std::size_t>(std::upper_bound(lines_.begin(), lines_.end(), offset) - lines_.begin()) -
           1;
  }
  std::size_t line_start(std::size_t line) const { return lines_[line]; }
  std::string_view line(std::size_t line) const { return rest_of_line(lines_[line]); }
  std::string_view rest_of_line(std::size_t offset) const {
    const std::string_view rest = text_.substr(std::min(offset, text_.size()));
    return rest.substr(0, rest.find_first_of("\r\n"));
  }
  char at(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }

  // Columns count characters, as editors do, not bytes.
  Place place(std::size_t offset) const;

  std::size_t skip_blanks(std::size_t offset) const {
    while (is_blank(at(offset)))
      ++offset;
    return offset;
  }
  // The offset after `&anchor` and `!tag`.
  std::size_t skip_properties(std::size_t offset) const;
  // The end of a plain scalar that begins at `offset`: compares the text with the parsed value, in which line
  // breaks are folded. kNowhere: they differ.
  std::size_t end_of_plain(std::size_t offset, std::string_view value) const;
  // The offset after the closing quote, or kNowhere.
  std::size_t end_of_quoted(std::size_t offset) const;

  // Whether the bracket at `offset` is closed.
  bool closed(std::size_t offset) const;
  // Whether the quote opens a quoted text and is not an apostrophe.
  bool quote_opens(std::size_t offset) const {
    return offset == 0 || std::string_view(" \t\r\n,:[{").find(text_[offset - 1]) != kNowhere;
  }

 private:
  std::string_view text_;
  std::string_view file_;
  std::vector<std::size_t> lines_;
};

// Whether a quote or bracket is open. An apostrophe within a word opens nothing.
bool something_open(std::string_view value);
// Whether a comment, given with its #, is probably a part of the value before it: the rule in yaml.h.
bool looks_like_value(std::string_view value, std::string_view comment);
// In [from, to): a # that begins a comment which hides a closing bracket or a value.
std::size_t find_hiding_comment(const YamlSource& source, std::size_t from, std::size_t to);

}  // namespace postlude::lang
