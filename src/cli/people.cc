#include "cli/people.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <set>

#include "base/id.h"
#include "base/printable.h"
#include "base/text.h"
#include "cli/confirm.h"
#include "cli/held.h"

namespace postlude::cli {

namespace {

// The options of these commands, in one struct, because only one command runs.
struct Words {
  std::string id, step, as, outputs, comment, reason, cause, workflow, target, team, source;
  bool stale = false, again = false, all = false, yes = false;
};

using Shared = std::shared_ptr<Words>;

// "run_1 (jira-release): approved; it is running now". A replay's answer is the new run.
std::string told(const std::string& run, const std::string& done, const json::value& answer) {
  const std::string after(find_text(answer, "id"));
  std::string out = run + " (" + std::string(find_text(answer, "workflow")) + "): " + done;
  const auto asked = RunId::parse(run);  // run_9 is run_000000000009
  const auto is = RunId::parse(after);
  if (asked && is ? *asked != *is : after != run) out += " as " + after;
  const std::string reason(find_text(answer, "reason"));
  // A run that waited goes on only after this answer: its state of now would mislead.
  if (find_text(answer, "state") != "waiting") out += "; it is " + state_of(answer) + " now";
  return printable(out + (reason.empty() ? "" : ": " + reason), Lines::kBlank) + "\n";
}

int act_on_run(const Remote& remote, const std::string& run, const std::string& verb, const std::string& done,
               const json::object& body) {
  const auto answer =
      post(remote.server, "/api/v1/runs/" + percent_encode(run) + "/" + verb, body, run_shape());
  if (!answer) return failed(remote, answer.error());
  return print_answer(remote, *answer, told(run, done, *answer));
}

json::object with_text(std::initializer_list<std::pair<const char*, const std::string*>> words) {
  json::object body;
  for (const auto& [key, value] : words) {
    if (!value->empty()) body[key] = *value;
  }
  return body;
}

struct Verb {
  std::string name, done, what;
  std::function<void(CLI::App*, Words&)> options;
  std::function<json::object(const Words&)> body;
  std::function<int(const Remote&, const Words&)> many = nullptr;  // where no run is named
};

void step_option(CLI::App* command, Words& w) {
  command->add_option("--step", w.step, "Id, name or number of the step; required if several steps qualify");
}

void stale_option(CLI::App* command, Words& w) {
  command->add_flag("--stale", w.stale, "Also if a newer release has run the same step");
}

void comment_option(CLI::App* command, Words& w) {
  step_option(command, w);
  command->add_option("--comment", w.comment, "Comment stored with the answer");
}

void resume_options(CLI::App* command, Words& w) {
  step_option(command, w);
  command
      ->add_option("--as", w.as,
                   "done: it had its effect, and the step succeeds; a job that it started counts as passed, "
                   "unless --outputs names it; repeat: it had none, so try again; fail: end it as failed")
      ->required()
      ->check(CLI::IsMember({"done", "repeat", "fail"}));
  CLI::Option* cause =
      command
          ->add_option(
              "--cause", w.cause,
              "Answer all steps held for this cause; copy it from `runs held`, with its … if it is cut")
          ->excludes("run")
          ->excludes("--step");
  command
      ->add_option("--outputs", w.outputs,
                   "With --as done: what the step yielded, as a JSON object (default: null); an action that "
                   "waits for its job takes it as the answer to its request, and polls the job")
      ->check([](const std::string& text) {
        const auto read = parse_json(text);
        return read && read->is_object() ? std::string() : "it is no JSON object";
      })
      ->excludes(cause);
  command->add_option("--workflow", w.workflow, "With --cause: only steps of this workflow");
  command->add_flag("--yes", w.yes, "With --cause: do not ask for confirmation");
}

json::object resume_body(const Words& w) {
  json::object body = with_text({{"step", &w.step}, {"as", &w.as}});
  if (const auto outputs = parse_json(w.outputs)) body["outputs"] = *outputs;
  return body;
}

const std::vector<Verb>& verbs() {
  const auto answer = [](const Words& w) { return with_text({{"step", &w.step}, {"comment", &w.comment}}); };
  static const std::vector<Verb> kVerbs{
      {"retry", "retried", "Continue from the failed step", stale_option,
       [](const Words& w) {
         return json::object{{"stale", w.stale}};
       }},
      {"replay", "replayed",

       "Run the workflow on the event again: key and lookup make nothing twice, state and upsert are set "
       "again, none follows onUnclear (chat messages are sent again)",
       [](CLI::App* command, Words& w) {
         command->add_flag("--again", w.again, "Repeat the effects, with new idempotency keys");
         stale_option(command, w);
       },
       [](const Words& w) {
         return json::object{{"again", w.again}, {"stale", w.stale}};
       }},
      {"cancel", "cancelled", "Cancel steps that have not begun",
       [](CLI::App* command, Words& w) {
         command->add_option("--reason", w.reason, "Reason stored with the run");
       },
       [](const Words& w) {
         return with_text({{"reason", &w.reason}});
       }},
      {"skip", "step skipped", "Skip one step and continue", step_option,
       [](const Words& w) {
         return with_text({{"step", &w.step}});
       }},
      {"approve", "approved", "Approve a step that waits for an approval", comment_option, answer},
      {"reject", "rejected", "Reject a step that waits for an approval", comment_option, answer},
      {"resume", "resumed", "Answer a held step, or all held steps with one cause", resume_options,
       resume_body,
       [](const Remote& remote, const Words& w) {
         return resume_many(remote, {w.cause, w.workflow, w.as, w.yes});
       }},
      {"dismiss", "dismissed", "Remove the failed run from the list of failures", [](CLI::App*, Words&) {},
       [](const Words&) { return json::object(); }}};
  return kVerbs;
}

void add_verbs(CLI::App& runs, const Wiring& wiring, const Shared& words) {
  for (const Verb& verb : verbs()) {
    CLI::App* command = runs.add_subcommand(verb.name, verb.what);
    CLI::Option* run = command->add_option("run", words->id, "Id of the run: run_…");
    verb.options(command, *words);
    if (verb.many == nullptr) run->required();
    wiring.add_remote(command);
    command->callback([wiring, words, &verb] {
      *wiring.run = [wiring, words, &verb] {
        if (words->id.empty()) return verb.many(wiring.remote(), *words);
        return act_on_run(wiring.remote(), words->id, verb.name, verb.done, verb.body(*words));
      };
    });
  }
}

std::string pauses_table(const json::value& page) {
  const json::array& items = list_in(page, "items");
  if (items.empty()) return "nothing is paused\n";
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : items) {
    rows.push_back({std::string(find_text(item, "kind")), std::string(find_text(item, "name")),
                    age_of(std::string(find_text(item, "at"))), std::string(find_text(item, "by")),
                    std::string(find_text(item, "reason"))});
  }
  return table_of({"WHAT", "NAME", "AGE", "BY", "REASON"}, rows);
}

// "still paused: workflow main, target web"; "" where nothing is.
std::string still_paused(const Remote& remote) {
  const auto page = get(remote.server, "/api/v1/pauses", page_shape());
  if (!page) return "";
  std::vector<std::string> paused;
  for (const json::value& item : list_in(*page, "items")) {
    paused.push_back(find_text(item, "kind") == "all"
                         ? "all runs"
                         : std::string(find_text(item, "kind")) + " " + std::string(find_text(item, "name")));
  }
  if (paused.empty()) return "";
  return printable("still paused: " + join(paused, ", "), Lines::kBlank);
}

int hold(const Remote& remote, const Words& words, const std::string& verb) {
  json::object body = with_text({{"workflow", &words.workflow},
                                 {"target", &words.target},
                                 {"team", &words.team},
                                 {"source", &words.source},
                                 {"reason", &words.reason}});
  if (words.all) body["all"] = true;
  const auto answer = post(remote.server, "/api/v1/" + verb, body, pause_shape());
  const std::string others = verb == "pause" ? "" : still_paused(remote);
  if (!answer && words.all && answer.error().code == Code::kConflict && !others.empty()) {
    return failed(remote,
                  Error(Code::kConflict, "there was no `pause --all`; " + others +
                                             ": unpause each by its own option, such as --workflow NAME"));
  }
  if (!answer) return failed(remote, answer.error());
  const std::string name(find_text(*answer, "name"));
  const std::string what = words.all ? "all runs" : std::string(find_text(*answer, "kind")) + " " + name;
  return print_answer(remote, *answer, verb + "d: " + what + (others.empty() ? "" : "; " + others) + "\n");
}

void add_holds(CLI::App& app, const Wiring& wiring, const Shared& words) {
  for (const std::string verb : {"pause", "unpause"}) {
    const bool on = verb == "pause";
    CLI::App* command =
        app.add_subcommand(verb, on ? "Pause runs; hooks are still accepted" : "Let paused runs continue");
    auto* what = command->add_option_group("what", "Exactly one of these");
    what->add_option("--workflow", words->workflow, "Runs of this workflow");
    what->add_option("--target", words->target, "Steps that use this target");
    what->add_option("--team", words->team, "Runs on this team's events");
    what->add_option("--source", words->source, "Runs on this source's events");
    what->add_flag("--all", words->all, "All runs");
    what->require_option(1);
    if (on) command->add_option("--reason", words->reason, "Reason, shown in lists");
    wiring.add_remote(command);
    command->callback([wiring, words, verb] {
      *wiring.run = [wiring, words, verb] { return hold(wiring.remote(), *words, verb); };
    });
  }
  CLI::App* listed = app.add_subcommand("pauses", "Pauses: what, by whom, why");
  wiring.add_remote(listed);
  listed->callback([wiring] {
    *wiring.run = [wiring] {
      const Remote remote = wiring.remote();
      const auto page = get(remote.server, "/api/v1/pauses", page_shape());
      return page ? print_answer(remote, *page, pauses_table(*page)) : failed(remote, page.error());
    };
  });
}

// "; 2 steps are held: `postlude runs held`"; "" where none is. They wait for somebody as well.
std::string held_beside(const Remote& remote, const std::string& query) {
  const auto page = get(remote.server, "/api/v1/held" + query, page_shape());
  std::int64_t count = 0;
  if (page) {
    for (const json::value& group : list_in(*page, "items"))
      count += number_in(group, "count");
  }
  if (count == 0) return "";
  return "; " + number_of(count, "step") + (count == 1 ? " is" : " are") + " held: `postlude runs held`";
}

int list_failures(const Remote& remote, const Words& words) {
  std::string path;
  char between = '?';
  for (const auto& [name, value] : {std::pair("workflow", &words.workflow), std::pair("team", &words.team)}) {
    if (value->empty()) continue;
    path += between + std::string(name) + "=" + percent_encode(*value);
    between = '&';
  }
  const auto page = get(remote.server, "/api/v1/failures" + path, page_shape());
  if (!page) return failed(remote, page.error());
  const std::string held = list_in(*page, "items").empty() ? held_beside(remote, path) : "";
  return print_answer(
      remote, *page,
      causes_table(*page, "lastAt",
                   unless_misspelt(remote, *page, "no failures" + held, {{"workflow", words.workflow}})));
}

// Shows the failures to act on and asks; nullopt: go on.
std::optional<int> ask_about_failures(const Remote& remote, const std::string& cause,
                                      const std::string& workflow, const std::string& verb) {
  const std::string of_workflow = workflow.empty() ? "" : "workflow=" + percent_encode(workflow);
  const auto groups = get(remote.server, "/api/v1/failures?" + of_workflow, page_shape());
  if (!groups) return failed(remote, groups.error());
  std::int64_t count = 0;
  for (const json::value& group : list_in(*groups, "items")) {
    if (find_text(group, "cause") == cause) count += number_in(group, "count");
  }
  if (count == 0) return std::nullopt;  // the daemon says what is wrong with it
  const auto runs =
      get(remote.server,
          "/api/v1/runs?state=failed&dismissed=false&limit=" + std::to_string(kConfirmShown) +
              "&cause=" + percent_encode(cause) + (of_workflow.empty() ? "" : "&" + of_workflow),
          page_shape());
  if (!runs) return failed(remote, runs.error());
  std::vector<std::string> shown;
  for (const json::value& run : list_in(*runs, "items")) {
    shown.push_back(std::string(find_text(run, "id")) + " " + std::string(find_text(run, "namespace")) + "/" +
                    std::string(find_text(run, "name")) + " " + std::string(find_text(run, "workflow")));
  }
  return unless_confirmed(verb + " " + number_of(count, "failed run"), shown, static_cast<std::size_t>(count),
                          false);
}

int act_on_failures(const Remote& remote, const Words& words, const std::string& verb) {
  const auto cause = whole_cause(remote, {"/api/v1/failures", "failure", "failures"}, words.cause);
  if (!cause) return failed(remote, cause.error());
  if (!words.yes) {
    if (const auto status = ask_about_failures(remote, *cause, words.workflow, verb)) return *status;
  }
  json::object body{{"cause", *cause}};
  if (!words.workflow.empty()) body["workflow"] = words.workflow;
  if (words.stale) body["stale"] = true;
  const auto answer = post(remote.server, "/api/v1/failures/" + verb, body, many_shape());
  if (!answer) return failed(remote, answer.error());
  std::string text =
      (verb == "retry" ? "retried " : "dismissed ") + std::to_string(number_in(*answer, "done")) + "\n";
  for (const json::value& one : list_in(*answer, "refused"))
    text += "not " + std::string(find_text(one, "run")) + ": " + std::string(find_text(one, "why")) + "\n";
  if (flag_in(*answer, "more")) text += "there are more: repeat the command\n";
  return print_answer(remote, *answer, text);
}

void add_failures(CLI::App& app, const Wiring& wiring, const Shared& words) {
  CLI::App* command = app.add_subcommand("failures", "Failed runs that nobody has dismissed, by cause");
  command->require_subcommand(0, 1);
  CLI::App* list = command->add_subcommand("list", "The same as `failures` alone");
  for (CLI::App* one : {command, list}) {
    one->add_option("--workflow", words->workflow, "Only of this workflow");
    one->add_option("--team", words->team, "Only of this team");
    wiring.add_remote(one);
    one->callback([wiring, words, one] {
      if (!one->get_subcommands().empty()) return;
      *wiring.run = [wiring, words] { return list_failures(wiring.remote(), *words); };
    });
  }
  for (const std::string verb : {"retry", "dismiss"}) {
    CLI::App* many = command->add_subcommand(
        verb, verb == "retry" ? "Retry all runs with one cause" : "Dismiss all runs with one cause");
    many->add_option("--cause", words->cause, "Copy it from `failures`, with its … if it is cut")->required();
    many->add_option("--workflow", words->workflow, "Only of this workflow");
    if (verb == "retry") stale_option(many, *words);
    many->add_flag("--yes", words->yes, "Do not ask for confirmation");
    wiring.add_remote(many);
    many->callback([wiring, words, verb] {
      *wiring.run = [wiring, words, verb] { return act_on_failures(wiring.remote(), *words, verb); };
    });
  }
}

int redeliver(const Remote& remote, const std::string& id) {
  const auto answer = post(remote.server, "/api/v1/deliveries/" + percent_encode(id) + "/redeliver",
                           json::object(), redelivered_shape());
  if (!answer) return failed(remote, answer.error());
  const bool known = flag_in(*answer, "duplicate");
  return print_answer(
      remote, *answer,
      std::string(find_text(*answer, "event")) + (known ? " (this event existed already)\n" : "\n"));
}

}  // namespace

