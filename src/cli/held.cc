#include "cli/held.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "cli/confirm.h"
#include "cli/terminal.h"

namespace postlude::cli {

namespace {

std::string text_of(const json::value& item, std::string_view key) {
  const json::value* found = find(item, key);
  if (found == nullptr || found->is_null()) return "";
  return found->is_string() ? std::string(view(found->get_string())) : to_text(*found);
}

// Rows of `columns` of the answer's items; `age`: the one that is a time, and shown as how long ago it was;
// `below`: the member that has a line of its own.
std::string items_table(const json::value& page, const std::vector<std::string>& head,
                        const std::vector<std::string>& columns, const std::string& none,
                        const std::string& age = "", const std::string& below = "") {
  const json::array& items = list_in(page, "items");
  if (items.empty()) return none + "\n";
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> lines;
  for (const json::value& item : items) {
    std::vector<std::string> row;
    for (const std::string& column : columns)
      row.push_back(column == age ? age_of(text_of(item, column)) : text_of(item, column));
    rows.push_back(std::move(row));
    lines.push_back(below.empty() ? "" : text_of(item, below));
  }
  return table_of(head, rows, lines, Below::kCut);
}

int list_targets(const Remote& remote) {
  const auto page = get(remote.server, "/api/v1/targets", page_shape());
  if (!page) return failed(remote, page.error());
  return print_answer(
      remote, *page,
      items_table(*page, {"NAME", "CONNECTOR", "BREAKER", "PAUSED", "URL"},
                  {"name", "connector", "breaker", "pausedBy", "url"}, "no target is configured"));
}

std::string with_query(std::string path, const std::vector<std::pair<std::string, std::string>>& parameters) {
  char between = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    path += between + name + "=" + percent_encode(value);
    between = '&';
  }
  return path;
}

const char* const kHeldStep = "held step";

struct Words {
  std::string workflow, team, target, key, after;
  bool yes = false;
};

int list_held(const Remote& remote, const Words& words) {
  const auto page =
      get(remote.server, with_query("/api/v1/held", {{"workflow", words.workflow}, {"team", words.team}}),
          page_shape());
  if (!page) return failed(remote, page.error());
  return print_answer(
      remote, *page,
      causes_table(*page, "since",
                   unless_misspelt(remote, *page, "no step is held", {{"workflow", words.workflow}})));
}

int list_keys(const Remote& remote, const Words& words) {
  const auto page =
      get(remote.server,
          with_query("/api/v1/keys", {{"target", words.target}, {"key", words.key}, {"after", words.after}}),
          page_shape());
  if (!page) return failed(remote, page.error());
  std::string table = items_table(
      *page, {"TARGET", "KEY", "STATE", "AGE", "RUN", "STEP"},
      {"target", "key", "state", "lastUse", "run", "step"},
      unless_misspelt(remote, *page, "no step has used a key", {{"target", words.target}}), "lastUse");
  const std::string next = text_of(*page, "next");
  if (!next.empty()) table += "there are more: --after " + next + "\n";
  return print_answer(remote, *page, table);
}

int forget_key(const Remote& remote, const Words& words) {
  const std::string question = "forget the key '" + words.key + "' of the target '" + words.target +
                               "', so that its next use creates a new object";
  if (!words.yes) {
    const auto page =
        get(remote.server, with_query("/api/v1/keys", {{"target", words.target}, {"key", words.key}}),
            page_shape());
    if (!page) return failed(remote, page.error());
    std::vector<std::string> shown;
    for (const json::value& use : list_in(*page, "items"))
      shown.push_back("last used by " + text_of(use, "run") + " " + text_of(use, "step") + " " +
                      age_of(text_of(use, "lastUse")) + " ago; it is " + text_of(use, "state"));
    if (!shown.empty()) {  // else the daemon says what is wrong with it
      if (const auto status = unless_confirmed(question, shown, shown.size(), false)) return *status;
    }
  }
  const auto answer = post(remote.server, "/api/v1/keys/forget",
                           json::object{{"target", words.target}, {"key", words.key}}, forgotten_shape());
  if (!answer) return failed(remote, answer.error());
  if (!flag_in(*answer, "forgotten"))
    return failed(remote, Error(Code::kConflict, "the key is not forgotten"));
  return print_answer(
      remote, *answer,
      "forgotten: the next use of the key creates a new object; the existing object stays and is no longer "
      "updated\n");
}

}  // namespace

