#pragma once
// Held: commands that answer many held steps at once, and those about shared keys.

#include <string>

#include "cli/people.h"

namespace postlude::cli {

struct HeldChoice {
  std::string cause, workflow, as;
  bool yes = false;  // do not ask
};
// `runs resume --cause`: tells the number of steps, asks, and answers for them.
int resume_many(const Remote& remote, const HeldChoice& choice);

// Groups of runs or steps by cause; `age`: the member that is a time. `none`: what is said of no group.
std::string causes_table(const json::value& page, const std::string& age, const std::string& none);

// `runs held`, `targets`, `keys list`, `keys forget`.
void add_held(CLI::App& app, CLI::App& runs, const Wiring& wiring);

}  // namespace postlude::cli
