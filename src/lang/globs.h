#pragma once
// Globs: reads patterns under `on` and `accept`: `{phase: Succeeded, namespace: ["a-*", b], metadata: {team:
// "pay*"}}`. model/pattern.h matches them.

#include <string>
#include <utility>
#include <vector>

#include "lang/node.h"

namespace postlude::lang {

// Each field with its globs, in the order of the file; `metadata: {k: …}` becomes the field `metadata.k`.
using GlobFields = std::vector<std::pair<std::string, std::vector<std::string>>>;

// `allowed`: the fields that may occur (`metadata` for any metadata.k); another field is a problem that names
// the nearest.
GlobFields read_globs(const Node& map, const std::vector<std::string>& allowed, Problems& problems);

}  // namespace postlude::lang
