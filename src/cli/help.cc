// What --help prints: the same description as manual pages, on lines of at most 80 columns.

#include <algorithm>

#include "base/printable.h"
#include "base/text.h"
#include "cli/description.h"
#include "cli/table.h"

namespace postlude::cli {

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kNames = 28;  // columns for names; longer ones stand on a line of their own

std::string value_of(const DescribedOption& option) {
  return option.takes_value && !option.names.empty() ? " VALUE" : "";
}

// A name with what it means beside it.
std::string item(const std::string& what, const std::string& help) {
  std::string out = "  " + what;
  const std::size_t wide = columns_of(out);
  out += wide + 2 > kNames ? "\n" + std::string(kNames, ' ') : std::string(kNames - wide, ' ');
  return out + wrapped(help, kNames, kWidth) + "\n";
}

std::string meaning_of(const DescribedOption& option) {
  std::string help = option.help;
  if (!option.choices.empty()) help += " (" + join(option.choices, ", ") + ")";
  if (option.required && !option.names.empty()) help += " (required)";
  if (!option.otherwise.empty()) help += " (default: " + option.otherwise + ")";
  return help;
}

std::string usage_of(const DescribedCommand& command) {
  std::string out = "Usage: postlude";
  for (const std::string& word : command.path)
    out += " " + word;
  for (const DescribedOption& option : command.options) {
    if (!option.names.empty() && option.required) out += " " + option.name() + value_of(option);
  }
  out += " [OPTIONS]";
  for (const DescribedOption& option : command.options) {
    if (!option.names.empty()) continue;
    const std::string name = option.positional + (option.many ? "..." : "");
    out += " " + (option.required ? name : "[" + name + "]");
  }
  if (!command.below.empty()) out += " [SUBCOMMAND]";
  return out;
}

std::string titled(const std::string& title, const std::string& items) {
  return items.empty() ? "" : "\n" + title + ":\n" + items;
}

}  // namespace

std::string help_of(const DescribedCommand& command) {
  std::string positionals;
  std::string options;
  for (const DescribedOption& option : command.options) {
    if (option.names.empty()) {
      positionals += item(option.positional, meaning_of(option));
    } else {
      options += item(join(option.names, ", ") + value_of(option), meaning_of(option));
    }
  }
  for (const std::string& note : command.notes)
    options += "  " + wrapped(note, 2, kWidth) + "\n";
  std::string below;
  for (const DescribedCommand& one : command.below)
    below += item(one.path.back(), one.help);
  return wrapped(command.help, 0, kWidth) + "\n" + wrapped(usage_of(command), 0, kWidth) + "\n" +
         titled("Arguments", positionals) + titled("Options", options) + titled("Subcommands", below);
}

}  // namespace postlude::cli
