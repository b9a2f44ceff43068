#pragma once
// Examine: finds valid text in workflows and targets that nobody can mean, before anything runs.

#include <set>
#include <string>

#include "app/config.h"
#include "pipeline/rules.h"

namespace postlude::app {

// Appends each finding once. Adds the texts of expressions in which it finds an error to `spoken_of`.
void examine(const pipeline::Rules& rules, const Config& config, lang::Problems& problems,
             std::set<std::string>& spoken_of);

}  // namespace postlude::app
