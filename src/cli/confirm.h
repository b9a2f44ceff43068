#pragma once
// Confirm: asks a person before changing many things at once, or irreversibly.

#include <optional>
#include <string>
#include <vector>

namespace postlude::cli {

// `question` names the act ("retry 12 failed runs"), `shown` lists some of the `count` objects that it
// concerns. nullopt: go on; else the exit status, after a message. Without a terminal only `yes` (--yes) goes
// on.
std::optional<int> unless_confirmed(const std::string& question, const std::vector<std::string>& shown,
                                    std::size_t count, bool yes);

// "1 failed run", "12 failed runs".
std::string number_of(std::int64_t count, const std::string& one);

constexpr std::size_t kConfirmShown = 5;

}  // namespace postlude::cli
