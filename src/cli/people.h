#pragma once
// People: the commands that decide about runs, failures, deliveries and pauses.

#include <functional>

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace postlude::cli {

// Parts of the command line that these commands share with the others.
struct Wiring {
  std::function<int()>* run = nullptr;        // the chosen command
  std::function<void(CLI::App*)> add_remote;  // --server, --token, -o
  std::function<Remote()> remote;             // reads the given options
};

// The command groups with these names: `runs`, `deliveries`.
void add_people(CLI::App& app, CLI::App& runs, CLI::App& deliveries, const Wiring& wiring);

// Prints `text` in the requested form; `failed` describes the failure. Both return the exit status.
int print_answer(const Remote& remote, const json::value& value, const std::string& table);
int failed(const Remote& remote, const Error& error);

// What is said of an empty page: `none`, and whether one of the names that were asked for (a workflow, a
// target) is of nothing there is.
std::string unless_misspelt(const Remote& remote, const json::value& page, const std::string& none,
                            const std::map<std::string, std::string>& filters);

// Tables cut long causes with an …, and escape what would act on a terminal: the one that was shown so, of
// the groups that GET `path` tells and `command` shows.
struct Groups {
  std::string path, one, command;
};
Result<std::string> whole_cause(const Remote& remote, const Groups& of, const std::string& given);

}  // namespace postlude::cli
