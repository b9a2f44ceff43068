#pragma once
// Paths: how request paths are compared, and which of those configured a mistaken one may have meant.

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postlude::intake {

// One spelling of each path: unreserved characters bare, all others as %XX in capitals, once; no slash at the
// end.
// `%2F` stays what it is, so it makes no new segment. kInvalid: a broken escape, or no slash at the
// beginning.
Result<std::string> canonical_path(std::string_view path);

// The path of a request's target, which may be in absolute form (`http://host/path?query`).
std::string_view path_of(std::string_view target);

// The index of the one that was probably meant; known.size(): none is near. Both in canonical form.
std::size_t nearest_path(std::string_view path, std::span<const std::string> known);
// The index of the one that is most like it, however little; `known` is not empty.
std::size_t likest_path(std::string_view path, std::span<const std::string> known);

}  // namespace postlude::intake
