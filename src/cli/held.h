#pragma once
// Held: answers for held steps many at once, and the keys that steps share.

#include <string>

#include "cli/people.h"

namespace postlude::cli {

struct HeldChoice {
  std::string cause, workflow, as;
  bool yes = false;  // nobody is asked first
};
// `runs resume --cause`: says how many, asks, and answers for them.
int resume_many(const Remote& remote, const HeldChoice& choice);

// `runs held`, `keys list`, `keys forget`.
void add_held(CLI::App& app, CLI::App& runs, const Wiring& wiring);

}  // namespace postlude::cli
