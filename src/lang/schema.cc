#include "lang/schema.h"

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <regex>

#include "base/text.h"
#include "lang/schema_words.h"

namespace postlude::lang {

namespace {

constexpr std::size_t kPatternTextMax = 1024;  // std::regex recurses: longer text never meets one

// How a node is called in messages.
struct Named {
  std::string name;
  Place at;                // of its key: where a missing member is reported
  bool sensitive = false;  // never quote what stands here
};

class Walk {
 public:
  Walk(const json::value& root, CheckOptions options) : root_(root), options_(options) {}

  void check(const Node& node, const json::value& schema, const Named& named, Problems& problems);
  json::value typed(const Node& node, const json::value& schema);
  const json::value& resolve(const json::value& schema) const;

 private:
  void check_alternatives(const Node& node, const json::array& list, const Named& named, Problems& problems);
  void check_kinds_of_map(const Node& node, const std::vector<const json::value*>& kinds, const Named& named,
                          Problems& problems);
  static void refuse_kind(const Node& node, const std::vector<const json::value*>& kinds, const Named& named,
                          Problems& problems);
  void check_map(const Node& node, const json::value& schema, const Named& named, Problems& problems);
  bool check_key(const Node& key, const Node& value, const json::value& schema, Problems& problems);
  std::string_view belongs_to(std::string_view key, const json::value& schema) const;
  void check_unknown(const Node& key, const json::value& schema, const Named& named, Problems& problems);
  void check_list(const Node& node, const json::value& schema, const Named& named, Problems& problems);
  void check_scalar(const Node& node, const json::value& schema, const Named& named, Problems& problems);
  void check_choice(const Node& node, const json::value& schema, const Named& named, Problems& problems);
  void check_number(const Node& node, const json::value& schema, const Named& named, Problems& problems);

  const json::value* member_schema(const json::value& schema, std::string_view key) const;
  void flatten(const json::array& list, std::vector<const json::value*>& into) const;
  bool accepts_kind(const Node& node, const json::value& schema) const;
  std::string wanted(const json::value& schema) const;
  std::string wanted(const std::vector<const json::value*>& list) const;
  static std::string found(const Node& node, const Named& named);
  const std::regex& pattern(std::string_view text) const;
  Named name_member(const Node& key, const Node& node, const json::value& schema, bool listed,
                    const Named& parent) const;
  Named name_item(const Node& node, std::size_t index, const json::value& schema, const Named& parent) const;

  const json::value& root_;
  CheckOptions options_;
  mutable std::map<std::string, std::regex, std::less<>> patterns_;
};

// A $ref that leads nowhere allows anything: the schemas of connectors come from users, whose reader refuses
// it.
const json::value& Walk::resolve(const json::value& schema) const {
  static const json::value anything = json::object();
  constexpr std::string_view kPrefix = "#/definitions/";
  const json::value* at = &schema;
  for (int hops = 0; hops < 16; ++hops) {
    const std::string_view ref = find_text(*at, "$ref");
    if (ref.empty()) return *at;
    const json::value* definitions = find(root_, "definitions");
    if (definitions == nullptr || !ref.starts_with(kPrefix)) return anything;
    at = find(*definitions, ref.substr(kPrefix.size()));
    if (at == nullptr) return anything;
  }
  return anything;
}

// Throws std::regex_error, caught below.
const std::regex& Walk::pattern(std::string_view text) const {
  const auto known = patterns_.find(text);
  if (known != patterns_.end()) return known->second;
  return patterns_.emplace(std::string(text), std::regex(std::string(text), std::regex::ECMAScript))
      .first->second;
}

bool holds_user(std::string_view text) {
  return shown_url(text).find("://***@") != std::string::npos;
}

// Also a word with a query alone; not a sentence with a question mark.
bool may_be_url(std::string_view text) {
  const bool query = text.find(' ') == std::string_view::npos && text.find('=') != std::string_view::npos &&
                     text.find('?') < text.rfind('=');
  return query || text.find("://") != std::string_view::npos;
}

std::string Walk::found(const Node& node, const Named& named) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "empty";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    case Node::Kind::kScalar:
      break;
  }
  if (named.sensitive) return "text";
  return quoted(may_be_url(node.scalar) ? shown_url(node.scalar) : node.scalar);
}

