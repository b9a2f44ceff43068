#include "lang/node.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>

namespace postlude::lang {

Node::Node() = default;
Node::~Node() = default;
Node::Node(const Node& other) = default;
Node& Node::operator=(const Node& other) = default;
Node::Node(Node&& other) noexcept = default;
Node& Node::operator=(Node&& other) noexcept = default;

std::string Place::text() const {
  if (line == 0) return file;
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string to_text(const Problem& problem) {
  const std::string place = problem.place.text();
  return (place.empty() ? "" : place + ": ") + (problem.warning ? "warning: " : "") + problem.message;
}

const Node* Node::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name.scalar == key) return &value;
  }
  return nullptr;
}

std::string_view Node::text(std::string_view key) const {
  const Node* node = find(key);
  return node != nullptr && node->is_scalar() ? std::string_view(node->scalar) : std::string_view();
}

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t count_digits(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end]))
    ++end;
  return end - at;
}

// [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+. What does not fit 64 bits stays text: better that than another
// number.
std::optional<json::value> integer_value(std::string_view text) {
  const auto whole = [](std::string_view digits, int base) -> std::optional<json::value> {
    if (digits.empty() || digits[0] == '-') return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (value <= static_cast<std::uint64_t>(INT64_MAX)) return json::value(static_cast<std::int64_t>(value));
    return json::value(value);
  };
  if (text.starts_with("0x")) return whole(text.substr(2), 16);
  if (text.starts_with("0o")) return whole(text.substr(2), 8);
  if (text.starts_with('+')) return whole(text.substr(1), 10);
  if (!text.starts_with('-')) return whole(text, 10);
  if (text.size() < 2 || !is_digit(text[1])) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return json::value(value);
}

// [-+]? ( \.[0-9]+ | [0-9]+ ( \.[0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
  std::size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const std::size_t before = count_digits(text, at);
  at += before;
  bool point = false;
  if (at < text.size() && text[at] == '.') {
    point = true;
    const std::size_t after = count_digits(text, at + 1);
    if (before == 0 && after == 0) return false;
    at += 1 + after;
  } else if (before == 0) {
    return false;
  }
  bool exponent = false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    exponent = true;
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t count = count_digits(text, at);
    if (count == 0) return false;
    at += count;
  }
  return at == text.size() && (point || exponent);
}

}  // namespace

json::value scalar_value(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  const char first = text[0];
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    if (auto value = integer_value(text)) return *value;
    if (is_float(text)) {
      const double value = std::strtod(std::string(text).c_str(), nullptr);
      if (std::isfinite(value)) return value;  // JSON has no infinity
    }
  }
  return json::string(text);
}

json::value to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kScalar:
      return node.plain ? scalar_value(node.scalar) : json::value(json::string(node.scalar));
    case Node::Kind::kList: {
      json::array list;
      list.reserve(node.items.size());
      for (const Node& item : node.items)
        list.push_back(to_json(item));
      return list;
    }
    case Node::Kind::kMap: {
      json::object map;
      for (const auto& [key, value] : node.members)
        map[key.scalar] = to_json(value);
      return map;
    }
  }
  return nullptr;
}

namespace {

// {"v":1, "files":[…], "value":…, "at":[file,line,column, …], "written":{"7":"1.10"}}
//
// `at` has three numbers for each node, keys included, in the order of the text. `written` has, by that
// order, the plain scalars whose text differs from what JSON prints for their value.
constexpr int kPinVersion = 1;

struct Pinning {
  json::array files;
  std::map<std::string, std::int64_t, std::less<>> file_numbers;
  json::array at;
  json::object written;
  std::size_t count = 0;

  void place(const Place& place) {
    auto [found, is_new] = file_numbers.try_emplace(place.file, static_cast<std::int64_t>(files.size()));
    if (is_new) files.emplace_back(json::string(place.file));
    at.emplace_back(found->second);
    at.emplace_back(place.line);
    at.emplace_back(place.column);
    ++count;
  }

