#pragma once
// People: the commands by which people decide about runs, failures, deliveries and pauses.

#include <functional>

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace postlude::cli {

// What the command line of the other commands gives to these.
struct Wiring {
  std::function<int()>* run = nullptr;        // the chosen command
  std::function<void(CLI::App*)> add_remote;  // --server, --token, -o
  std::function<Remote()> remote;             // as they were given
};

// `runs`, `deliveries`: the commands of that name.
void add_people(CLI::App& app, CLI::App& runs, CLI::App& deliveries, const Wiring& wiring);

// Prints `text` as it was asked for; `failed` says what went wrong. Both give the exit status.
int print_answer(const Remote& remote, const json::value& value, const std::string& table);
int failed(const Remote& remote, const Error& error);

// Tables cut long causes with an …, and escape what would act on a terminal: the one that was shown so, of
// the groups that GET `path` tells and `command` shows.
struct Groups {
  std::string path, one, command;
};
Result<std::string> whole_cause(const Remote& remote, const Groups& of, const std::string& given);

}  // namespace postlude::cli
