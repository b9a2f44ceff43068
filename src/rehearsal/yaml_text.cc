#include "rehearsal/yaml_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/text.h"

namespace postlude::rehearsal {

namespace {

constexpr std::size_t kPlainMax = 200;

bool word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./-").find(c) != std::string_view::npos;
}

// Whether every reader, with any YAML schema, takes it for this text.
bool plain(std::string_view text) {
  if (text.empty() || text.size() > kPlainMax) return false;
  const char first = text.front();
  const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '/';
  if (!letter || text.back() == ' ') return false;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return word_char(c) || c == ' '; })) return false;
  constexpr std::array<std::string_view, 9> kWords{"true", "false", "null", "yes", "no",
                                                   "on",   "off",   "y",    "n"};
  return std::none_of(kWords.begin(), kWords.end(),
                      [&](std::string_view word) { return equal_ignoring_case(text, word); });
}

std::string scalar(const json::value& value) {
  if (value.is_string() && plain(view(value.get_string()))) return std::string(view(value.get_string()));
  return to_text(value);  // JSON is YAML
}

bool nested(const json::value& v) {
  return (v.is_object() && !v.get_object().empty()) || (v.is_array() && !v.get_array().empty());
}

void put(std::string& out, const json::value& value, std::size_t indent) {
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      out.append(indent, ' ');
      out += scalar(json::string(member.key())) + ":";
      if (nested(member.value())) {
        out += '\n';
        put(out, member.value(), indent + 2);
      } else {
        out += ' ' + scalar(member.value()) + '\n';
      }
    }
    return;
  }
  for (const json::value& item : value.get_array()) {
    out.append(indent, ' ');
    if (nested(item)) {
      std::string inner;
      put(inner, item, indent + 2);
      out += "- " + inner.substr(indent + 2);
    } else {
      out += "- " + scalar(item) + '\n';
    }
  }
}

}  // namespace

std::string yaml_text(const json::value& value, std::size_t indent) {
  std::string out;
  if (nested(value)) {
    put(out, value, indent);
  } else {
    out.append(indent, ' ');
    out += scalar(value) + "\n";
  }
  return out;
}

json::value canonical(const json::value& value) {
  constexpr double kWholeMax = 9007199254740992.0;  // 2^53
  if (const auto* object = value.if_object()) {
    std::vector<std::string> names;
    for (const auto& member : *object)
      names.emplace_back(member.key());
    std::sort(names.begin(), names.end());
    json::object out;
    for (const std::string& name : names)
      out[name] = canonical(object->at(name));
    return out;
  }
  if (const auto* array = value.if_array()) {
    json::array out;
    for (const json::value& item : *array)
      out.push_back(canonical(item));
    return out;
  }
  if (value.is_uint64() && value.get_uint64() <= static_cast<std::uint64_t>(kWholeMax))
    return static_cast<std::int64_t>(value.get_uint64());
  if (value.is_double() && std::trunc(value.get_double()) == value.get_double() &&
      std::abs(value.get_double()) <= kWholeMax)
    return static_cast<std::int64_t>(value.get_double());
  return value;
}

}  // namespace postlude::rehearsal
