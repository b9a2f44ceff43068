// postlude: runs release workflows when Flagger finishes a rollout. One binary: `postlude serve` is the
// daemon.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "app/serve.h"
#include "base/text.h"
#include "cli/audit.h"
#include "cli/commands.h"
#include "cli/described.h"
#include "cli/description.h"
#include "cli/people.h"
#include "cli/terminal.h"
#include "evaluator/child.h"

namespace postlude::cli {
namespace {

constexpr const char* kVersion = "postlude " POSTLUDE_VERSION;

std::string from_environment(const char* name, std::string otherwise) {
  // nothing in this process changes the environment
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

// All that the words on the command line can choose. The chosen command sets `run`.
struct Choices {
  std::function<int()> run;
  app::ServeOptions serve;
  std::vector<std::string> check_paths;
  bool check_secrets = false;
  SendChoice send;
  Remote remote;
  std::string output = "table";
  std::string id, name;
  std::vector<std::string> words;
  std::map<std::string, ListChoice> lists;
  TestChoice test;
  SimulateChoice simulate;
};

void add_remote(CLI::App* command, Choices& c) {
  command
      ->add_option_function<std::string>(
          "--server",
          [&c](const std::string& url) { c.remote.server.url = url, c.remote.server.from = "--server"; },
          "Address of the daemon's API (server.admin): a URL, HOST:PORT or :PORT (POSTLUDE_SERVER)")
      ->default_str(ServerAddress().url);
  command->add_option("--token", c.remote.server.token, "API token, one of access.tokens (POSTLUDE_TOKEN)");
}

void add_output(CLI::App* command, Choices& c) {
  command
      ->add_option("-o,--output", c.output,
                   "table: cut to the terminal's width (80 columns without one); wide: not cut; json, yaml: "
                   "the API's answer")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml"}));
}

Remote remote_of(const Choices& c) {
  Remote remote = c.remote;
  if (c.output == "wide") make_tables_wide();
  remote.output = c.output == "json" ? Output::kJson : c.output == "yaml" ? Output::kYaml : Output::kTable;
  return remote;
}

void add_offline(CLI::App& app, Choices& c) {
  auto* serve = app.add_subcommand("serve", "Run the daemon");
  serve
      ->add_option("--config", c.serve.config,
                   "Configuration files or folders; later ones override earlier ones")
      ->required();
  serve->add_option("--connectors", c.serve.connectors,
                    "Folder of connector files; they replace built-in ones of the same name");
  serve->add_option("--port-file", c.serve.port_file, "Write the ports to this file when listening");
  serve
      ->add_flag(
          "--unsafe-no-sync", [&c](std::int64_t) { c.serve.durable = false; },
          "Do not sync the store: a power cut loses acknowledged data; for measurements only")
      ->group("");
  serve->callback([&c] { c.run = [&c] { return app::serve(c.serve); }; });

  auto* check_command = app.add_subcommand("check", "Check a configuration");
  check_command->add_option("paths", c.check_paths, "Files or folders")->required();
  check_command->add_option("--connectors", c.serve.connectors, "Folder of connector files");
  check_command->add_flag("--secrets", c.check_secrets, "Also read every secret");
  check_command->callback(
      [&c] { c.run = [&c] { return check(c.check_paths, c.serve.connectors, c.check_secrets); }; });

  auto* schema_command = app.add_subcommand("schema", "Print a JSON Schema for editors");
  schema_command->add_option("kind", c.name, "What the files are")
      ->required()
      ->type_name("TEXT:{config,test,connector}");
  schema_command->callback([&c] { c.run = [&c] { return schema(c.name); }; });

  auto* connectors =
      app.add_subcommand("connectors", "Connectors: the systems that targets can be")->require_subcommand(1);
  auto* listed = connectors->add_subcommand("list", "List all connectors");
  listed->add_option("--connectors", c.serve.connectors, "Folder of connector files");
  add_output(listed, c);
  listed->callback(
      [&c] { c.run = [&c] { return connectors_list(c.serve.connectors, remote_of(c).output); }; });
  auto* shown =
      connectors->add_subcommand("show", "Show one connector: its actions, their inputs and outputs");
  shown->add_option("name", c.name, "Name, as `connectors list` shows it")->required();
  shown->add_option("--connectors", c.serve.connectors, "Folder of connector files");
  add_output(shown, c);
  shown->callback(
      [&c] { c.run = [&c] { return connectors_show(c.serve.connectors, c.name, remote_of(c).output); }; });

  connectors->add_subcommand("check", "Not built yet in this version")
      ->group("")
      ->allow_extras()
      ->callback([&c] {
        c.run = [] {
          std::fprintf(
              stderr,
              "'postlude connectors check' is not built yet in this version of Postlude; `postlude check "
              "--connectors DIR` checks them\n");
          return kUsedWrongly;
        };
      });

  app.add_subcommand("version", "Print the version")->callback([&c] {
    c.run = [] {
      std::printf("%s\n", kVersion);
      return kFine;
    };
  });
}

int print_manual(const CLI::App& app, const std::string& command) {
  const auto page = manual_of(description_of(app), command);
  if (page) {
    std::fputs(page->c_str(), stdout);
    return kFine;
  }
  std::fprintf(stderr, "there is no command '%s'; `postlude help` names them\n", command.c_str());
  return kUsedWrongly;
}

// For packages. What does not say what it is for, is not packed.
int write_shared(const CLI::App& app, const std::string& folder) {
  const auto silent = undescribed(app);
  for (const std::string& what : silent)
    std::fprintf(stderr, "postlude %s: has no help text\n", what.c_str());
  if (!silent.empty()) return kFoundWrong;
  for (const auto& [below, text] : shared_files(description_of(app))) {
    const std::filesystem::path path = std::filesystem::path(folder) / below;
    std::error_code ignored;  // that it cannot be written says as much
    std::filesystem::create_directories(path.parent_path(), ignored);
    std::ofstream file(path, std::ios::binary);
    file << text;
    if (!file.flush()) {
      std::fprintf(stderr, "%s cannot be written\n", path.c_str());
      return kFoundWrong;
    }
  }
  return kFine;
}

// Adds the commands that are made from the description of the others.
void add_described(CLI::App& app, Choices& c) {
  auto* completion = app.add_subcommand("completion", "Print shell completions, for `eval`");
  completion->add_option("shell", c.name, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([&app, &c] {
    c.run = [&app, &c] {
      std::fputs(completion_of(description_of(app), c.name).c_str(), stdout);
      return kFine;
    };
  });
  auto* manual = app.add_subcommand("man", "Print a manual page, for `man -l -`");
  manual->add_option("command", c.words, "The command; without it, postlude itself");
  manual->callback([&app, &c] { c.run = [&app, &c] { return print_manual(app, join(c.words, " ")); }; });
  auto* shared =
      app.add_subcommand("share", "Write completions and manual pages, laid out as in share/")->group("");
  shared->add_option("folder", c.name, "Folder to write to")->required();
  shared->callback([&app, &c] { c.run = [&app, &c] { return write_shared(app, c.name); }; });
}

void add_test(CLI::App& app, Choices& c) {
  auto* command = app.add_subcommand("test", "Run workflow tests offline");
  command->add_option("paths", c.test.paths, "Test files, or folders with *.test.yaml")->required();
  command->add_option("--connectors", c.test.connectors, "Folder of connector files");
  command->add_option("--filter", c.test.filter, "Only tests with this name: a glob, or part of the name");
  command->add_flag("--update", c.test.update, "Rewrite what failing tests expect with what happened");
  command->add_option("--junit", c.test.junit, "Also write the results to this file, as JUnit XML");
  command->add_flag("--coverage", c.test.coverage, "List steps and branches that no test reached");
  command
      ->add_option("--coverage-min", c.test.coverage_min,
                   "Exit with 1 if tests reach less than this percentage of steps and branches")
      ->check(CLI::Range(0, 100));
  add_output(command, c);
  command->callback([&c] {
    c.run = [&c] {
      c.test.output = remote_of(c).output;
      return test(c.test);
    };
  });
}

void add_simulate(CLI::App& app, Choices& c) {
  auto* command =
      app.add_subcommand("simulate", "Replay stored events through changed workflows; sends nothing");
  command->add_option("--since", c.simulate.since, "How far back, such as 7d or 12h")->capture_default_str();
  command->add_option("--config", c.simulate.config, "The changed configuration: files or folders")
      ->capture_default_str();
  command->add_option("--connectors", c.simulate.connectors, "Folder of connector files");
  command->add_option("--workflow", c.simulate.workflow, "Only this workflow");
  command->add_option("--limit", c.simulate.limit, "At most N events, the newest")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  add_remote(command, c);
  add_output(command, c);
  command->callback([&c] { c.run = [&c] { return simulate(remote_of(c), c.simulate); }; });
}

void add_send(CLI::App& app, Choices& c) {
  auto* command = app.add_subcommand("send", "Call a hook as Flagger does");
  command
      ->add_option("--url", c.send.url,
                   "URL of the hook, HOST:PORT or :PORT; user:password@ is sent as HTTP Basic authentication")
      ->capture_default_str();
  command->add_option("--hook", c.send.hook, "Call this hook of the source instead: event, pre-rollout, …");
  command->add_option("--phase", c.send.phase, "Phase of the Canary")->capture_default_str();
  command->add_option("--name", c.send.name, "Name of the Canary")->capture_default_str();
  command->add_option("--namespace", c.send.name_space, "Namespace of the Canary")->capture_default_str();
  command->add_option("--checksum", c.send.checksum,
                      "Checksum of the Canary; default: a new one, so each call is a new release");
  command->add_option("--metadata", c.send.metadata, "Metadata of the webhook, key=value; may be repeated");
  command->add_option("--message", c.send.message,
                      "Message of the hook event (eventMessage); default: Flagger's for the phase");
  command->add_option("--type", c.send.type, "Type of the hook event (eventType)")
      ->check(CLI::IsMember({"Normal", "Warning"}));
  command->add_option("--header", c.send.headers, "Request header, 'Name: value'; may be repeated");
  command->add_option("--body", c.send.body_file, "Send this file as the body; - is standard input");
  command->add_flag("-q,--quiet", c.send.quiet, "Print only the answer");
  command->callback([&c] {
    c.run = [&c] {
      const std::string usual = SendChoice().url;
      const auto url = url_of(c.send.url, "--url", usual.substr(usual.find('/', usual.find("://") + 3)));
      if (!url) {
        std::fprintf(stderr, "%s\n", url.error().message.c_str());
        return kUsedWrongly;
      }
      c.send.url = *url;
      return send(c.send);
    };
  });
}

struct Named {  // an option
  std::string name, help;
  std::vector<std::string> choices = {};  // what shells offer; the daemon says what else there is
};

const Named kSource{"source", "Only from this source"};
const Named kHook{"hook", "Only from this hook: post-rollout, event, …"};
const Named kNamespace{"namespace", "Only for canaries in this namespace"};
const Named kName{"name", "Only for canaries with this name"};
const Named kTeam{"team", "Only for this team"};
const Named kLimit{"limit", "At most N, 1 to 500 (default 50)"};
const Named kAfter{"after", "Older than this id (shown at the end of a page)"};
const Named kEvent{"event", "Only for this event: evt_…"};

CLI::App* add_kind(CLI::App& app, Choices& c, const std::string& kind, const std::string& what,
                   const std::vector<Named>& filters) {
  auto* command = app.add_subcommand(kind, what)->require_subcommand(1);
  auto* listed = command->add_subcommand("list", "List " + kind + ", newest first");
  ListChoice& choice = c.lists[kind];
  choice.kind = kind;
  for (const Named& filter : filters) {
    auto* option = listed->add_option_function<std::string>(
        "--" + filter.name,
        [&choice, name = filter.name](const std::string& value) { choice.filters[name] = value; },
        filter.help);
    if (!filter.choices.empty()) option->type_name("TEXT:{" + join(filter.choices, ",") + "}");
  }
  add_remote(listed, c);
  add_output(listed, c);
  listed->callback([&c, kind] { c.run = [&c, kind] { return list(remote_of(c), c.lists[kind]); }; });
  auto* shown = command->add_subcommand("show", "Show one in full");
  shown->add_option("id", c.id, "Id, as `list` shows it")->required();
  add_remote(shown, c);
  add_output(shown, c);
  shown->callback([&c, kind] { c.run = [&c, kind] { return show(remote_of(c), kind, c.id); }; });

  if (kind != "runs") return command;
  listed->add_flag_callback(
      "--failed", [&choice] { choice.filters["state"] = "failed", choice.filters["dismissed"] = "false"; },
      "Only failed runs that nobody has dismissed");
  listed->add_flag_callback(
      "--asks", [&choice] { choice.filters["asks"] = "true"; },
      "Only runs that wait for an approval; `runs held` lists held steps");
  return command;
}

int run_words(CLI::App& app, Choices& c, std::vector<std::string> words) {
  if (const auto unknown = unknown_command(app, words)) {
    std::fprintf(stderr, "%s\n", unknown->c_str());
    return kUsedWrongly;
  }
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    app.parse(words);
  } catch (const CLI::ParseError& e) {
    // An option that there is not is told first: what is missing is often what it was meant to be.
    const auto unknown = e.get_exit_code() == 0 ? std::nullopt : unknown_option(app);
    if (unknown) {
      std::fprintf(stderr, "%s\nRun with --help for more information.\n", unknown->c_str());
      return kUsedWrongly;
    }
    const int status = app.exit(e);
    return status == 0 ? kFine : kUsedWrongly;
  }
  return c.run();
}

int run(int argc, char** argv) {
  Choices c;
  const std::string server = from_environment("POSTLUDE_SERVER", "");
  if (!server.empty()) c.remote.server.url = server, c.remote.server.from = "POSTLUDE_SERVER";
  c.remote.server.token = from_environment("POSTLUDE_TOKEN", "");
  CLI::App app("Run release workflows when Flagger finishes a rollout", "postlude");
  app.formatter_fn([](const CLI::App* of, const std::string& command, CLI::AppFormatMode) {
    return help_text(*of, command);
  });
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", kVersion, "Print the version");
  add_offline(app, c);
  add_test(app, c);
  add_simulate(app, c);
  add_send(app, c);
  CLI::App* deliveries =
      add_kind(app, c, "deliveries", "Stored hooks, with verdicts",
               {kSource,
                kHook,
                {"verdict", "Only with this verdict", {"accepted", "duplicate", "filtered", "rejected"}},
                kEvent,
                kTeam,
                kLimit,
                kAfter});
  add_kind(app, c, "events", "Releases and other events that were accepted",
           {kSource, kHook, kNamespace, kName, {"phase", "Only with this phase"}, kTeam, kLimit, kAfter});
  CLI::App* runs = add_kind(
      app, c, "runs", "Runs of workflows: list, retry, approve, cancel and more",
      {{"workflow", "Only of this workflow"},
       {"state", "Only in this state", {"queued", "running", "waiting", "succeeded", "failed", "cancelled"}},
       kEvent,
       {"cause", "Only failed runs with this cause, as `failures` shows it"},
       {"dismissed", "Only dismissed runs (true), or only others (false)", {"true", "false"}},
       kNamespace,
       kName,
       kTeam,
       kLimit,
       kAfter});
  const auto add_both = [&c](CLI::App* command) {
    add_remote(command, c);
    add_output(command, c);
  };
  add_people(app, *runs, *deliveries, {&c.run, add_both, [&c] { return remote_of(c); }});
  add_audit(app, {&c.run, add_both, [&c] { return remote_of(c); }});
  auto* explained = app.add_subcommand("explain", "Why workflows ran on an event, or did not");
  explained->add_option("id", c.id, "Id of an event, a delivery or a run: evt_…, dlv_…, run_…")->required();
  add_remote(explained, c);
  add_output(explained, c);
  explained->callback([&c] { c.run = [&c] { return explain(remote_of(c), c.id); }; });

  for (const char* later : {"doctor", "releases", "gates", "watch", "backup", "restore"}) {
    app.add_subcommand(later, "Not built yet in this version")
        ->group("")
        ->allow_extras()
        ->callback([&c, later] {
          c.run = [later] {
            std::fprintf(stderr, "'postlude %s' is not built yet in this version of Postlude\n", later);
            return kUsedWrongly;
          };
        });
  }
  add_described(app, c);
  return run_words(app, c, with_help(app, {argv + 1, argv + argc}));
}

}  // namespace
}  // namespace postlude::cli

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == postlude::evaluator::kChildWord)
    postlude::evaluator::run_child();
  postlude::cli::guard_output();
  try {
    return postlude::cli::run(argc, argv);
  } catch (const std::exception& failure) {  // memory, or CLI11 about its own use
    std::fprintf(stderr, "postlude: %s\n", failure.what());
    return postlude::cli::kUsedWrongly;
  }
}
