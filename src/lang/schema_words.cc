#include "lang/schema_words.h"

#include <algorithm>

#include "base/text.h"
#include "base/time.h"

namespace postlude::lang {

std::string quoted(std::string_view text) {
  constexpr std::size_t kMax = 60;
  std::string out = "'" + shortened(text, kMax) + "'";
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

// a, b or c
std::string either(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string_view type_in_words(std::string_view type) {
  if (type == "object") return "a map";
  if (type == "array") return "a list";
  if (type == "string") return "text";
  if (type == "integer") return "a whole number";
  if (type == "number") return "a number";
  if (type == "boolean") return "true or false";
  return "nothing";
}

std::string_view format_in_words(std::string_view format) {
  if (format == "postlude-duration") return "a duration such as 30s";
  if (format == "rate") return "a rate such as 10/s";
  if (format == "size") return "a size such as 1MiB";
  if (format == "glob") return "a glob";
  if (format == "expression") return "an expression";
  if (format == "secret") return "{env: NAME} or {file: path}";
  return {};
}

bool flag(const json::value& schema, std::string_view keyword) {
  const json::value* value = find(schema, keyword);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::vector<std::string_view> types_of(const json::value& schema) {
  std::vector<std::string_view> types;
  const json::value* type = find(schema, "type");
  if (type == nullptr) return types;
  if (type->is_string()) types.push_back(view(type->get_string()));
  if (const auto* list = type->if_array()) {
    for (const json::value& one : *list)
      types.push_back(view(one.as_string()));
  }
  return types;
}

const json::array* alternatives_of(const json::value& schema) {
  const json::value* list = find(schema, "oneOf");
  if (list == nullptr) list = find(schema, "anyOf");
  return list == nullptr ? nullptr : list->if_array();
}

std::string_view first_required(const json::value& schema) {
  const json::value* required = find(schema, "required");
  if (required == nullptr || !required->is_array() || required->get_array().empty()) return {};
  return view(required->get_array()[0].as_string());
}

bool has_expression(const Node& node) {
  return node.is_scalar() && node.scalar.find("${{") != std::string::npos;
}

bool equals(const Node& node, const json::value& wanted) {
  if (!node.is_scalar()) return node.is_null() && wanted.is_null();
  if (wanted.is_string()) return view(wanted.get_string()) == node.scalar;
  return node.plain && scalar_value(node.scalar) == wanted;
}

// Whether a scalar, as written, is of this JSON type. Where text is wanted everything is text.
bool is_of_type(const Node& node, std::string_view type) {
  if (type == "string") return true;
  if (!node.plain) return false;
  const json::value value = scalar_value(node.scalar);
  if (type == "integer") return value.is_int64() || value.is_uint64();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_bool();
  return type == "null" && value.is_null();
}

// The error of the parsers in base, or "".
std::string check_format(std::string_view format, std::string_view text) {
  if (format == "postlude-duration") {
    const auto parsed = parse_duration(text);
    if (!parsed) return parsed.error().message;
  } else if (format == "rate") {
    const auto parsed = parse_rate(text);
    if (!parsed) return parsed.error().message;
  } else if (format == "size") {
    const auto parsed = parse_size(text);
    if (!parsed) return parsed.error().message;
  } else if (format == "glob" && text.empty()) {
    return "a glob must not be empty; write * for anything";
  }
  return {};
}

const json::value* choose_map(const Node& node, const std::vector<const json::value*>& maps) {
  if (maps.size() == 1) return maps[0];
  const auto knows_all = [&](const json::value& schema) {
    const json::value* properties = find(schema, "properties");
    return properties != nullptr &&
           std::all_of(node.members.begin(), node.members.end(),
                       [&](const auto& member) { return find(*properties, member.first.scalar) != nullptr; });
  };
  const json::value* first = nullptr;
  for (const auto& [key, value] : node.members) {
    for (const json::value* schema : maps) {
      if (first_required(*schema) != key.scalar) continue;
      if (knows_all(*schema)) return schema;
      if (first == nullptr) first = schema;
    }
  }
  return first;
}

}  // namespace postlude::lang
