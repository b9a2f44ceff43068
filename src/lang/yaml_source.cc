#include "lang/yaml_source.h"

#include "base/text.h"

namespace postlude::lang {

std::string excerpt(std::string_view text) {
  constexpr std::size_t kMax = 48;
  text = text.substr(0, text.find_first_of("\r\n"));
  return shortened(trim(text), kMax);
}

YamlSource::YamlSource(std::string_view text, std::string_view file) : text_(text), file_(file) {
  lines_.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') lines_.push_back(i + 1);
  }
}

Place YamlSource::place(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const std::size_t line = line_of(offset);
  int column = 1;
  for (std::size_t i = lines_[line]; i < offset; ++i) {
    if (!within_character(text_[i])) ++column;
  }
  return {std::string(file_), static_cast<int>(line) + 1, column};
}

std::size_t YamlSource::skip_properties(std::size_t offset) const {
  while (at(offset) == '&' || at(offset) == '!') {
    while (offset < text_.size() && !is_white(text_[offset]))
      ++offset;
    while (offset < text_.size() && is_white(text_[offset]))
      ++offset;
  }
  return offset;
}

std::size_t YamlSource::end_of_plain(std::size_t offset, std::string_view value) const {
  for (const char c : value) {
    if (is_white(c)) {
      while (offset < text_.size() && is_white(text_[offset]))
        ++offset;
    } else if (at(offset) == c) {
      ++offset;
    } else {
      return kNowhere;
    }
  }
  return offset;
}

std::size_t YamlSource::end_of_quoted(std::size_t offset) const {
  const char quote = at(offset);
  for (std::size_t i = offset + 1; i < text_.size(); ++i) {
    if (text_[i] == '\\' && quote == '"') {
      ++i;
    } else if (text_[i] == quote) {
      if (quote == '"' || at(i + 1) != '\'') return i + 1;
      ++i;
    }
  }
  return kNowhere;
}

bool YamlSource::closed(std::size_t offset) const {
  std::size_t open = 0;
  for (std::size_t i = offset; i < text_.size(); ++i) {
    const char c = text_[i];
    if (c == '[' || c == '{') ++open;
    if ((c == ']' || c == '}') && --open == 0) return true;
    if (c == '#' && i > 0 && is_white(text_[i - 1])) i += rest_of_line(i).size();
    if ((c == '"' || c == '\'') && quote_opens(i)) {
      const std::size_t end = end_of_quoted(i);
      if (end == kNowhere) return false;
      i = end - 1;
    }
  }
  return false;
}

bool something_open(std::string_view value) {
  std::string open;
  char quote = '\0';
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (quote != '\0') {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = '\0';
      }
    } else if (c == '"' || (c == '\'' && (i == 0 || is_white(value[i - 1]) || value[i - 1] == '('))) {
      quote = c;
    } else if (c == '(' || c == '[' || c == '{') {
      open.push_back(c);
    } else if (!open.empty() && ((c == ')' && open.back() == '(') || (c == ']' && open.back() == '[') ||
                                 (c == '}' && open.back() == '{'))) {
      open.pop_back();
    }
  }
  return quote != '\0' || !open.empty();
}

namespace {
bool has_expression_mark(std::string_view text) {
  return text.find("${{") != kNowhere || text.find("}}") != kNowhere;
}
}  // namespace

bool looks_like_value(std::string_view value, std::string_view comment) {
  if (comment.size() > 1 && !is_blank(comment[1]) && comment[1] != '#') return true;
  return has_expression_mark(value) || has_expression_mark(comment) || something_open(value);
}

std::size_t find_hiding_comment(const YamlSource& source, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    const char c = source.at(i);
    if ((c == '"' || c == '\'') && source.quote_opens(i)) {
      const std::size_t end = source.end_of_quoted(i);
      if (end == kNowhere) return kNowhere;
      i = end - 1;
    } else if (c == '#' && i > 0 && is_white(source.at(i - 1))) {
      const std::string_view comment = source.rest_of_line(i);
      const bool hides_end =
          comment.find_first_of("]}") != kNowhere && comment.find_first_of("[{") == kNowhere;
      if (hides_end || looks_like_value("", comment)) return i;
      i += comment.size();
    }
  }
  return kNowhere;
}

}  // namespace postlude::lang
