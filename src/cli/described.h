#pragma once
// Described: checks and rewrites the command line against the description of the commands, before they run.

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace postlude::cli {

struct DescribedCommand;

// Turns `help`, `help runs`, `runs help` into `--help`, `runs --help`.
std::vector<std::string> with_help(const CLI::App& app, std::vector<std::string> words);

// The message for a first word that is not a command where one is required: CLI11 says only that one is
// missing.
std::optional<std::string> unknown_command(const CLI::App& app, const std::vector<std::string>& words);

// The message for the first option that the chosen command does not have, with the nearest one that it has.
std::optional<std::string> unknown_option(const CLI::App& app);

// All commands with their options, except hidden ones.
DescribedCommand description_of(const CLI::App& app);

// What --help prints of the command, whose name is given as `postlude runs list`.
std::string help_text(const CLI::App& app, const std::string& command);

// Commands and options that say nothing of themselves, each as `runs list --limit`.
std::vector<std::string> undescribed(const CLI::App& app);

}  // namespace postlude::cli
