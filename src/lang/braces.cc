// Other tools' templates in text that we would send as it is.

#include <algorithm>
#include <array>

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

// Whether what stands there is what the context holds: `.event`, `$event`, `event.name`, `.CanaryWeight`.
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

}  // namespace

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
