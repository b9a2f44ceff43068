#pragma once
// built_in: the actions without a target, and the checks of their `with` (contract 7).

#include "engine/workflow.h"

namespace postlude::engine {

// kNone: not a built-in. The caller reports built-ins that this build lacks, such as `gate/open`.
BuiltIn built_in_named(std::string_view uses);
std::vector<std::string> built_in_names();

// Reports unknown, missing and impossible values in the `with` of a built-in.
void check_built_in(const StepDefinition& step, lang::Problems& problems);

// Reads the `with` of a built-in. `that` of assert is a bare expression.
lang::Template read_built_in(const StepDefinition& step, lang::Problems& problems);

}  // namespace postlude::engine