int print_answer(const Remote& remote, const json::value& value, const std::string& table) {
  const std::string text = remote.output == Output::kJson   ? to_pretty(value) + "\n"
                           : remote.output == Output::kYaml ? yaml_of(value)
                                                            : table;
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kFine;
}

int failed(const Remote& remote, const Error& error) {
  if (error.code == Code::kUnavailable || error.code == Code::kUnknown) {
    const std::string& from = remote.server.from;
    const auto settled = url_of(remote.server.url, from, "");
    const std::string url = shown_url(settled ? *settled : remote.server.url);
    std::fprintf(stderr, "could not reach %s (%s): %s\n", url.c_str(),
                 from.empty() ? "the default; use --server to name another" : ("from " + from).c_str(),
                 error.message.c_str());
    return kCouldNotReach;
  }
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return error.code == Code::kInvalid ? kUsedWrongly : kFoundWrong;
}

Result<std::string> whole_cause(const Remote& remote, const Groups& of, const std::string& given) {
  constexpr std::string_view kCut = "…";
  const bool cut = given.ends_with(kCut);
  const std::string shown =
      printable(std::string_view(given).substr(0, given.size() - (cut ? kCut.size() : 0)), Lines::kBlank);
  TRY(const json::value page, get(remote.server, of.path, page_shape()));
  std::set<std::string> found;
  for (const json::value& item : list_in(page, "items")) {
    const std::string cause(find_text(item, "cause"));
    const std::string as_shown = printable(cause, Lines::kBlank);
    if (cut ? as_shown.starts_with(shown) : as_shown == shown) found.insert(cause);
  }
  if (found.size() == 1) return *found.begin();
  if (!cut) return given;
  return Error(found.empty() ? Code::kNotFound : Code::kConflict,
               (found.empty() ? "no " + of.one + " has a cause that begins with '"
                              : std::to_string(found.size()) + " causes begin with '") +
                   shown + "'; `postlude " + of.command + " -o wide` shows them whole");
}

void add_people(CLI::App& app, CLI::App& runs, CLI::App& deliveries, const Wiring& wiring) {
  const auto words = std::make_shared<Words>();
  add_verbs(runs, wiring, words);
  add_holds(app, wiring, words);
  add_failures(app, wiring, words);
  add_held(app, runs, wiring);
  CLI::App* again = deliveries.add_subcommand(
      "redeliver", "Process a stored delivery again, with the current configuration");
  again->add_option("delivery", words->id, "Id of the delivery: dlv_…")->required();
  wiring.add_remote(again);
  again->callback(
      [wiring, words] { *wiring.run = [wiring, words] { return redeliver(wiring.remote(), words->id); }; });
}

}  // namespace postlude::cli
