#include "app/secrets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "base/log.h"

#include "app/config.h"

namespace postlude::app {

namespace {

constexpr std::size_t kSecretMax = 64U << 10U;

struct Cached {
  std::string value;
  timespec changed{};
  ino_t inode = 0;
  off_t size = 0;
};

// Checks that a secret is one line without blanks around it. The rule holds for callers, targets and `check
// --secrets`. A final line break is not a part of the secret.
Result<std::string> usable(std::string value, const SecretRef& ref) {
  const auto refuse = [&](std::string_view why) {
    return Error(Code::kInvalid, "the secret in " + to_text(ref) + " " + std::string(why));
  };
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r'))
    value.pop_back();
  if (value.empty()) return refuse("is empty");
  if (value.starts_with("\xEF\xBB\xBF"))
    return refuse("begins with a byte order mark: save it as UTF-8 without BOM");
  const auto control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  };
  if (value.find('\n') != std::string::npos)
    return refuse("has more than one line; expected one secret in one line");
  if (std::any_of(value.begin(), value.end(), control)) return refuse("has a control character in it");
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (blank(value.front())) return refuse("begins with a blank");
  if (blank(value.back())) return refuse("ends with a blank");
  if (value.find('\t') != std::string::npos) return refuse("has a tab in it");
  return value;
}

Result<std::string> read_secret(const SecretRef& ref) {
  auto value = read_file(ref.name, kSecretMax);
  if (!value) return Error(Code::kNotFound, "the secret in " + to_text(ref) + " " + value.error().message);
  if (value->size() > kSecretMax)
    return Error(Code::kInvalid, "the secret in " + to_text(ref) + " is larger than 64 KiB");
  return usable(*std::move(value), ref);
}

}  // namespace

SecretLookup secret_lookup() {
  auto cache = std::make_shared<std::map<std::string, Cached>>();
  return [cache](const SecretRef& ref) -> Result<std::string> {
    if (ref.kind == SecretRef::Kind::kEnv) {
      // nothing in this process changes the environment
      const char* value = std::getenv(ref.name.c_str());
      if (value == nullptr) return Error(Code::kNotFound, "the secret in " + to_text(ref) + " is not set");
      return usable(value, ref);
    }
    struct stat now {};
    if (::stat(ref.name.c_str(), &now) != 0) return read_secret(ref);  // which says why
    Cached& known = (*cache)[ref.name];
    const bool same = known.inode == now.st_ino && known.size == now.st_size &&
                      known.changed.tv_sec == now.st_mtim.tv_sec &&
                      known.changed.tv_nsec == now.st_mtim.tv_nsec && !known.value.empty();
    if (same) return known.value;
    auto value = read_secret(ref);
    if (value) known = {*value, now.st_mtim, now.st_ino, now.st_size};
    return value;
  };
}

kube::Surroundings surroundings() {
  kube::Surroundings around;
  for (char** entry = environ; *entry != nullptr; ++entry)
    around.environment.emplace_back(*entry);
  const auto value = [](const char* name) {
    const char* found = std::getenv(name);
    return std::string(found == nullptr ? "" : found);
  };
  around.host = value("KUBERNETES_SERVICE_HOST");
  around.port = value("KUBERNETES_SERVICE_PORT");
  return around;
}

SecretLookup telling(SecretLookup lookup) {
  auto missing = std::make_shared<std::set<std::string>>();
  return [lookup = std::move(lookup), missing](const SecretRef& ref) -> Result<std::string> {
    auto value = lookup(ref);
    if (!value && missing->insert(to_text(ref)).second) {
      log::warn("a secret cannot be read", {{"secret", to_text(ref)}, {"why", value.error().message}});
    } else if (value && !missing->empty() && missing->erase(to_text(ref)) > 0) {
      log::info("a secret can be read again", {{"secret", to_text(ref)}});
    }
    return value;
  };
}

}  // namespace postlude::app
