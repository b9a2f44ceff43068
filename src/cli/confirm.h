#pragma once
// Confirm: whoever is about to change many things at once, or what cannot be undone, is asked first.

#include <optional>
#include <string>
#include <vector>

namespace postlude::cli {

// `question` says what would be done ("retry 12 failed runs"), `shown` some of what it would be done to, of
// `count` in all. nullopt: go on; else the exit status, and why is said already. Without a terminal nobody
// can be asked: only `yes` (--yes) goes on then.
std::optional<int> unless_confirmed(const std::string& question, const std::vector<std::string>& shown,
                                    std::size_t count, bool yes);

// "1 failed run", "12 failed runs".
std::string number_of(std::int64_t count, const std::string& one);

constexpr std::size_t kConfirmShown = 5;

}  // namespace postlude::cli