std::string Walk::wanted(const std::vector<const json::value*>& list) const {
  std::vector<std::string> words;
  for (const json::value* schema : list) {
    if (find(*schema, "x-notBuilt") != nullptr) continue;
    std::string one = wanted(*schema);
    if (std::find(words.begin(), words.end(), one) == words.end()) words.push_back(std::move(one));
  }
  return either(words);
}

std::string Walk::wanted(const json::value& unresolved) const {
  const json::value& schema = resolve(unresolved);
  if (const std::string_view words = find_text(schema, "x-says"); !words.empty()) return std::string(words);
  if (const std::string_view words = format_in_words(find_text(schema, "format")); !words.empty())
    return std::string(words);
  if (const json::value* only = find(schema, "const"))
    return only->is_string() ? quoted(view(only->get_string())) : json::serialize(*only);
  if (const json::value* list = find(schema, "enum")) {
    const json::value* not_built = find(schema, "x-notBuiltValues");
    std::vector<std::string> words;
    for (const json::value& one : list->as_array()) {
      if (one.is_string() && not_built != nullptr && find(*not_built, view(one.get_string())) != nullptr)
        continue;
      words.push_back(one.is_string() ? quoted(view(one.get_string())) : json::serialize(one));
    }
    return either(words);
  }
  if (const json::array* list = alternatives_of(schema)) {
    std::vector<const json::value*> flat;
    flatten(*list, flat);
    return wanted(flat);
  }
  if (const std::string_view key = first_required(schema); !key.empty())
    return "{" + std::string(key) + ": …}";
  std::vector<std::string> words;
  for (const std::string_view type : types_of(schema))
    words.emplace_back(type_in_words(type));
  return words.empty() ? "a value" : either(words);
}

void Walk::flatten(const json::array& list, std::vector<const json::value*>& into) const {
  for (const json::value& one : list) {
    const json::value& schema = resolve(one);
    const json::array* inner = alternatives_of(schema);
    if (inner != nullptr && find_text(schema, "format") != "secret" && find(one, "x-notBuilt") == nullptr) {
      flatten(*inner, into);
    } else {
      into.push_back(&schema);
    }
  }
}

bool Walk::accepts_kind(const Node& node, const json::value& schema) const {
  if (node.is_scalar() && find_text(schema, "format") == "secret") return true;  // to be refused as a literal
  if (const json::array* list = alternatives_of(schema)) {
    std::vector<const json::value*> flat;
    flatten(*list, flat);
    return std::any_of(flat.begin(), flat.end(),
                       [&](const json::value* one) { return accepts_kind(node, *one); });
  }
  const bool choice = find(schema, "const") != nullptr || find(schema, "enum") != nullptr;
  const std::vector<std::string_view> types = types_of(schema);
  if (types.empty()) return !choice || node.is_scalar();
  return std::any_of(types.begin(), types.end(), [&](std::string_view type) {
    if (type == "object") return node.is_map();
    if (type == "array") return node.is_list();
    if (type == "null") return node.is_null() || (node.is_scalar() && is_of_type(node, type));
    return node.is_scalar();
  });
}

void Walk::check(const Node& node, const json::value& unresolved, const Named& named_in, Problems& problems) {
  // A key is refused by name where it is used, beside the $ref to what it will be.
  for (const json::value* at : {&unresolved, &resolve(unresolved)}) {
    if (const json::value* text = find(*at, "x-notBuilt")) {
      const std::string more = text->is_string() ? std::string(view(text->get_string())) : std::string();
      problems.push_back({named_in.at, named_in.name + (more.empty() ? "" : " " + more) +
                                           " is not built yet in this version of Postlude: remove it"});
      return;
    }
  }
  const json::value& schema = resolve(unresolved);
  if (const std::string_view where = find_text(schema, "x-elsewhere"); !where.empty()) {
    problems.push_back({named_in.at, named_in.name + " cannot stand here: " + std::string(where)});
    return;
  }
  Named named = named_in;
  if (find(schema, "x-sensitive") != nullptr) named.sensitive = flag(schema, "x-sensitive");
  if (find_text(schema, "format") == "secret") {
    if (node.is_scalar()) {
      problems.push_back({node.place, "a secret must not be written here: set " + named.name +
                                          " to {env: NAME} or {file: path}"});
      return;
    }
    named.sensitive = true;
  }
  if (options_.expressions && has_expression(node)) return;
  if (const json::array* list = alternatives_of(schema))
    return check_alternatives(node, *list, named, problems);
  if (!accepts_kind(node, schema)) {
    problems.push_back(
        {node.place, named.name + " is " + found(node, named) + "; expected " + wanted(schema)});
    return;
  }
  if (node.is_map()) return check_map(node, schema, named, problems);
  if (node.is_list()) return check_list(node, schema, named, problems);
  check_scalar(node, schema, named, problems);
}

