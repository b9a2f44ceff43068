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
};

// The value, without a trailing line break. kNotFound names the variable or file; kInvalid: it is empty.
using SecretLookup = std::function<Result<std::string>(const SecretRef& ref)>;

}  // namespace postlude
