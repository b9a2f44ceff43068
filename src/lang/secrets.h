#pragma once
// Secrets: the reader of `S` in configuration: `{env: NAME}`, `{file: path}`, or a list of them (rotation).

#include <vector>

#include "base/secret.h"
#include "lang/node.h"

namespace postlude::lang {

// Empty only together with a problem. A literal is always one: it would stand in the file for everybody to
// read.
std::vector<SecretRef> read_secrets(const Node& node, Problems& problems);

}  // namespace postlude::lang
