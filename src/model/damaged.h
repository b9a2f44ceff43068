#pragma once
// Damaged: the name shown for a stored value that no version of this program has written.

#include <string_view>

namespace postlude {

constexpr std::string_view kDamaged = "damaged";

}  // namespace postlude
