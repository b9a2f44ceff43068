#pragma once
// YAML: the reader of everything users write. Finds what yaml-cpp lets pass: duplicate keys, `<<`, aliases that
// blow up, a comment that cuts a plain scalar short, tabs, several documents.

#include <optional>
#include <string_view>

#include "lang/node.h"

namespace postlude::lang {

// nullopt when it cannot be read at all; otherwise a tree, with `problems` for what must be mended.
std::optional<Node> read_yaml(std::string_view text, std::string_view file, Problems& problems);

}  // namespace postlude::lang