// Maps that are told apart by the first of their required keys.
void Walk::check_kinds_of_map(const Node& node, const std::vector<const json::value*>& kinds,
                              const Named& named, Problems& problems) {
  const json::value* chosen = choose_map(node, kinds);
  if (chosen == nullptr) return refuse_kind(node, kinds, named, problems);
  const std::string_view mine = first_required(*chosen);
  const json::value* own_keys = find(*chosen, "properties");
  for (const auto& [key, value] : node.members) {
    if (key.scalar == mine || (own_keys != nullptr && find(*own_keys, key.scalar) != nullptr)) continue;
    const bool other = std::any_of(kinds.begin(), kinds.end(), [&name = key.scalar](const json::value* one) {
      return first_required(*one) == name;
    });
    if (!other) continue;
    problems.push_back(
        {key.place, quoted(key.scalar) + " cannot stand beside " + quoted(mine) + " in " + named.name});
    return;
  }
  if (find(*chosen, "x-notBuilt") == nullptr) return check(node, *chosen, named, problems);
  check(node, *chosen, {quoted(mine), node.members[0].first.place, true}, problems);
}

void Walk::refuse_kind(const Node& node, const std::vector<const json::value*>& kinds, const Named& named,
                       Problems& problems) {
  std::vector<std::string> keys;
  for (const json::value* one : kinds) {
    if (find(*one, "x-notBuilt") == nullptr) keys.emplace_back(first_required(*one));
  }
  if (node.members.empty()) {
    problems.push_back({node.place, named.name + " is empty; expected one of " + join(keys, ", ")});
    return;
  }
  const Node* worst = &node.members[0].first;
  std::string near;
  for (const auto& [key, value] : node.members) {
    near = nearest(key.scalar, keys);
    worst = &key;
    if (!near.empty()) break;
  }
  if (near.empty()) worst = &node.members[0].first;
  problems.push_back(
      {worst->place, "unknown key " + quoted(worst->scalar) + " in " + named.name +
                         (near.empty() ? "; expected one of " + join(keys, ", ")
                                       : "; did you mean '" + near + "'? (" + join(keys, ", ") + ")")});
}

void Walk::check_alternatives(const Node& node, const json::array& list, const Named& named,
                              Problems& problems) {
  std::vector<const json::value*> all;
  flatten(list, all);
  std::vector<const json::value*> fitting;
  for (const json::value* one : all) {
    if (accepts_kind(node, *one)) fitting.push_back(one);
  }
  const auto refuse = [&] {
    problems.push_back({node.place, named.name + " is " + found(node, named) + "; expected " + wanted(all)});
  };
  if (fitting.empty()) return refuse();
  if (fitting.size() == 1) {
    // A word that is not the one word that may stand here: say what else may.
    const bool one_word = node.is_scalar() && find(*fitting[0], "const") != nullptr;
    if (one_word && !equals(node, *find(*fitting[0], "const"))) return refuse();
    return check(node, *fitting[0], named, problems);
  }
  if (node.is_map()) return check_kinds_of_map(node, fitting, named, problems);
  for (const json::value* one : fitting) {
    Problems own;
    check(node, *one, named, own);
    if (own.empty()) return;
  }
  refuse();
}

const json::value* Walk::member_schema(const json::value& schema, std::string_view key) const {
  if (const json::value* properties = find(schema, "properties")) {
    if (const json::value* found = find(*properties, key)) return found;
  }
  if (const json::value* patterns = find(schema, "patternProperties")) {
    for (const auto& one : patterns->as_object()) {
      if (key.size() <= kPatternTextMax && std::regex_search(key.begin(), key.end(), pattern(one.key())))
        return &one.value();
    }
  }
  const json::value* more = find(schema, "additionalProperties");
  return more != nullptr && more->is_object() ? more : nullptr;
}

