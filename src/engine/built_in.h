#pragma once
// built_in: the actions that need no target, and what may stand in their `with` (contract 7).

#include "engine/workflow.h"

namespace postlude::engine {

// kNone: it is none. `gate/…` and the like, which this build does not have, are a problem for the caller.
BuiltIn built_in_named(std::string_view uses);
std::vector<std::string> built_in_names();

// Unknown, missing and impossible values of a built-in's `with`.
void check_built_in(const StepDefinition& step, lang::Problems& problems);

// A built-in's `with`; `that` of assert is an expression though it is bare.
lang::Template read_built_in(const StepDefinition& step, lang::Problems& problems);

}  // namespace postlude::engine
