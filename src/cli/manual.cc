// Manual pages: the commands themselves in roff, one page for postlude and one for each command.

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>

#include "base/text.h"
#include "cli/description.h"

namespace postlude::cli {

namespace {

// Text that roff shows as it is, in ASCII.
std::string roff(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\n') {
      out += ' ';
    } else if ((c == '.' || c == '\'') && i == 0) {
      out += std::string("\\&") + text[i];
    } else if (c == '"') {
      out += "\\(dq";
    } else if (text.substr(i).starts_with("…")) {
      out += "...";
      i += std::string_view("…").size() - 1;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string bold(std::string_view text) {
  return "\\fB" + roff(text) + "\\fR";
}

std::string italic(std::string_view text) {
  return "\\fI" + roff(text) + "\\fR";
}

std::string upper(const std::string& text) {
  return boost::algorithm::to_upper_copy(text, std::locale::classic());
}

std::string value_of(const DescribedOption& option) {
  if (!option.takes_value || option.names.empty()) return "";
  return " " + (option.choices.empty() ? italic("VALUE") : roff(join(option.choices, "|")));
}

// A paragraph with what is described hanging out on the left.
std::string item(const std::string& what, const std::string& help) {
  return ".TP\n" + what + "\n" + help + "\n";
}

std::string options_of(const DescribedCommand& command) {
  std::string out;
  for (const DescribedOption& option : command.options) {
    std::vector<std::string> names;
    for (const std::string& name : option.names)
      names.push_back(bold(name));
    std::string what =
        names.empty() ? italic(upper(option.positional)) : join(names, ", ") + value_of(option);
    std::string help = roff(option.help);
    if (names.empty() && !option.choices.empty()) help += " (" + roff(join(option.choices, ", ")) + ")";
    if (option.required && !names.empty()) help += " (required)";
    if (!option.otherwise.empty()) help += " (default: " + roff(option.otherwise) + ")";
    out += item(what, help);
  }
  return out;
}

std::string synopsis_of(const DescribedCommand& command) {
  std::string out = bold(command.path.empty() ? "postlude" : "postlude " + join(command.path, " "));
  if (!command.below.empty()) out += " " + italic("COMMAND");
  for (const DescribedOption& option : command.options) {
    if (!option.names.empty() && option.required) out += " " + bold(option.name()) + value_of(option);
  }
  out += " [" + italic("OPTIONS") + "]";
  for (const DescribedOption& option : command.options) {
    if (!option.names.empty()) continue;
    const std::string name = italic(upper(option.positional)) + (option.many ? " ..." : "");
    out += " " + (option.required ? name : "[" + name + "]");
  }
  return out;
}

void put_below(const DescribedCommand& command, std::string& out) {
  for (const DescribedCommand& below : command.below) {
    out += ".SS " + roff(join(below.path, " ")) + "\n" + roff(below.help) + "\n.PP\n" + synopsis_of(below) +
           "\n" + options_of(below);
    put_below(below, out);
  }
}

std::string page_of(const DescribedCommand& command, const std::vector<std::string>& also) {
  const std::string name = command.path.empty() ? "postlude" : "postlude-" + join(command.path, "-");
  std::string out = ".\\\" Made from the commands of postlude " POSTLUDE_VERSION ".\n.TH " + upper(name) +
                    " 1 \"\" \"postlude " POSTLUDE_VERSION "\" \"Postlude\"\n.SH NAME\n" + roff(name) +
                    " \\- " + roff(command.help) + "\n.SH SYNOPSIS\n" + synopsis_of(command) + "\n";
  if (command.path.empty()) {
    out += ".SH COMMANDS\n";
    for (const DescribedCommand& below : command.below)
      out += item(bold(below.path.back()), roff(below.help));
  } else if (!command.below.empty()) {
    out += ".SH COMMANDS\n";
    put_below(command, out);
  }
  out += ".SH OPTIONS\n" + options_of(command);
  out += ".SH EXIT STATUS\n" + item("0", "Success.") +
         item("1", "The command found an error or a difference, or the daemon refused.") +
         item("2", "Wrong arguments or input.") + item("3", "The daemon could not be reached.");
  out += ".SH ENVIRONMENT\n" + item(bold("POSTLUDE_SERVER"), "As " + bold("--server") + ".") +
         item(bold("POSTLUDE_TOKEN"), "As " + bold("--token") + ".") +
         item(bold("COLUMNS"), "Width of tables.");
  std::vector<std::string> pages;
  for (const std::string& page : also)
    pages.push_back(bold(page) + "(1)");
  return out + ".SH SEE ALSO\n" + join(pages, ", ") + "\n";
}

}  // namespace

std::optional<std::string> manual_of(const DescribedCommand& all, const std::string& command) {
  if (command.empty()) {
    std::vector<std::string> also;
    for (const DescribedCommand& below : all.below)
      also.push_back("postlude-" + below.path.back());
    return page_of(all, also);
  }
  // A command's page has what is below it: `runs retry`, which man calls runs-retry, is on that of runs.
  const DescribedCommand* page = nullptr;
  const DescribedCommand* at = &all;
  for (const std::string_view word : split(command, command.find(' ') == std::string::npos ? '-' : ' ')) {
    const auto found = std::find_if(at->below.begin(), at->below.end(),
                                    [&](const DescribedCommand& below) { return below.path.back() == word; });
    if (found == at->below.end()) return std::nullopt;
    at = &*found;
    if (page == nullptr) page = at;
  }
  return page_of(*page, {"postlude"});
}

std::map<std::string, std::string> shared_files(const DescribedCommand& all) {
  std::map<std::string, std::string> out;
  out["bash-completion/completions/postlude"] = completion_of(all, "bash");
  out["zsh/site-functions/_postlude"] = completion_of(all, "zsh");
  out["fish/vendor_completions.d/postlude.fish"] = completion_of(all, "fish");
  out["man/man1/postlude.1"] = *manual_of(all, "");
  for (const DescribedCommand& below : all.below)
    out["man/man1/postlude-" + below.path.back() + ".1"] = *manual_of(all, below.path.back());
  return out;
}

}  // namespace postlude::cli