Named Walk::name_member(const Node& key, const Node& node, const json::value& schema, bool listed,
                        const Named& parent) const {
  const std::string_view what = listed ? std::string_view() : find_text(resolve(schema), "x-what");
  Named named;
  named.name = (what.empty() ? "" : std::string(what) + " ") + quoted(key.scalar);
  named.at = key.place.line == 0 ? node.place : key.place;
  named.sensitive = parent.sensitive;
  return named;
}

Named Walk::name_item(const Node& node, std::size_t index, const json::value& schema,
                      const Named& parent) const {
  Named named{"entry " + std::to_string(index + 1) + " of " + parent.name, node.place, parent.sensitive};
  const std::string_view what = find_text(resolve(schema), "x-what");
  if (what.empty() || !node.is_map()) return named;
  for (const std::string_view key : {"id", "name"}) {
    if (const std::string_view text = node.text(key); !text.empty()) {
      named.name = std::string(what) + " " + quoted(text);
      return named;
    }
  }
  return named;
}

// false: nothing more is to be said of what stands there.
bool Walk::check_key(const Node& key, const Node& value, const json::value& schema, Problems& problems) {
  const json::value* unresolved = find(schema, "propertyNames");
  if (unresolved == nullptr) return true;
  const json::value* names = &resolve(*unresolved);
  const std::string_view wants = find_text(*names, "pattern");
  const auto fits = [&](const std::string& text) {
    return text.size() <= kPatternTextMax && std::regex_search(text, pattern(wants));
  };
  if (wants.empty() || fits(key.scalar)) return true;
  const std::string fault = quoted(key.scalar) + " is not valid here; expected " + wanted(*names);
  // `post-rollout: /path` for `/path: post-rollout`.
  const json::value* more = find(schema, "additionalProperties");
  const json::value* list = more == nullptr ? nullptr : find(resolve(*more), "enum");
  const bool swapped = list != nullptr && value.is_scalar() && fits(value.scalar) &&
                       std::any_of(list->as_array().begin(), list->as_array().end(),
                                   [&](const json::value& v) { return equals(key, v); });
  problems.push_back(
      {key.place, fault + (swapped ? ": swap them, " + value.scalar + ": " + key.scalar : std::string())});
  return !swapped;
}

// Whose key it is, where the schema names its kin; "": nobody's.
std::string_view Walk::belongs_to(std::string_view key, const json::value& schema) const {
  const json::value* kin = find(schema, "x-kin");
  const json::value* definitions = find(root_, "definitions");
  if (kin == nullptr || definitions == nullptr) return {};
  for (const auto& one : kin->as_object()) {
    const json::value* definition = find(*definitions, std::string_view(one.key()));
    const json::value* keys = definition == nullptr ? nullptr : find(*definition, "properties");
    const json::value* own = keys == nullptr ? nullptr : find(*keys, key);
    if (own != nullptr && find(*own, "x-notBuilt") == nullptr) return view(one.value().as_string());
  }
  return {};
}

void Walk::check_unknown(const Node& key, const json::value& schema, const Named& named, Problems& problems) {
  std::vector<std::string> keys;
  if (const json::value* properties = find(schema, "properties")) {
    for (const auto& one : properties->as_object()) {
      const bool usable =
          find(one.value(), "x-notBuilt") == nullptr && find(one.value(), "x-elsewhere") == nullptr;
      if (usable) keys.emplace_back(one.key());
    }
  }
  std::sort(keys.begin(), keys.end());
  const std::string near = nearest(key.scalar, keys);
  std::string message = "unknown key " + quoted(key.scalar) + " in " + named.name;
  if (const std::string_view whose = belongs_to(key.scalar, schema); !whose.empty()) {
    problems.push_back({key.place, message + "; it belongs to " + std::string(whose)});
    return;
  }
  if (keys.empty()) {
    const json::value* patterns = find(schema, "patternProperties");
    message += patterns == nullptr ? "; it takes none"
                                   : "; expected a name that matches the pattern " +
                                         std::string(patterns->as_object().begin()->key());
  } else if (near.empty()) {
    message += "; valid keys are " + join(keys, ", ");
  } else {
    message += "; did you mean '" + near + "'? (" + join(keys, ", ") + ")";
  }
  problems.push_back({key.place, std::move(message)});
}

