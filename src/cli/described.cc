#include "cli/described.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"
#include "cli/description.h"

namespace postlude::cli {

namespace {

// The shown sub-command of that name. Groups of options are nameless ones.
const CLI::App* child_of(const CLI::App& app, const std::string& name) {
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!name.empty() && one->get_name() == name) return one;
  }
  return nullptr;
}

DescribedOption described(const CLI::Option& option) {
  DescribedOption out;
  out.help = option.get_description();
  for (const std::string& name : option.get_snames())
    out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    out.names.push_back("--" + name);
  if (out.names.empty()) out.positional = option.get_name(true);
  out.required = option.get_required();
  out.many = option.get_items_expected_max() > 1;
  out.takes_value = option.get_items_expected_max() > 0;
  const std::string type = option.get_type_name();  // TEXT:{table,json}
  const std::size_t open = type.find('{');
  if (open != std::string::npos) {
    const std::string words = type.substr(open + 1, type.find('}') - open - 1);
    for (const std::string_view word : split(words, ','))
      out.choices.emplace_back(word);
  }
  out.otherwise = option.get_default_str();
  return out;
}

void put_options(const CLI::App& app, DescribedCommand& into) {
  for (const CLI::Option* option : app.get_options()) {
    // A group of options has a --help of its own.
    if (option->get_group().empty() || (app.get_name().empty() && option == app.get_help_ptr())) continue;
    into.options.push_back(described(*option));
  }
  for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!group->get_name().empty()) continue;
    put_options(*group, into);
    std::vector<std::string> names;
    for (const CLI::Option* option : group->get_options())
      if (option != group->get_help_ptr()) names.push_back(option->get_name());
    into.notes.push_back(group->get_description() + ": " + join(names, ", "));
  }
}

DescribedCommand described_command(const CLI::App& app, const std::vector<std::string>& path) {
  DescribedCommand out;
  out.path = path;
  out.help = app.get_description();
  put_options(app, out);
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (below->get_name().empty() || below->get_group().empty()) continue;
    std::vector<std::string> longer = path;
    longer.push_back(below->get_name());
    out.below.push_back(described_command(*below, longer));
  }
  return out;
}

void put_undescribed(const DescribedCommand& command, std::vector<std::string>& out) {
  const std::string name = command.path.empty() ? "" : join(command.path, " ") + " ";
  if (command.help.empty()) out.push_back(name);
  for (const DescribedOption& option : command.options) {
    if (option.help.empty()) out.push_back(name + option.name());
  }
  for (const DescribedCommand& below : command.below)
    put_undescribed(below, out);
}

}  // namespace

std::string DescribedOption::name() const {
  return names.empty() ? positional : names.back();
}

std::vector<std::string> with_help(const CLI::App& app, std::vector<std::string> words) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i < words.size() && !words[i].starts_with("-"); ++i) {
    if (words[i] == "help") {  // the command meant stands before or after it
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(i));
      words.emplace_back("--help");
      return words;
    }
    at = child_of(*at, words[i]);
    if (at == nullptr || at->get_subcommands([](const CLI::App*) { return true; }).empty()) break;
  }
  return words;
}

std::optional<std::string> unknown_command(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    if (word.starts_with("-")) return std::nullopt;
    std::vector<std::string> names;
    for (const CLI::App* one : at->get_subcommands([](const CLI::App*) { return true; })) {
      if (!one->get_name().empty() && !one->get_group().empty()) names.push_back(one->get_name());
    }
    if (names.empty()) return std::nullopt;
    const CLI::App* next = child_of(*at, word);
    if (next == nullptr) {
      const std::string near = nearest(word, names);
      return "there is no command '" + cut(word, 40) + "'; " +
             (near.empty() ? "commands: " + join(names, ", ") : "did you mean '" + near + "'?");
    }
    at = next;
  }
  return std::nullopt;
}

std::optional<std::string> unknown_option(const CLI::App& app) {
  const std::vector<std::string> left = app.remaining(true);
  const auto word = std::find_if(left.begin(), left.end(), [](const std::string& one) {
    return one.size() > 1 && one.starts_with("-") && one != "--";
  });
  if (word == left.end()) return std::nullopt;
  const auto chosen = [](const CLI::App* one) { return one->parsed() && !one->get_name().empty(); };
  const CLI::App* at = &app;
  std::string command = app.get_name();
  while (!at->get_subcommands(chosen).empty()) {
    at = at->get_subcommands(chosen).front();
    command += " " + at->get_name();
  }
  DescribedCommand here;
  put_options(*at, here);
  std::vector<std::string> names;
  for (const DescribedOption& option : here.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  const std::string name = word->substr(0, word->find('='));
  std::vector<std::string> begin;  // `-c`: what begins with that letter
  for (const std::string& one : names) {
    if (name.size() == 2 && one.starts_with("--" + name.substr(1))) begin.push_back(one);
  }
  const std::string near = name.size() == 2 ? join(begin, "' or '") : nearest(name, names);
  return "'" + command + "' has no option '" + cut(name, 40) + "'" +
         (near.empty() ? "; options: " + join(names, ", ") : "; did you mean '" + near + "'?");
}

DescribedCommand description_of(const CLI::App& app) {
  return described_command(app, {});
}

std::string help_text(const CLI::App& app, const std::string& command) {
  std::vector<std::string> path;
  for (const std::string_view word : split(command, ' '))
    path.emplace_back(word);
  if (!path.empty()) path.erase(path.begin());  // postlude itself
  return help_of(described_command(app, path));
}

std::vector<std::string> undescribed(const CLI::App& app) {
  std::vector<std::string> out;
  put_undescribed(description_of(app), out);
  return out;
}

}  // namespace postlude::cli
