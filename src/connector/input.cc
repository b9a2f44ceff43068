#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <memory>
#include <set>

// valijson warns under our flags, and takes seconds to compile: it is here and nowhere else.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wswitch-enum"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wextra"
#define VALIJSON_USE_EXCEPTIONS 1  // else a schema that is none ends the process
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#pragma GCC diagnostic pop
#include <re2/re2.h>

#include "base/json.h"
#include "base/text.h"
#include "connector/action.h"
#include "lang/schema.h"
#include "lang/template.h"

namespace postlude::connector {

// `pattern` by its text. RE2, since a text of the sender's meets them, and std::regex, which valijson would
// ask, can take for ever over it.
using Patterns = std::map<std::string, std::unique_ptr<RE2>, std::less<>>;

class InputSchema {
 public:
  valijson::Schema schema;  // without `pattern`
  Patterns patterns;
};

namespace {

constexpr std::size_t kTextBytesMax = 64U << 10U;

const std::vector<std::string> kKeywords = {"type",
                                            "properties",
                                            "required",
                                            "additionalProperties",
                                            "propertyNames",
                                            "minProperties",
                                            "maxProperties",
                                            "items",
                                            "additionalItems",
                                            "contains",
                                            "minItems",
                                            "maxItems",
                                            "uniqueItems",
                                            "enum",
                                            "const",
                                            "minLength",
                                            "maxLength",
                                            "pattern",
                                            "format",
                                            "minimum",
                                            "maximum",
                                            "exclusiveMinimum",
                                            "exclusiveMaximum",
                                            "multipleOf",
                                            "allOf",
                                            "anyOf",
                                            "oneOf",
                                            "not",
                                            "if",
                                            "then",
                                            "else",
                                            "dependencies",
                                            "title",
                                            "description",
                                            "default",
                                            "examples",
                                            "$comment",
                                            "escape"};
constexpr std::array<std::string_view, 8> kWithSchema = {
    "additionalProperties", "propertyNames", "contains", "additionalItems", "not", "if", "then", "else"};
constexpr std::array<std::string_view, 3> kWithSchemas = {"allOf", "anyOf", "oneOf"};
const std::vector<std::string> kTypes = {"string", "integer", "number", "boolean", "object", "array", "null"};
const std::vector<std::string> kFormats = {"date", "time", "date-time"};

// -- reading a schema

// `direct`: of a value, not of one of several that it may or must not be.
void check_schema(const lang::Node& node, bool direct, lang::Problems& problems);

std::unique_ptr<RE2> compile(std::string_view pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  return std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
}

void check_pattern(const lang::Node& key, const lang::Node& value, bool direct, lang::Problems& problems) {
  if (!direct) {
    problems.push_back({key.place, "`pattern` is supported only within `properties` and `items`", false});
    return;
  }
  if (!value.is_scalar()) {
    problems.push_back({value.place, "a `pattern` must be text", false});
    return;
  }
  const auto compiled = compile(value.scalar);
  if (!compiled->ok())
    problems.push_back(
        {value.place, "this is not a regular expression that RE2 accepts: " + compiled->error(), false});
}

void check_types(const lang::Node& type, lang::Problems& problems) {
  const auto check = [&](const lang::Node& name) {
    if (std::find(kTypes.begin(), kTypes.end(), name.scalar) == kTypes.end()) {
      problems.push_back(
          {name.place, "`" + name.scalar + "` is not a type of JSON Schema; there are: " + join(kTypes, ", "),
           false});
    }
  };
  if (type.is_list()) {
    for (const lang::Node& item : type.items)
      check(item);
  } else {
    check(type);
  }
}

void check_keyword(const lang::Node& key, const lang::Node& value, bool direct, lang::Problems& problems) {
  const std::string& word = key.scalar;
  const auto in = [&](const auto& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (!in(kKeywords)) {
    const std::string near = nearest(word, kKeywords);
    problems.push_back({key.place,
                        "unknown keyword `" + word + "` in `input`, which is JSON Schema draft-07" +
                            (near.empty() ? "" : "; did you mean `" + near + "`?"),
                        false});
  } else if (word == "type") {
    check_types(value, problems);
  } else if (word == "pattern") {
    check_pattern(key, value, direct, problems);
  } else if (word == "escape") {
    const auto& known = lang::escape_names();
    if (std::find(known.begin(), known.end(), value.scalar) == known.end()) {
      problems.push_back(
          {value.place, "there is no escape `" + value.scalar + "`; there are: " + join(known, ", "), false});
    }
  } else if (word == "format" &&
             std::find(kFormats.begin(), kFormats.end(), value.scalar) == kFormats.end()) {
    problems.push_back(
        {value.place, "format `" + value.scalar + "` is not checked here; there are: " + join(kFormats, ", "),
         false});
  } else if (word == "properties" || word == "dependencies") {
    for (const auto& [name, schema] : value.members) {
      if (schema.is_map()) check_schema(schema, direct && word == "properties", problems);
    }
  } else if (word == "items") {
    if (value.is_map()) check_schema(value, direct, problems);
    for (const lang::Node& item : value.items)
      check_schema(item, false, problems);
  } else if (in(kWithSchema)) {
    if (value.is_map()) check_schema(value, false, problems);
  } else if (in(kWithSchemas)) {
    for (const lang::Node& item : value.items)
      check_schema(item, false, problems);
  }
}

void check_schema(const lang::Node& node, bool direct, lang::Problems& problems) {
  if (!node.is_map()) {
    problems.push_back({node.place, "a schema must be a map", false});
    return;
  }
  for (const auto& [key, value] : node.members)
    check_keyword(key, value, direct, problems);
}

// Moves each `pattern` of a schema that has passed check_schema() to `into`.
void take_patterns(json::value& schema, Patterns& into) {
  if (!schema.is_object()) return;
  json::object& object = schema.get_object();
  if (const json::value* pattern = object.if_contains("pattern");
      pattern != nullptr && pattern->is_string()) {
    std::string text(view(pattern->get_string()));
    if (!into.contains(text)) {
      auto compiled = compile(text);
      into.emplace(std::move(text), std::move(compiled));
    }
    object.erase("pattern");
  }
  if (json::value* properties = object.if_contains("properties");
      properties != nullptr && properties->is_object()) {
    for (auto& member : properties->get_object())
      take_patterns(member.value(), into);
  }
  if (json::value* items = object.if_contains("items")) take_patterns(*items, into);
}

// -- what is wrong with a value, in our words; valijson has the last word
std::string type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "integer";
    case json::kind::double_:
      return "number";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
  }
  return "null";
}

bool type_fits(const std::string& found, std::string_view wanted) {
  return found == wanted || (found == "integer" && wanted == "number");
}

std::string in_words(std::string_view type) {
  if (type == "string") return "text";
  if (type == "array") return "a list";
  if (type == "object") return "a map";
  if (type == "boolean") return "true or false";
  if (type == "integer") return "a whole number";
  if (type == "number") return "a number";
  return std::string(type);
}

std::string shown(const json::value& value) {
  std::string text = to_text(value);
  return cut(std::move(text), 60);
}

std::string wrong_type(const json::value& value, const json::value& schema) {
  const json::value* type = find(schema, "type");
  if (type == nullptr) return "";
  const std::string found = type_of(value);
  std::vector<std::string> wanted;
  const auto fits = [&](const json::value& name) {
    if (!name.is_string()) return false;
    wanted.push_back(in_words(view(name.get_string())));
    return type_fits(found, view(name.get_string()));
  };
  if (type->is_array()) {
    for (const json::value& name : type->get_array()) {
      if (fits(name)) return "";
    }
  } else if (fits(*type)) {
    return "";
  }
  const bool environment =
      value.is_object() && value.get_object().size() == 1 && find(value, "env") != nullptr;
  return shown(value) + "; expected " + join(wanted, " or ") +
         (environment ? ": " + std::string(lang::kNoEnvironmentHere) : "");
}

struct InputFault {
  std::string path;  // with.fields.name
  std::string what;
};
std::optional<InputFault> explain(const json::value& value, const json::value& schema,
                                  const Patterns& patterns, const std::string& path);

std::optional<InputFault> explain_members(const json::object& object, const json::value& schema,
                                          const Patterns& patterns, const std::string& path) {
  const json::value* properties = find(schema, "properties");
  const json::value* open = find(schema, "additionalProperties");
  std::vector<std::string> known;
  if (properties != nullptr && properties->is_object()) {
    for (const auto& member : properties->get_object())
      known.emplace_back(member.key().data(), member.key().size());
  }
  for (const auto& member : object) {
    const std::string name(member.key().data(), member.key().size());
    const json::value* own = properties == nullptr ? nullptr : find(*properties, name);
    if (own == nullptr) {
      if (open == nullptr || !open->is_bool() || open->get_bool() || find(schema, "patternProperties"))
        continue;
      const std::string near = nearest(name, known);
      return InputFault{
          path, "unknown field `" + name + "`" +
                    (near.empty() ? "; there are: " + join(known, ", ") : "; did you mean `" + near + "`?")};
    }
    if (auto fault = explain(member.value(), *own, patterns, path + "." + name)) return fault;
  }
  if (const json::value* required = find(schema, "required"); required && required->is_array()) {
    for (const json::value& name : required->get_array()) {
      if (name.is_string() && !object.contains(name.get_string())) {
        return InputFault{path, "`" + std::string(view(name.get_string())) + "` is missing"};
      }
    }
  }
  return std::nullopt;
}

std::optional<InputFault> explain(const json::value& value, const json::value& schema,
                                  const Patterns& patterns, const std::string& path) {
  if (!schema.is_object()) return std::nullopt;
  if (std::string wrong = wrong_type(value, schema); !wrong.empty())
    return InputFault{path, std::move(wrong)};
  const bool text = value.is_string();
  if (text && value.get_string().size() > kTextBytesMax) return InputFault{path, "text longer than 64 KiB"};
  if (const json::value* choices = find(schema, "enum"); choices && choices->is_array()) {
    const json::array& list = choices->get_array();
    if (std::find(list.begin(), list.end(), value) == list.end()) {
      std::vector<std::string> words;
      for (const json::value& choice : list)
        words.push_back(choice.is_string() ? std::string(view(choice.get_string())) : to_text(choice));
      return InputFault{path, shown(value) + " is none of: " + join(words, ", ")};
    }
  }
  if (const std::string_view pattern = find_text(schema, "pattern"); text && !pattern.empty()) {
    const auto known = patterns.find(pattern);
    const std::string_view given = view(value.get_string());
    if (known != patterns.end() &&
        !RE2::PartialMatch(re2::StringPiece(given.data(), given.size()), *known->second))
      return InputFault{path, shown(value) + " does not match " + std::string(pattern)};
  }
  if (value.is_object()) return explain_members(value.get_object(), schema, patterns, path);
  if (const json::value* items = find(schema, "items"); items && value.is_array()) {
    for (std::size_t i = 0; i < value.get_array().size(); ++i) {
      if (auto fault = explain(value.get_array()[i], *items, patterns, path + "[" + std::to_string(i) + "]"))
        return fault;
    }
  }
  return std::nullopt;
}

void fill_defaults(json::value& value, const json::value& schema) {
  const json::value* properties = find(schema, "properties");
  if (!value.is_object() || properties == nullptr || !properties->is_object()) return;
  for (const auto& member : properties->get_object()) {
    json::object& object = value.get_object();
    const json::value* fallback = find(member.value(), "default");
    if (!object.contains(member.key()) && fallback != nullptr) object[member.key()] = *fallback;
    if (object.contains(member.key())) fill_defaults(object[member.key()], member.value());
  }
}

// [<root>][fields][name] -> with.fields.name
std::string path_of(const std::vector<std::string>& context) {
  std::string path = "with";
  for (std::size_t i = 1; i < context.size(); ++i) {
    std::string part = context[i];
    if (part.size() > 2 && part.front() == '[' && part.back() == ']') part = part.substr(1, part.size() - 2);
    path += "." + part;
  }
  return path;
}

std::optional<InputFault> ask_valijson(const json::value& value, const valijson::Schema& schema) {
  try {
    valijson::Validator validator;
    valijson::ValidationResults results;
    const valijson::adapters::BoostJsonAdapter target(value);
    if (validator.validate(schema, target, &results)) return std::nullopt;
    std::optional<InputFault> fault;
    std::size_t depth = 0;
    for (const valijson::ValidationResults::Error& error : results) {
      if (fault && error.context.size() <= depth) continue;  // the innermost says most
      depth = error.context.size();
      fault = InputFault{path_of(error.context), error.description};
    }
    return fault ? fault : InputFault{"with", "does not fit the action's input"};
  } catch (const std::exception& e) {
    return InputFault{"with", std::string("could not be checked: ") + e.what()};
  }
}

std::optional<InputFault> check(const json::value& value, const json::value& schema,
                                const InputSchema& compiled) {
  if (auto fault = explain(value, schema, compiled.patterns, "with")) return fault;
  return ask_valijson(value, compiled.schema);
}

// The node a fault's path leads to, as far as it is written.
const lang::Node* follow(const lang::Node* node, std::string_view path) {
  path.remove_prefix(std::min(path.size(), std::string_view("with").size()));
  while (node != nullptr && !path.empty()) {
    const bool index = path[0] == '[';
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find_first_of(".["), path.size());
    std::string_view part = path.substr(0, end);
    path.remove_prefix(end);
    if (index) {
      const std::size_t at = static_cast<std::size_t>(std::atoi(std::string(part).c_str()));
      node = node->is_list() && at < node->items.size() ? &node->items[at] : nullptr;
    } else {
      node = node->find(part);
    }
  }
  return node;
}

