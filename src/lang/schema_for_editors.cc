#include "lang/schema_for_editors.h"

#include <algorithm>
#include <array>
#include <string>

#include "lang/schema.h"

namespace postlude::lang {

namespace {

constexpr std::array<std::string_view, 3> kMaps{"properties", "patternProperties", "definitions"};
constexpr std::array<std::string_view, 6> kSchemas{
    "additionalProperties", "items", "if", "then", "else", "not"};
constexpr std::array<std::string_view, 3> kLists{"oneOf", "anyOf", "allOf"};

template <class Words>
bool one_of(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Whether our reader takes this text where `schema` wants text.
bool takes(const json::value& schema, const std::string& text) {
  json::object alone{{"type", "string"}};
  for (const char* keyword : {"pattern", "format"}) {
    if (const json::value* wants = find(schema, keyword)) alone[keyword] = *wants;
  }
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = text;
  Problems problems;
  check_against(node, alone, problems);
  return problems.empty();
}

// The types, with those that an editor sees where text is meant.
json::value types_of(const json::value& schema, const json::value& type) {
  json::array types = type.is_array() ? type.get_array() : json::array{type};
  const auto has = [&](std::string_view name) {
    return std::any_of(types.begin(), types.end(),
                       [&](const json::value& t) { return view(t.as_string()) == name; });
  };
  const bool words = find(schema, "enum") != nullptr || find(schema, "const") != nullptr;
  if (!has("string") || words) return type;
  const bool numbers = takes(schema, "1.5") && takes(schema, "15");
  const bool integers = !numbers && takes(schema, "15");
  if (numbers && !has("number")) types.emplace_back("number");
  if (integers && !has("integer") && !has("number")) types.emplace_back("integer");
  if (takes(schema, "true") && !has("boolean")) types.emplace_back("boolean");
  return types.size() == 1 ? types[0] : json::value(std::move(types));
}

// {"required": ["a", "b"]} with a also written c: b, and one of a and c.
void let_be_written(json::object& schema, const json::object& also) {
  json::array required;
  json::object patterns;
  for (const json::value& key : schema["required"].as_array()) {
    if (!also.contains(view(key.as_string()))) required.push_back(key);
  }
  for (const auto& [key, other] : also) {
    patterns["^" + std::string(view(other.as_string())) + "$"] = schema["properties"].at(key);
    schema["anyOf"] = json::array{json::object{{"required", json::array{json::string(key)}}},
                                  json::object{{"required", json::array{other}}}};
  }
  schema["required"] = std::move(required);
  schema["patternProperties"] = std::move(patterns);
}

// A key that this build refuses by name is refused, and still described.
json::value refused(const json::value& given, const json::value& not_built) {
  json::object out{{"x-notBuilt", not_built}, {"not", json::object()}};
  out["description"] = "Not built yet in this version. " + std::string(find_text(given, "description"));
  return out;
}

bool is_scalar(const json::value& schema) {
  if (find(schema, "enum") != nullptr) return true;
  const json::value* type = find(schema, "type");
  if (type == nullptr) return false;
  const auto plain = [](const json::value& t) { return t != "object" && t != "array"; };
  return type->is_array() ? std::all_of(type->get_array().begin(), type->get_array().end(), plain)
                          : plain(*type);
}

// Allows {env: NAME} as well.
json::value or_environment(json::object schema) {
  json::object out;
  for (const char* key : {"description", "default", "examples", "x-says"}) {
    if (const json::value* word = schema.if_contains(key)) out[key] = *word;
  }
  out["anyOf"] = json::array{std::move(schema), json::object{{"$ref", "#/definitions/environment"}}};
  return out;
}

// `environment`: plain values may be {env: NAME}.
json::value converted(const json::value& given, bool environment) {
  if (!given.is_object()) return given;
  if (find(given, "x-literal") != nullptr || find_text(given, "format") == "secret") environment = false;
  if (const json::value* word = find(given, "x-sensitive"))
    environment = environment && word->is_bool() && !word->get_bool();
  if (const json::value* not_built = find(given, "x-notBuilt")) return refused(given, *not_built);
  json::object out;
  for (const auto& [key, value] : given.get_object()) {
    const std::string_view word(key);
    if (word == "type") {
      out[key] = types_of(given, value);
    } else if (one_of(kMaps, word) && value.is_object()) {
      json::object inner;
      for (const auto& [name, one] : value.get_object())
        inner[name] = converted(one, environment);
      out[key] = std::move(inner);
    } else if (one_of(kLists, word) && value.is_array()) {
      json::array inner;
      for (const json::value& one : value.get_array())
        inner.push_back(converted(one, environment));
      out[word == "oneOf" ? "anyOf" : word] = std::move(inner);
    } else if (one_of(kSchemas, word)) {
      out[key] = converted(value, environment);
    } else if (word != "x-alsoWritten" && word != "x-kin" && word != "x-literal") {
      out[key] = value;
    }
  }
  // An editor knows none of our formats. `check` says more than these patterns, as where expressions may
  // stand.
  const std::string_view format = find_text(given, "format");
  if (!out.contains("pattern")) {
    if (format == "postlude-duration") out["pattern"] = "^([0-9]+(d|h|ms|m|s|us|µs))+$|[$][{][{]";
    if (format == "rate") out["pattern"] = "^[0-9]{1,9}/(d|h|m|s)$";
    if (format == "size") out["pattern"] = "^[0-9]+(B|KiB|MiB|GiB|KB|kB|MB|GB)?$";
  }
  if (const json::value* also = find(given, "x-alsoWritten")) let_be_written(out, also->as_object());
  if (environment && is_scalar(given)) return or_environment(std::move(out));
  return out;
}

}  // namespace

json::value for_editors(const json::value& schema) {
  return converted(schema, find(schema, "x-environment") != nullptr);
}

}  // namespace postlude::lang
