#include "cli/confirm.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/printable.h"
#include "cli/commands.h"

namespace postlude::cli {

std::string number_of(std::int64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::optional<int> unless_confirmed(const std::string& question, const std::vector<std::string>& shown,
                                    std::size_t count, bool yes) {
  if (yes) return std::nullopt;
  std::string text;
  for (const std::string& line : shown)
    text += "  " + cut_to(printable(line, Lines::kBlank), 200) + "\n";
  if (count > shown.size() && !shown.empty())
    text += "  … and " + std::to_string(count - shown.size()) + " more\n";
  if (isatty(STDIN_FILENO) != 1) {
    std::fprintf(stderr,
                 "this would %s:\n%snothing was done: there is no terminal to ask on; use --yes to do it\n",
                 printable(question, Lines::kBlank).c_str(), text.c_str());
    return kUsedWrongly;
  }
  std::fprintf(stderr, "%s%s? [y/N] ", text.c_str(), printable(question, Lines::kBlank).c_str());
  std::string said;
  std::getline(std::cin, said);
  if (said == "y" || said == "Y" || said == "yes") return std::nullopt;
  std::fputs("nothing was done\n", stderr);
  return kFoundWrong;
}

}  // namespace postlude::cli