bool has_expression(const lang::Node& node) {
  if (node.is_scalar()) return node.scalar.find("${{") != std::string::npos;
  const auto in_item = [](const lang::Node& item) { return has_expression(item); };
  const auto in_member = [](const auto& member) { return has_expression(member.second); };
  return std::any_of(node.items.begin(), node.items.end(), in_item) ||
         std::any_of(node.members.begin(), node.members.end(), in_member);
}

}  // namespace

std::shared_ptr<const InputSchema> read_input_schema(const lang::Node& node, const json::value& schema,
                                                     lang::Problems& problems) {
  const std::size_t before = problems.size();
  check_schema(node, true, problems);
  if (schema.is_object()) {
    const std::string_view type = find_text(schema, "type");
    if (type != "object")
      problems.push_back({node.place, "`input` describes a map: its type is object", false});
  }
  if (problems.size() > before) return nullptr;
  try {
    auto compiled = std::make_shared<InputSchema>();
    json::value without = schema;
    take_patterns(without, compiled->patterns);
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(valijson::adapters::BoostJsonAdapter(without), compiled->schema);
    return compiled;
  } catch (const std::exception& e) {
    problems.push_back({node.place, std::string("`input` is not a usable JSON Schema: ") + e.what(), false});
    return nullptr;
  }
}

