#pragma once
// Scrub: takes the secrets out of a request before anything of it is stored, shown or evaluated.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/mask.h"
#include "intake/proof.h"

namespace postlude::intake {

// Whose path it is: of a stray call also what looks like a secret is hidden there, whatever it is.
enum class PathOf : std::uint8_t { kSource = 1, kNobody };

// Path and query as they came, with `***` for secrets, for the values of parameters that carry them and for
// user information.
std::string scrub_target(std::string_view target, const Carriers& carriers, const Mask& secrets,
                         PathOf whose);

// A JSON object of text; a name that came several times has its values joined by a comma.
std::string scrub_headers(const Headers& headers, const Carriers& carriers, const Mask& secrets);

// The body without `metadata.{name}` of each name, all other bytes as they came. `body` is valid JSON.
std::string without_metadata(std::string_view body, const std::set<std::string, std::less<>>& names);

// A body that is no JSON: masks what looks like those members, and the secrets themselves.
std::string scrub_broken_body(std::string_view body, const std::set<std::string, std::less<>>& names,
                              const Mask& secrets);

}  // namespace postlude::intake
