#pragma once
// Secrets: reads references to secrets in the configuration: `{env: NAME}`, `{file: path}`, or a list of them
// (rotation).

#include <string_view>
#include <vector>

#include "base/secret.h"
#include "lang/node.h"

namespace postlude::lang {

// If it is empty, a problem was added. A literal is always a problem, because everybody who reads the file
// would see it.
std::vector<SecretRef> read_secrets(const Node& node, Problems& problems);

// Whether text under this name (of a header, for example) looks like a secret in plain text.
bool looks_secret(std::string_view name, std::string_view value);

}  // namespace postlude::lang
