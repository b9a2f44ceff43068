// Completions: what a shell offers after `postlude`, made from the commands themselves.

#include "base/text.h"
#include "cli/description.h"

namespace postlude::cli {

namespace {

std::vector<const DescribedCommand*> flat(const DescribedCommand& all) {
  std::vector<const DescribedCommand*> out{&all};
  for (const DescribedCommand& below : all.below) {
    const auto more = flat(below);
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

// " runs list"; "" is postlude itself. In all three shells the words so far make such a path.
std::string path_of(const DescribedCommand& command) {
  return command.path.empty() ? "" : " " + join(command.path, " ");
}

std::vector<std::string> paths_of(const DescribedCommand& all) {
  std::vector<std::string> out;
  for (const DescribedCommand* command : flat(all)) {
    if (!command->path.empty()) out.push_back("'" + path_of(*command) + "'");
  }
  return out;
}

// In single quotes; `quote` is how one of these is written within them.
std::string quoted(std::string_view text, std::string_view quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += quote;
    } else if (c == '\\' && quote == "\\'") {  // fish
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string words_of(const DescribedCommand& command) {
  std::vector<std::string> words;
  for (const DescribedCommand& below : command.below)
    words.push_back(below.path.back());
  for (const DescribedOption& option : command.options) {
    words.insert(words.end(), option.names.begin(), option.names.end());
    if (option.names.empty()) words.insert(words.end(), option.choices.begin(), option.choices.end());
  }
  return join(words, " ");
}

// Case patterns of what an option can be: nothing of ours where it can be anything, so that files are
// offered.
std::string values_in_bash(const DescribedCommand& command) {
  std::string out;
  for (const DescribedOption& option : command.options) {
    if (!option.takes_value || option.names.empty()) continue;
    out += "        " + join(option.names, " | ") + ") words=" + quoted(join(option.choices, " "), "'\\''") +
           " ;;\n";
  }
  return out.empty() ? "" : "      case \"$previous\" in\n" + out + "      esac\n";
}

std::string for_bash(const DescribedCommand& all) {
  std::string out = R"(# bash completion for postlude
_postlude() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} path='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path ${COMP_WORDS[i]}" in
      )" + join(paths_of(all), " | ") +
                    R"() path="$path ${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path" in
)";
  for (const DescribedCommand* command : flat(all)) {
    out += "    " + quoted(path_of(*command), "'\\''") +
           ")\n      words=" + quoted(words_of(*command), "'\\''") + "\n" + values_in_bash(*command) +
           "      ;;\n";
  }
  return out + R"(  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _postlude postlude
)";
}

std::string described_in_zsh(std::string_view word, std::string_view help) {
  return " " + quoted(std::string(word) + ":" + std::string(help), "'\\''");
}

std::string for_zsh(const DescribedCommand& all) {
  std::string out = R"(#compdef postlude
_postlude() {
  local at='' i
  local -a commands options values
  for ((i = 2; i < CURRENT; i++)); do
    case "$at $words[i]" in
      ()" + join(paths_of(all), " | ") +
                    R"() at="$at $words[i]" ;;
    esac
  done
  case "$at" in
)";
  for (const DescribedCommand* command : flat(all)) {
    std::string commands;
    std::string options;
    std::string values;
    std::string words;
    for (const DescribedCommand& below : command->below)
      commands += described_in_zsh(below.path.back(), below.help);
    for (const DescribedOption& option : command->options) {
      for (const std::string& name : option.names)
        options += described_in_zsh(name, option.help);
      if (option.names.empty()) words += " " + join(option.choices, " ");
      if (option.takes_value && !option.names.empty()) {
        values += "        (" + join(option.names, " | ") + ") " +
                  (option.choices.empty() ? "_files"
                                          : "values=(" + join(option.choices, " ") + "); compadd -a values") +
                  "; return ;;\n";
      }
    }
    out += "    (" + quoted(path_of(*command), "'\\''") + ")\n      commands=(" + commands +
           " )\n      options=(" + options + " )\n      values=(" + words + " )\n";
    if (!values.empty()) out += "      case \"$words[CURRENT-1]\" in\n" + values + "      esac\n";
    out += "      ;;\n";
  }
  return out + R"(  esac
  if [[ "$words[CURRENT]" == -* ]]; then
    _describe -t options option options
  elif (( $#commands )); then
    _describe -t commands command commands
  elif (( $#values )); then
    compadd -a values
  else
    _files
  fi
}
if [[ "$funcstack[1]" == _postlude ]]; then
  _postlude "$@"
else
  compdef _postlude postlude
fi
)";
}

std::string option_in_fish(const DescribedOption& option) {
  std::string out;
  for (const std::string& name : option.names)
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!option.choices.empty()) {
    out += " -x -a " + quoted(join(option.choices, " "), "\\'");
  } else if (option.takes_value) {
    out += " -r -F";
  }
  return out + " -d " + quoted(option.help, "\\'");
}

std::string for_fish(const DescribedCommand& all) {
  std::string out = R"(# fish completion for postlude
function __postlude_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" )" +
                    join(paths_of(all), " ") + R"(
            set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c postlude -f
)";
  for (const DescribedCommand* command : flat(all)) {
    const std::string here =
        "complete -c postlude -n " + quoted("__postlude_at \"" + path_of(*command) + "\"", "\\'");
    for (const DescribedCommand& below : command->below)
      out += here + " -a " + below.path.back() + " -d " + quoted(below.help, "\\'") + "\n";
    for (const DescribedOption& option : command->options) {
      if (!option.names.empty()) {
        out += here + option_in_fish(option) + "\n";
      } else if (!option.choices.empty()) {
        out += here + " -a " + quoted(join(option.choices, " "), "\\'") + "\n";
      } else {
        out += here + " -F\n";
      }
    }
  }
  return out;
}

}  // namespace

std::string completion_of(const DescribedCommand& all, const std::string& shell) {
  return shell == "bash" ? for_bash(all) : shell == "zsh" ? for_zsh(all) : for_fish(all);
}

}  // namespace postlude::cli