  json::value node(const Node& node) {
    const std::size_t number = count;
    place(node.place);
    switch (node.kind) {
      case Node::Kind::kNull:
        return nullptr;
      case Node::Kind::kScalar: {
        if (!node.plain) return json::string(node.scalar);
        json::value value = scalar_value(node.scalar);
        if (!value.is_string() && json::serialize(value) != node.scalar)
          written[std::to_string(number)] = node.scalar;
        return value;
      }
      case Node::Kind::kList: {
        json::array list;
        for (const Node& item : node.items)
          list.push_back(this->node(item));
        return list;
      }
      case Node::Kind::kMap: {
        json::object map;
        for (const auto& [key, value] : node.members) {
          place(key.place);
          json::value inner = this->node(value);
          map[key.scalar] = std::move(inner);
        }
        return map;
      }
    }
    return nullptr;
  }
};

struct Unpinning {
  std::vector<std::string> files;
  const json::array& at;
  const json::object* written;
  std::size_t count = 0;
  bool damaged = false;

  Place place() {
    Place place;
    const std::size_t first = 3 * count++;
    if (first + 3 > at.size()) {
      damaged = true;
      return place;
    }
    const auto number = [&](std::size_t i) { return at[i].is_int64() ? at[i].get_int64() : -1; };
    const std::int64_t file = number(first);
    if (file < 0 || static_cast<std::size_t>(file) >= files.size()) {
      damaged = true;
      return place;
    }
    place.file = files[static_cast<std::size_t>(file)];
    place.line = static_cast<int>(number(first + 1));
    place.column = static_cast<int>(number(first + 2));
    return place;
  }

  Node node(const json::value& value) {
    Node out;
    const std::string number = std::to_string(count);
    out.place = place();
    if (const auto* list = value.if_array()) {
      out.kind = Node::Kind::kList;
      for (const json::value& item : *list)
        out.items.push_back(node(item));
    } else if (const auto* map = value.if_object()) {
      out.kind = Node::Kind::kMap;
      for (const auto& member : *map) {
        Node key;
        key.kind = Node::Kind::kScalar;
        key.scalar = std::string(member.key());
        key.place = place();
        Node inner = node(member.value());
        out.members.emplace_back(std::move(key), std::move(inner));
      }
    } else if (const auto* text = value.if_string()) {
      out.kind = Node::Kind::kScalar;
      out.scalar = std::string(view(*text));
    } else {
      const json::value* as_written = written == nullptr ? nullptr : written->if_contains(number);
      if (value.is_null() && as_written == nullptr) return out;
      out.kind = Node::Kind::kScalar;
      out.plain = true;
      out.scalar = as_written != nullptr && as_written->is_string()
                       ? std::string(view(as_written->get_string()))
                       : json::serialize(value);
    }
    return out;
  }
};

}  // namespace

std::string pin(const Node& node) {
  Pinning pinning;
  json::value value = pinning.node(node);
  json::object out;
  out["v"] = kPinVersion;
  out["files"] = std::move(pinning.files);
  out["value"] = std::move(value);
  out["at"] = std::move(pinning.at);
  if (!pinning.written.empty()) out["written"] = std::move(pinning.written);
  return json::serialize(out);
}

Result<Node> parse_pinned(std::string_view text) {
  // One level more than a definition may have: `value` is inside an object.
  json::parse_options options;
  options.max_depth = kJsonDepthMax + 2;
  boost::system::error_code ec;
  const json::value root = json::parse({text.data(), text.size()}, ec, {}, options);
  if (ec) return Error(Code::kCorrupt, "a pinned definition is no JSON: " + ec.message());
  const json::value* version = find(root, "v");
  const json::value* files = find(root, "files");
  const json::value* value = find(root, "value");
  const json::value* at = find(root, "at");
  const json::value* written = find(root, "written");
  if (version == nullptr || *version != kPinVersion || files == nullptr || !files->is_array() ||
      value == nullptr || at == nullptr || !at->is_array()) {
    return Error(Code::kCorrupt, "not a pinned definition");
  }
  Unpinning unpinning{{}, at->get_array(), written == nullptr ? nullptr : written->if_object()};
  for (const json::value& file : files->get_array()) {
    unpinning.files.push_back(file.is_string() ? std::string(view(file.get_string())) : std::string());
  }
  Node node = unpinning.node(*value);
  if (unpinning.damaged || 3 * unpinning.count != at->get_array().size()) {
    return Error(Code::kCorrupt, "a pinned definition's places do not fit its value");
  }
  return node;
}

}  // namespace postlude::lang