std::string causes_table(const json::value& page, const std::string& age, const std::string& none) {
  const std::vector<std::string> head{"COUNT", "WORKFLOW", "LAST", "AGE"};
  const std::vector<std::string> columns{"count", "workflow", "last", age};
  if (table_width() == 0) {
    return items_table(page, {"COUNT", "WORKFLOW", "LAST", "AGE", "CAUSE"},
                       {"count", "workflow", "last", age, "cause"}, none, age);
  }
  return items_table(page, head, columns, none, age, "cause");
}

int resume_many(const Remote& remote, const HeldChoice& choice) {
  if (choice.cause.empty()) {
    std::fputs("runs resume: name a run, or use --cause to answer all steps held for that cause\n", stderr);
    return kUsedWrongly;
  }
  const auto cause = whole_cause(remote, {"/api/v1/held", "held step", "runs held"}, choice.cause);
  if (!cause) return failed(remote, cause.error());
  if (!choice.yes) {
    const auto page =
        get(remote.server, with_query("/api/v1/held", {{"workflow", choice.workflow}}), page_shape());
    if (!page) return failed(remote, page.error());
    std::int64_t count = 0;
    std::vector<std::string> shown;
    for (const json::value& group : list_in(*page, "items")) {
      if (text_of(group, "cause") != *cause) continue;
      const auto of_group = number_in(group, "count");
      count += of_group;
      shown.push_back(number_of(of_group, kHeldStep) + " of " + text_of(group, "workflow") + ": " +
                      text_of(group, "first") +
                      (of_group == 1 ? "" : (of_group == 2 ? " and " : " … ") + text_of(group, "last")));
    }
    const std::string question = "answer " + number_of(count, kHeldStep) + " as " + choice.as;
    if (count > 0) {  // else the daemon says what is wrong with it
      if (const auto status = unless_confirmed(question, shown, shown.size(), false)) return *status;
    }
  }
  json::object body{{"cause", *cause}, {"as", choice.as}};
  if (!choice.workflow.empty()) body["workflow"] = choice.workflow;
  const auto answer = post(remote.server, "/api/v1/held/resume", body, many_shape());
  if (!answer) return failed(remote, answer.error());
  std::string text =
      "answered " + number_of(number_in(*answer, "done"), kHeldStep) + " as " + choice.as + "\n";
  for (const json::value& one : list_in(*answer, "refused"))
    text += "not " + text_of(one, "run") + ": " + text_of(one, "why") + "\n";
  if (flag_in(*answer, "more")) text += "there are more: repeat the command\n";
  return print_answer(remote, *answer, text);
}

void add_held(CLI::App& app, CLI::App& runs, const Wiring& wiring) {
  const auto words = std::make_shared<Words>();
  CLI::App* held = runs.add_subcommand("held", "List held steps by cause; `runs resume` answers them");
  held->add_option("--workflow", words->workflow, "Only of this workflow");
  held->add_option("--team", words->team, "Only of this team");
  wiring.add_remote(held);
  held->callback(
      [wiring, words] { *wiring.run = [wiring, words] { return list_held(wiring.remote(), *words); }; });

  CLI::App* targets = app.add_subcommand("targets", "Targets, with their circuit breakers and pauses");
  targets->require_subcommand(0, 1);
  for (CLI::App* one : {targets, targets->add_subcommand("list", "The same as `targets` alone")}) {
    wiring.add_remote(one);
    one->callback([wiring, one] {
      if (!one->get_subcommands().empty()) return;
      *wiring.run = [wiring] { return list_targets(wiring.remote()); };
    });
  }

  CLI::App* keys = app.add_subcommand("keys", "Keyed effects: an object per target and key");
  keys->require_subcommand(1);
  CLI::App* list = keys->add_subcommand("list", "List keys, each with its state and last use");
  list->add_option("--target", words->target, "Only of this target");
  list->add_option("--key", words->key, "Only this key");
  list->add_option("--after", words->after, "The next page (shown at the end of a page)");
  wiring.add_remote(list);
  list->callback(
      [wiring, words] { *wiring.run = [wiring, words] { return list_keys(wiring.remote(), *words); }; });
  CLI::App* forget =
      keys->add_subcommand("forget", "Forget a key, so that its next use creates a new object");
  forget->add_option("target", words->target, "The target")->required();
  forget->add_option("key", words->key, "The key, as `keys list` shows it")->required();
  forget->add_flag("--yes", words->yes, "Do not ask for confirmation");
  wiring.add_remote(forget);
  forget->callback(
      [wiring, words] { *wiring.run = [wiring, words] { return forget_key(wiring.remote(), *words); }; });
}

}  // namespace postlude::cli
