#pragma once
// Secret: a reference to a secret. The value is read when it is used, and never stored, shown or evaluated.

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace postlude {

struct SecretRef {
  enum class Kind : std::uint8_t { kEnv = 1, kFile };
  Kind kind = Kind::kEnv;
  std::string name;  // name of the variable, or path of the file

  friend bool operator==(const SecretRef&, const SecretRef&) = default;
};

// "env HOOK_PASSWORD", "file /run/secrets/x": where the secret is kept, for messages.
inline std::string to_text(const SecretRef& ref) {
  return (ref.kind == SecretRef::Kind::kEnv ? "env " : "file ") + ref.name;
}

// Returns the value without a trailing line break. kNotFound names the variable or file; kInvalid: the value
// is empty.
using SecretLookup = std::function<Result<std::string>(const SecretRef& ref)>;

}  // namespace postlude
