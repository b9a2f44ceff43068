#pragma once
// Described: what is asked of the commands' own description before they run.

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace postlude::cli {

struct DescribedCommand;

// `help`, `help runs`, `runs help` as `--help`, `runs --help`.
std::vector<std::string> with_help(const CLI::App& app, std::vector<std::string> words);

// What is to be said of the first word that is no command where one is wanted: CLI11 says only that one is
// missing.
std::optional<std::string> unknown_command(const CLI::App& app, const std::vector<std::string>& words);

// What is to be said of the first option that the command that was parsed does not have, with the nearest
// that it has.
std::optional<std::string> unknown_option(const CLI::App& app);

// All commands with their options; without those that are hidden.
DescribedCommand description_of(const CLI::App& app);

// Commands and options that say nothing of themselves, each as `runs list --limit`.
std::vector<std::string> undescribed(const CLI::App& app);

}  // namespace postlude::cli
