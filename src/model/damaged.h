#pragma once
// Damaged: what a stored value is called that no version of this program has written.

#include <string_view>

namespace postlude {

constexpr std::string_view kDamaged = "damaged";

}  // namespace postlude
