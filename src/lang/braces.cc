// Other tools' templates in text that we would send as it is.

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lang/expression.h"
#include "lang/expression_tokens.h"

namespace postlude::lang {
namespace {

constexpr std::string_view kBlank = " \t-";

bool word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && word_char(text[end]))
    ++end;
  return text.substr(at, end - at);
}

// Whether the text is a name of the context: `.event`, `$event`, `event.name`, `.CanaryWeight`.
bool names_context(std::string_view rest) {
  const std::size_t first = std::min(rest.find_first_not_of(kBlank), rest.size());
  rest = rest.substr(first);
  if (rest.empty()) return false;
  const bool sigil = rest[0] == '.' || rest[0] == '$';
  const std::string_view word = word_at(rest, sigil ? 1 : 0);
  if (word.empty()) return false;
  if (sigil) return true;
  const bool bound = std::find(kBoundNames.begin(), kBoundNames.end(), word) != kBoundNames.end();
  const std::string_view after = rest.substr(word.size());
  return bound && (after.starts_with(".") || after.starts_with("["));
}

void check_text(const Node& scalar, Problems& problems) {
  const std::string_view text = scalar.scalar;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("${{")) {  // ours, or `$${{`, which is meant literally
      ++at;
      ++at;
      continue;
    }
    const bool braces = rest.starts_with("{{") && rest.find("}}") != std::string_view::npos;
    const bool shell = rest.starts_with("${") && rest.find('}') != std::string_view::npos;
    if (!braces && !shell) continue;
    if (!names_context(rest.substr(2))) continue;
    const std::string_view end = braces ? "}}" : "}";
    std::string found(rest.substr(0, std::min<std::size_t>(rest.find(end) + end.size(), 60)));
    std::replace(found.begin(), found.end(), '\n', ' ');
    problems.push_back(
        {scalar.place,
         "`" + found + "` is sent as it stands here: an expression is written `${{ .event.name }}`", true});
    return;
  }
}

// `.event.name`, `$run.id`, with whatever stands behind it; not `.data/x`, nor a word that begins like one.
bool begins_with_path(std::string_view text) {
  if (text.size() < 2 || (text[0] != '.' && text[0] != '$')) return false;
  const std::string_view word = word_at(text, 1);
  const std::string_view rest = text.substr(1 + word.size());
  if (std::find(kBoundNames.begin(), kBoundNames.end(), word) == kBoundNames.end()) return false;
  if (word == "item" && rest.empty()) return true;
  return rest.starts_with("[") || (rest.starts_with(".") && !word_at(rest, 1).empty());
}

void check_bare_text(const Node& scalar, Problems& problems) {
  const std::string_view text = scalar.scalar;
  if (text.find("${{") != std::string_view::npos || !begins_with_path(text)) return;
  std::string found = cut(scalar.scalar, 60);
  std::replace(found.begin(), found.end(), '\n', ' ');
  problems.push_back({scalar.place,
                      "`" + found +
                          "` is text here, and stays as it is written: as an expression it is `${{ " + found +
                          " }}`",
                      true});
}

}  // namespace

void check_bare_paths(const Node& node, const std::vector<std::string_view>& bare, Problems& problems) {
  if (node.is_scalar()) check_bare_text(node, problems);
  for (const Node& item : node.items)
    check_bare_paths(item, {}, problems);
  for (const auto& [key, value] : node.members) {
    if (std::find(bare.begin(), bare.end(), key.scalar) == bare.end()) check_bare_paths(value, {}, problems);
  }
}

bool names_environment(const Node& node) {
  const Node* name = node.is_map() ? node.find("env") : nullptr;
  if (name == nullptr || !name->is_scalar() || name->scalar.empty()) return false;
  const bool alone =
      node.members.size() == 1 || (node.members.size() == 2 && node.find("default") != nullptr);
  return alone && std::all_of(name->scalar.begin(), name->scalar.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

void check_environment(const Node& node, Problems& problems) {
  if (names_environment(node)) {
    problems.push_back(
        {node.place, std::string("this is sent as it stands: ").append(kNoEnvironmentHere), true});
    return;
  }
  for (const Node& item : node.items)
    check_environment(item, problems);
  for (const auto& [key, value] : node.members)
    check_environment(value, problems);
}

void check_braces(const Node& node, Problems& problems) {
  if (node.is_scalar()) check_text(node, problems);
  for (const Node& item : node.items)
    check_braces(item, problems);
  for (const auto& [key, value] : node.members) {
    check_text(key, problems);
    check_braces(value, problems);
  }
}

}  // namespace postlude::lang
