#pragma once
// Spelled: whether a text says something, in whatever spelling systems repeat it: as it is, percent-encoded
// in part or whole, in either case, once or twice; as JSON or HTML escape it, also JSON within JSON; blanks
// as +.

#include <cstddef>
#include <string_view>

namespace postlude::connector {

// The end of `wanted` in the text, where a spelling of it begins at `at`; npos: none does. `decided`: so many
// of its bytes said so; whatever begins with the same ones is not there either. What it costs grows with the
// spelling's length only.
std::size_t spelled_at(std::string_view text, std::size_t at, std::string_view wanted, bool any_case,
                       std::size_t& decided);

// The byte that a spelling at this place begins with.
unsigned char first_byte_at(std::string_view text, std::size_t at);

}  // namespace postlude::connector
