#pragma once
// Examine: what in workflows and targets is written well and still cannot be meant, found before anything
// runs.

#include <set>
#include <string>

#include "app/config.h"
#include "pipeline/rules.h"

namespace postlude::app {

// Appends it, each once. `spoken_of` gets the texts of the expressions that it finds an error in.
void examine(const pipeline::Rules& rules, const Config& config, lang::Problems& problems,
             std::set<std::string>& spoken_of);

}  // namespace postlude::app
