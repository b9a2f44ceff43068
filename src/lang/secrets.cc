#include "lang/secrets.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace postlude::lang {

namespace {

constexpr const char* kForm = "write {env: NAME} or {file: path}";

void read_one(const Node& node, std::vector<SecretRef>& into, Problems& problems) {
  if (!node.is_map()) {
    // Not quoted in the message: it may be the secret.
    problems.push_back({node.place, std::string("a secret must not be written here; ") + kForm});
    return;
  }
  if (node.members.size() != 1) {
    problems.push_back(
        {node.place, std::string("a secret is in one place; ") + kForm + ", or a list of them"});
    return;
  }
  const auto& [key, value] = node.members.front();
  if (key.scalar != "env" && key.scalar != "file") {
    problems.push_back({key.place, "a secret cannot be kept in '" + cut(key.scalar, 40) + "'; " + kForm});
    return;
  }
  if (!value.is_scalar() || value.scalar.empty()) {
    problems.push_back({value.place, "'" + key.scalar + "' names nothing; " + kForm});
    return;
  }
  into.push_back({key.scalar == "env" ? SecretRef::Kind::kEnv : SecretRef::Kind::kFile, value.scalar});
}

}  // namespace

std::vector<SecretRef> read_secrets(const Node& node, Problems& problems) {
  std::vector<SecretRef> refs;
  if (!node.is_list()) {
    read_one(node, refs, problems);
    return refs;
  }
  if (node.items.empty()) problems.push_back({node.place, std::string("no secret is named; ") + kForm});
  for (const Node& item : node.items)
    read_one(item, refs, problems);
  return refs;
}

bool looks_secret(std::string_view name, std::string_view value) {
  constexpr std::size_t kLeast = 8;  // shorter ones are words such as none
  constexpr std::array<std::string_view, 6> kWords{"token",          "secret",   "authorization",
                                                   "authentication", "password", "apikey"};
  if (value.size() < kLeast || value.find("${{") != std::string_view::npos) return false;
  const std::string written = lower(name);
  const auto named = [&](std::string_view word) { return written.find(word) != std::string::npos; };
  const auto has = [&](char from, char to) {
    return std::any_of(value.begin(), value.end(), [&](char c) { return c >= from && c <= to; });
  };
  // Atlassian's `X-Atlassian-Token: no-check` and the like are words; secrets are hardly ever.
  const bool random = has('0', '9') && (has('a', 'z') || has('A', 'Z'));
  if (!random || named("idempotency")) return false;
  return std::any_of(kWords.begin(), kWords.end(), named) || written == "key" || written.ends_with("-key") ||
         written.ends_with("_key");
}

}  // namespace postlude::lang
