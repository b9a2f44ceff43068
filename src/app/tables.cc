#include "app/tables.h"

#include <algorithm>
#include <map>

#include "lang/yaml.h"

namespace postlude::app {

namespace {

lang::Place place_of(const ConfigText& text, std::size_t at) {
  const std::string_view before = std::string_view(text.text).substr(0, at);
  const std::size_t line = before.rfind('\n');
  const std::size_t column = line == std::string_view::npos ? at : at - line - 1;
  return {text.path, static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(column) + 1};
}

// The first key that an object of valid JSON has twice: its place, and what the reader of YAML says of one.
class Repeated {
 public:
  explicit Repeated(const ConfigText& text) : text_(text) {}

  std::optional<lang::Problem> find() {
    for (at_ = 0; at_ < text_.text.size(); ++at_) {
      const char c = text_.text[at_];
      if (c == '{' || c == '[') maps_.emplace_back(c == '{');
      if (c == '}' || c == ']') maps_.pop_back();
      if (c == ',' && !maps_.empty()) maps_.back().key = maps_.back().map;
      if (c == ':') maps_.back().key = false;
      if (c != '"') continue;
      const std::size_t begin = at_;
      skip_text();
      if (!maps_.empty() && maps_.back().key)
        if (auto problem = key(begin)) return problem;
    }
    return std::nullopt;
  }

 private:
  struct Level {
    explicit Level(bool is_map) : map(is_map), key(is_map) {}
    bool map, key;  // the next text is a key
    std::map<std::string, std::size_t> seen;
  };

  void skip_text() {
    for (++at_; text_.text[at_] != '"'; ++at_)
      if (text_.text[at_] == '\\') ++at_;
  }

  std::optional<lang::Problem> key(std::size_t begin) {
    const auto value = parse_json(std::string_view(text_.text).substr(begin, at_ + 1 - begin));
    if (!value || !value->is_string()) return std::nullopt;
    const std::string name(view(value->get_string()));
    const auto [first, fresh] = maps_.back().seen.emplace(name, begin);
    if (fresh) return std::nullopt;
    const int line = place_of(text_, first->second).line;
    return lang::Problem{place_of(text_, begin),
                         "duplicate key '" + name + "'; the first is in line " + std::to_string(line)};
  }

  const ConfigText& text_;
  std::size_t at_ = 0;
  std::vector<Level> maps_;
};

std::optional<json::value> read_json(const ConfigText& text, lang::Problems& problems) {
  auto value = parse_json(text.text);
  if (value) {
    const auto repeated = Repeated(text).find();
    if (!repeated) return std::move(*value);
    problems.push_back(*repeated);
    return std::nullopt;
  }
  // Once more, to learn where: an error's message is for people.
  boost::system::error_code ec;
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  json::parser parser({}, options);
  const std::size_t at = parser.write_some({text.text.data(), text.text.size()}, ec);
  const std::size_t rest = ec ? at : text.text.find_first_not_of(" \t\r\n", at);
  problems.push_back(
      {place_of(text, rest == std::string::npos ? text.text.size() : rest), value.error().message});
  return std::nullopt;
}

// Recursion is bounded: both readers refuse what is deeper than 64.
std::size_t depth_of(const json::value& value) {
  std::size_t inner = 0;
  if (const json::array* list = value.if_array()) {
    for (const json::value& one : *list)
      inner = std::max(inner, depth_of(one));
    return inner + 1;
  }
  if (const json::object* map = value.if_object()) {
    for (const auto& one : *map)
      inner = std::max(inner, depth_of(one.value()));
    return inner + 1;
  }
  return 0;
}

std::optional<json::value> read(const ConfigText& text, lang::Problems& problems) {
  if (text.path.ends_with(".json")) return read_json(text, problems);
  lang::Problems own;
  const auto node = lang::read_yaml(text.text, text.path, own);
  problems.insert(problems.end(), own.begin(), own.end());
  if (!node || any_error(own)) return std::nullopt;
  return lang::to_json(*node);
}

}  // namespace

void add_table(const lang::Node& name, const ConfigText& text, json::object& tables,
               lang::Problems& problems) {
  if (text.text.size() > kTablesMax) {
    problems.push_back({{text.path, 1, 1}, "the file is longer than 4 MiB"});
    return;
  }
  auto value = read(text, problems);
  if (!value) return;
  if (!value->is_object() && !value->is_array()) {
    problems.push_back({{text.path, 1, 1},
                        "the table '" + name.scalar + "' is " + (value->is_null() ? "empty" : "one value") +
                            "; expected a map or a list"});
    return;
  }
  if (depth_of(*value) >= kJsonDepthMax) {  // one level is the object of all tables
    problems.push_back({{text.path, 1, 1},
                        "the table '" + name.scalar + "' is nested deeper than " +
                            std::to_string(kJsonDepthMax - 1) + " levels"});
    return;
  }
  tables[name.scalar] = std::move(*value);
}

}  // namespace postlude::app
