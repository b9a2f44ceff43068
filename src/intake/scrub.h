#pragma once
// Scrub: removes secrets from a request before any part of it is stored, shown or evaluated.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/mask.h"
#include "intake/proof.h"

namespace postlude::intake {

// Whose path the request has. For a call to an unknown path, everything that looks like a secret is hidden.
enum class PathOf : std::uint8_t { kSource = 1, kNobody };

// Path and query as received, with `***` for secrets, for the values of parameters that carry secrets, and
// for user information.
std::string scrub_target(std::string_view target, const Carriers& carriers, const Mask& secrets,
                         PathOf whose);

// A JSON object of texts; the values of a repeated name are joined by a comma.
std::string scrub_headers(const Headers& headers, const Carriers& carriers, const Mask& secrets);

// The body without `metadata.{name}` for each name, all other bytes unchanged. `body` must be valid JSON.
std::string without_metadata(std::string_view body, const std::set<std::string, std::less<>>& names);

// For a body that is not JSON: masks the text that looks like those members, and the secrets themselves.
std::string scrub_broken_body(std::string_view body, const std::set<std::string, std::less<>>& names,
                              const Mask& secrets);

}  // namespace postlude::intake
