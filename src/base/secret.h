#pragma once
// Secret: where a secret is kept. Its value is fetched when it is used, never stored, shown or evaluated.

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace postlude {

struct SecretRef {
  enum class Kind : std::uint8_t { kEnv = 1, kFile };
  Kind kind = Kind::kEnv;
  std::string name;  // of the variable, or the file's path

  friend bool operator==(const SecretRef&, const SecretRef&) = default;
};

// "env HOOK_PASSWORD", "file /run/secrets/x": the place, for messages; no secret itself.
inline std::string to_text(const SecretRef& ref) {
  return (ref.kind == SecretRef::Kind::kEnv ? "env " : "file ") + ref.name;
}

// The value, without a trailing line break. kNotFound names the variable or file; kInvalid: it is empty.
using SecretLookup = std::function<Result<std::string>(const SecretRef& ref)>;

}  // namespace postlude