void Walk::check_map(const Node& node, const json::value& schema, const Named& named, Problems& problems) {
  const json::value* properties = find(schema, "properties");
  const json::value* more = find(schema, "additionalProperties");
  for (const auto& [key, value] : node.members) {
    if (!check_key(key, value, schema, problems)) continue;
    if (const json::value* member = member_schema(schema, key.scalar)) {
      const bool listed = properties != nullptr && find(*properties, key.scalar) != nullptr;
      check(value, *member, name_member(key, value, *member, listed, named), problems);
    } else if (more != nullptr && more->is_bool() && !more->get_bool()) {
      check_unknown(key, schema, named, problems);
    }
  }
  if (const json::value* required = find(schema, "required")) {
    for (const json::value& key : required->as_array()) {
      const std::string_view name = view(key.as_string());
      if (node.find(name) != nullptr) continue;
      const json::value* member = member_schema(schema, name);
      const json::value* what = member == nullptr ? nullptr : &resolve(*member);
      const bool tell =
          what != nullptr && (find(*what, "x-says") != nullptr || find(*what, "enum") != nullptr ||
                              find_text(*what, "format") == "secret");
      problems.push_back(
          {named.at, named.name + " needs '" + std::string(name) + "'" + (tell ? ": " + wanted(*what) : ""),
           false, true});
    }
  }
}

void Walk::check_list(const Node& node, const json::value& schema, const Named& named, Problems& problems) {
  if (const json::value* least = find(schema, "minItems")) {
    if (node.items.size() < static_cast<std::size_t>(least->as_int64())) {
      const std::size_t count = node.items.size();
      problems.push_back({node.place, named.name + " has " + std::to_string(count) +
                                          (count == 1 ? " entry" : " entries") + "; expected at least " +
                                          std::to_string(least->as_int64())});
    }
  }
  const json::value* items = find(schema, "items");
  if (items == nullptr) return;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    check(node.items[i], *items, name_item(node.items[i], i, *items, named), problems);
  }
}

void Walk::check_choice(const Node& node, const json::value& schema, const Named& named, Problems& problems) {
  const json::value* only = find(schema, "const");
  if (only != nullptr && !equals(node, *only)) {
    problems.push_back(
        {node.place, named.name + " is " + found(node, named) + "; expected " + wanted(schema)});
  }
  const json::value* list = find(schema, "enum");
  if (list == nullptr) return;
  const json::value* not_built = find(schema, "x-notBuiltValues");
  if (not_built != nullptr) {
    const std::string_view advice = find_text(*not_built, node.scalar);
    if (!advice.empty()) {
      problems.push_back(
          {node.place,
           quoted(node.scalar) + " is not built yet in this version of Postlude: " + std::string(advice)});
      return;
    }
  }
  const json::array& values = list->as_array();
  if (std::any_of(values.begin(), values.end(), [&](const json::value& v) { return equals(node, v); }))
    return;
  std::vector<std::string> words;
  for (const json::value& v : values) {
    if (v.is_string() && (not_built == nullptr || find(*not_built, view(v.get_string())) == nullptr))
      words.emplace_back(view(v.get_string()));
  }
  const std::string near = named.sensitive ? "" : nearest(node.scalar, words);
  problems.push_back(
      {node.place, named.name + " is " + found(node, named) + "; " +
                       (near.empty() ? "expected " + wanted(schema)
                                     : "did you mean '" + near + "'? (" + join(words, ", ") + ")")});
}

void Walk::check_number(const Node& node, const json::value& schema, const Named& named, Problems& problems) {
  const json::value value = scalar_value(node.scalar);
  if (!node.plain || !value.is_number()) return;
  const double number = value.to_number<double>();
  const json::value* least = find(schema, "minimum");
  const json::value* most = find(schema, "maximum");
  if (least != nullptr && number < least->to_number<double>()) {
    problems.push_back(
        {node.place, named.name + " is " + node.scalar + "; expected at least " + json::serialize(*least)});
  }
  if (most != nullptr && number > most->to_number<double>()) {
    problems.push_back(
        {node.place, named.name + " is " + node.scalar + "; expected at most " + json::serialize(*most)});
  }
}

