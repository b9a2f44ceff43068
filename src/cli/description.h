#pragma once
// Description: the commands as data, and the completions and manual pages made from them.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace postlude::cli {

struct DescribedOption {
  std::vector<std::string> names;  // -o, --output; empty: it is positional
  std::string positional;          // name of a positional
  std::string help;
  std::string otherwise;             // the default; "": none to mention
  std::vector<std::string> choices;  // all possible values; empty: any
  bool required = false;
  bool many = false;
  bool takes_value = false;
  std::string name() const;  // the longest of its names
};

struct DescribedCommand {
  std::vector<std::string> path;  // runs list; empty: postlude itself
  std::string help;
  std::vector<DescribedOption> options;
  std::vector<std::string> notes;  // about several options together
  std::vector<DescribedCommand> below;
};

// What --help prints.
std::string help_of(const DescribedCommand& command);

// For bash, zsh or fish: the commands, their options, and the words an option can be.
std::string completion_of(const DescribedCommand& all, const std::string& shell);

// A manual page in roff: of one command with all its subcommands, or of postlude itself (""). nullopt: no
// such command.
std::optional<std::string> manual_of(const DescribedCommand& all, const std::string& command);

// All manual pages by their paths below a prefix's share/: man/man1/postlude.1 and so on.
std::map<std::string, std::string> shared_files(const DescribedCommand& all);

}  // namespace postlude::cli
