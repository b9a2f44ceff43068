#pragma once
// Secrets: the reader of `S` in configuration: `{env: NAME}`, `{file: path}`, or a list of them (rotation).

#include <string_view>
#include <vector>

#include "base/secret.h"
#include "lang/node.h"

namespace postlude::lang {

// Empty only together with a problem. A literal is always one: it would stand in the file for everybody to
// read.
std::vector<SecretRef> read_secrets(const Node& node, Problems& problems);

// Whether text under this name (of a header, say) looks like a secret that is written out.
bool looks_secret(std::string_view name, std::string_view value);

}  // namespace postlude::lang