void Walk::check_scalar(const Node& node, const json::value& schema, const Named& named, Problems& problems) {
  const std::vector<std::string_view> types = types_of(schema);
  if (!types.empty() && !node.is_null() &&
      std::none_of(types.begin(), types.end(), [&](std::string_view t) { return is_of_type(node, t); })) {
    // '4' in quotes is text, and no number.
    problems.push_back({node.place, named.name + " is " + found(node, named) +
                                        (node.plain ? "" : " in quotes") + "; expected " + wanted(schema)});
    return;
  }
  if (!node.is_scalar()) return;
  const std::size_t before = problems.size();
  check_choice(node, schema, named, problems);
  check_number(node, schema, named, problems);
  if (problems.size() > before) return;
  if (const std::string why = check_format(find_text(schema, "format"), node.scalar); !why.empty()) {
    problems.push_back({node.place, named.name + ": " + why});
    return;
  }
  const std::string_view wants = find_text(schema, "pattern");
  if (wants.empty() ||
      (node.scalar.size() <= kPatternTextMax && std::regex_search(node.scalar, pattern(wants))))
    return;
  std::string says = find(schema, "x-says") != nullptr ? wanted(schema) : "text like " + std::string(wants);
  if (holds_user(node.scalar) && says.find("URL") != std::string::npos)
    says = "a URL without user and password, which belong in `auth`";
  problems.push_back({node.place, named.name + " is " + found(node, named) + "; expected " + says});
}

json::value Walk::typed(const Node& node, const json::value& unresolved) {
  const json::value& schema = resolve(unresolved);
  if (const json::array* list = alternatives_of(schema)) {
    std::vector<const json::value*> all;
    flatten(*list, all);
    for (const json::value* one : all) {
      Problems own;
      if (!accepts_kind(node, *one)) continue;
      check(node, *one, {}, own);
      if (own.empty()) return typed(node, *one);
    }
    return to_json(node);
  }
  if (node.is_map()) {
    json::object map;
    for (const auto& [key, value] : node.members) {
      const json::value* member = member_schema(schema, key.scalar);
      json::value inner = member == nullptr ? to_json(value) : typed(value, *member);
      map[key.scalar] = std::move(inner);
    }
    return map;
  }
  if (node.is_list()) {
    const json::value* items = find(schema, "items");
    json::array list;
    for (const Node& item : node.items)
      list.push_back(items == nullptr ? to_json(item) : typed(item, *items));
    return list;
  }
  if (node.is_null()) return nullptr;
  for (const char* keyword : {"const", "enum"}) {
    const json::value* choice = find(schema, keyword);
    if (choice == nullptr) continue;
    if (!choice->is_array()) return equals(node, *choice) ? *choice : to_json(node);
    for (const json::value& one : choice->get_array()) {
      if (equals(node, one)) return one;
    }
  }
  const std::vector<std::string_view> types = types_of(schema);
  const bool text = std::find(types.begin(), types.end(), "string") != types.end();
  if (!text) return to_json(node);
  // Text unless another type of the list is what was written.
  const bool other = std::any_of(types.begin(), types.end(),
                                 [&](std::string_view t) { return t != "string" && is_of_type(node, t); });
  return other ? to_json(node) : json::value(json::string(node.scalar));
}

}  // namespace

// Boost.JSON and std::regex throw where a schema is not one.
void check_against(const Node& node, const json::value& schema, Problems& problems, CheckOptions options) {
  try {
    Walk walk(schema, options);
    const std::string_view what = find_text(schema, "x-what");
    walk.check(node, schema, {std::string(what.empty() ? options.what : what), node.place, false}, problems);
  } catch (const std::exception& e) {
    problems.push_back({node.place, std::string("its schema cannot be used: ") + e.what()});
  }
}

json::value typed(const Node& node, const json::value& schema) {
  try {
    return Walk(schema, {}).typed(node, schema);
  } catch (const std::exception&) {
    return to_json(node);
  }
}

}  // namespace postlude::lang
