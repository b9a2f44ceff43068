#include "lang/environment.h"

#include <algorithm>

#include "lang/schema_words.h"

namespace postlude::lang {
namespace {

constexpr int kHopsMax = 16;

bool variable_name(std::string_view name) {
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && (name[0] < '0' || name[0] > '9') && std::all_of(name.begin(), name.end(), word);
}

// `scheme://user:password@host`
bool has_user(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view rest = text.substr(scheme + 3);
  return rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size())).find('@') != std::string_view::npos;
}

class Putting {
 public:
  Putting(const json::value& root, const Environment& environment, EnvironmentOptions options,
          Problems& problems)
      : root_(root), environment_(environment), options_(options), problems_(problems) {}

  // `written` may say more than what it refers to: an example of its own.
  void put(Node& node, const json::value& written, bool sensitive) {
    const json::value& schema = resolve(written);
    if (const json::value* word = find(schema, "x-sensitive"))
      sensitive = word->is_bool() && word->get_bool();
    if (find_text(schema, "format") == "secret" || find(written, "x-notBuilt") != nullptr ||
        find(schema, "x-literal") != nullptr || find(written, "x-literal") != nullptr)
      return;
    if (is_environment(node) && !sensitive && takes_scalar(schema)) return put_here(node, written);
    if (const json::array* list = alternatives_of(schema)) {
      for (const json::value& one : *list)
        put_below(node, resolve(one), sensitive);
      return;
    }
    put_below(node, schema, sensitive);
  }

 private:
  const json::value& resolve(const json::value& schema) const {
    const json::value* at = &schema;
    constexpr std::string_view kPrefix = "#/definitions/";
    for (int hops = 0; hops < kHopsMax; ++hops) {
      const std::string_view ref = find_text(*at, "$ref");
      if (!ref.starts_with(kPrefix)) return *at;
      const json::value* definitions = find(root_, "definitions");
      const json::value* next =
          definitions == nullptr ? nullptr : find(*definitions, ref.substr(kPrefix.size()));
      if (next == nullptr) return *at;
      at = next;
    }
    return *at;
  }

  bool takes_scalar(const json::value& unresolved) const {
    const json::value& schema = resolve(unresolved);
    if (find_text(schema, "format") == "secret") return false;
    if (const json::array* list = alternatives_of(schema)) {
      return std::any_of(list->begin(), list->end(),
                         [&](const json::value& one) { return takes_scalar(one); });
    }
    if (find(schema, "enum") != nullptr || find(schema, "const") != nullptr) return true;
    const auto types = types_of(schema);
    return std::any_of(types.begin(), types.end(),
                       [](std::string_view type) { return type != "object" && type != "array"; });
  }

  void put_below(Node& node, const json::value& schema, bool sensitive) {
    if (const json::value* items = find(schema, "items")) {
      for (Node& item : node.items)
        put(item, *items, sensitive);
    }
    if (!node.is_map()) return;
    const json::value* properties = find(schema, "properties");
    const json::value* more = find(schema, "additionalProperties");
    std::vector<std::string> gone;
    for (auto& [key, value] : node.members) {
      const json::value* own = properties == nullptr ? nullptr : find(*properties, key.scalar);
      if (own == nullptr && more != nullptr && more->is_object()) own = more;
      if (own == nullptr) continue;
      dropped_ = false;
      put(value, *own, sensitive);
      if (dropped_) gone.push_back(key.scalar);
      dropped_ = false;
    }
    std::erase_if(node.members, [&](const auto& member) {
      return std::find(gone.begin(), gone.end(), member.first.scalar) != gone.end();
    });
  }

  void put_here(Node& node, const json::value& schema) {
    const Node& name = *node.find("env");
    if (!name.is_scalar() || !variable_name(name.scalar)) {
      problems_.push_back({name.place, "`env` names no environment variable"});
      return drop(node);
    }
    const Node* fallback = node.find("default");
    if (fallback != nullptr && !fallback->is_scalar()) {
      problems_.push_back({fallback->place, "`default` is one value, not a list or a map"});
      return drop(node);
    }
    const auto value = environment_ ? environment_(name.scalar) : std::nullopt;
    if (value) {
      if (has_user(*value)) {
        problems_.push_back(
            {node.place, "the environment variable " + name.scalar +
                             " holds a URL with a user or password, which would be shown as it is: "
                             "credentials belong in `auth`"});
        return drop(node);
      }
      return become(node, *value, true);
    }
    if (fallback != nullptr) return become(node, fallback->scalar, fallback->plain);
    problems_.push_back({node.place,
                         "the environment variable " + name.scalar + " is not set, and there is no `default`",
                         options_.unset_is_warning});
    example(node, schema);
  }

  static void become(Node& node, const std::string& text, bool plain) {
    Node out;
    out.kind = Node::Kind::kScalar;
    out.scalar = text;
    out.plain = plain;
    out.place = node.place;
    node = std::move(out);
  }

  void drop(Node& node) {
    node = Node();
    dropped_ = true;
  }

  // Something that may stand there, so that what is around it can be checked.
  void example(Node& node, const json::value& written) {
    const json::value& schema = resolve(written);
    for (const json::value* at : {&written, &schema}) {
      for (const char* key : {"default", "const", "enum", "examples", "minimum"}) {
        const json::value* some = find(*at, key);
        if (some != nullptr && some->is_array())
          some = some->get_array().empty() ? nullptr : &some->get_array()[0];
        if (some == nullptr || some->is_structured()) continue;
        return become(
            node, some->is_string() ? std::string(view(some->get_string())) : postlude::to_text(*some), true);
      }
    }
    drop(node);
  }

  const json::value& root_;
  const Environment& environment_;
  EnvironmentOptions options_;
  Problems& problems_;
  bool dropped_ = false;
};

}  // namespace

bool is_environment(const Node& node) {
  if (!node.is_map() || node.find("env") == nullptr) return false;
  return node.members.size() == 1 || (node.members.size() == 2 && node.find("default") != nullptr);
}

void put_environment(Node& root, const json::value& schema, const Environment& environment,
                     EnvironmentOptions options, Problems& problems) {
  Putting(schema, environment, options, problems).put(root, schema, false);
}

}  // namespace postlude::lang
