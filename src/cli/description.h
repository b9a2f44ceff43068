#pragma once
// Description: the commands as data, and what is made of them: completions and manual pages.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace postlude::cli {

struct DescribedOption {
  std::vector<std::string> names;  // -o, --output; none: it is positional
  std::string positional;          // its name then
  std::string help;
  std::string otherwise;             // what it is unless given; "": nothing to say
  std::vector<std::string> choices;  // all that it can be; none: anything
  bool required = false;
  bool many = false;
  bool takes_value = false;
  std::string name() const;  // the longest way to write it
};

struct DescribedCommand {
  std::vector<std::string> path;  // runs list; none: postlude itself
  std::string help;
  std::vector<DescribedOption> options;
  std::vector<DescribedCommand> below;
};

// For bash, zsh or fish: the commands, their options, and the words an option can be.
std::string completion_of(const DescribedCommand& all, const std::string& shell);

// A manual page in roff: of one command with all below it, or of postlude itself (""). nullopt: there is no
// such command.
std::optional<std::string> manual_of(const DescribedCommand& all, const std::string& command);

// All of them by where they belong below a prefix's share/: man/man1/postlude.1 and so on.
std::map<std::string, std::string> shared_files(const DescribedCommand& all);

}  // namespace postlude::cli
