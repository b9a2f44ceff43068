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

}  // namespace postlude::cli
