#include "app/tables.h"

#include <algorithm>

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

std::optional<json::value> read_json(const ConfigText& text, lang::Problems& problems) {
  auto value = parse_json(text.text);
  if (value) return std::move(*value);
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