Result<json::value> validate_input(const Action& action, json::value with, const lang::Node* written) {
  if (action.schema() == nullptr) return with;
  if (with.is_null()) with = json::object();
  fill_defaults(with, action.input());
  const std::optional<InputFault> fault = check(with, action.input(), *action.schema());
  if (!fault) return with;
  std::string message = fault->path + ": " + fault->what;
  const lang::Node* node = follow(written, fault->path);
  if (node != nullptr && node->is_scalar() && has_expression(*node)) {
    message += ", from " + node->scalar + " (" + node->place.text() + ")";
  }
  return Error(Code::kInvalid, message);
}

void check_input(const Action& action, const lang::Node* with, const lang::Place& step,
                 lang::Problems& problems) {
  if (action.schema() == nullptr) return;
  const lang::Node nothing{};
  const lang::Node& node = with == nullptr ? nothing : *with;
  if (node.is_scalar() && has_expression(node)) return;  // known only at run time
  if (!node.is_map() && !node.is_null()) {
    problems.push_back({node.place, "`with` must be a map", false});
    return;
  }
  const json::value* properties = find(action.input(), "properties");
  json::object rest;  // what is literal, and a stand-in for what is not, so that required fields count
  for (const auto& [key, value] : node.members) {
    const json::value* schema = properties == nullptr ? nullptr : find(*properties, key.scalar);
    const auto fault = explain_members(
        {{key.scalar, nullptr}},
        json::value{{"additionalProperties", action.input().at("additionalProperties")},
                    {"properties", properties == nullptr ? json::value(json::object()) : *properties}},
        action.schema()->patterns, "with");
    if (schema == nullptr) {
      if (fault && fault->path == "with") problems.push_back({key.place, fault->what, false});
      continue;
    }
    if (has_expression(value)) {
      rest[key.scalar] = nullptr;
      continue;
    }
    rest[key.scalar] = lang::typed(value, *schema);
    if (auto wrong = explain(rest[key.scalar], *schema, action.schema()->patterns, "with." + key.scalar)) {
      problems.push_back({value.place, wrong->path + ": " + wrong->what, false});
    } else {
      try {
        json::value without = *schema;
        Patterns known;  // they have been asked already
        take_patterns(without, known);
        valijson::Schema compiled;
        valijson::SchemaParser(valijson::SchemaParser::kDraft7)
            .populateSchema(valijson::adapters::BoostJsonAdapter(without), compiled);
        if (auto refused = ask_valijson(rest[key.scalar], compiled)) {
          problems.push_back(
              {value.place, "with." + key.scalar + refused->path.substr(4) + ": " + refused->what, false});
        }
      } catch (const std::exception&) {
        continue;  // the whole schema was compiled when it was read
      }
    }
  }
  const json::value* required = find(action.input(), "required");
  if (required == nullptr || !required->is_array()) return;
  for (const json::value& name : required->get_array()) {
    if (!name.is_string() || rest.contains(name.get_string())) continue;
    problems.push_back({with == nullptr || with->is_null() ? step : node.place,
                        "`with` needs `" + std::string(view(name.get_string())) + "`: " + action.connector() +
                            "/" + action.name() + " requires it",
                        false});
  }
}

}  // namespace postlude::connector
