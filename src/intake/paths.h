#pragma once
// Paths: compares request paths, and finds the configured path that a wrong one probably meant.

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postlude::intake {

// The canonical form of a path: unreserved characters bare, all others as %XX in capitals, encoded once,
// without a final slash. `%2F` stays encoded and does not make a new segment. kInvalid: a broken escape, or
// no slash at the start.
Result<std::string> canonical_path(std::string_view path);

// The path of a request's target, also of one in absolute form (`http://host/path?query`).
std::string_view path_of(std::string_view target);

// The index of the path that was probably meant; known.size(): none is near. Both in canonical form.
std::size_t nearest_path(std::string_view path, std::span<const std::string> known);
// The index of the most similar path, however different; `known` must not be empty.
std::size_t likest_path(std::string_view path, std::span<const std::string> known);

}  // namespace postlude::intake
