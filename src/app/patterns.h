#pragma once
// Patterns: checks that the patterns of workflows can match, and that their approvers exist.

#include "app/config.h"

namespace postlude::app {

// Reports a glob that matches none of the existing words, because its workflow would silently never run. For
// `hook`, `outcome`, `kind`, `cluster`, `team`, `namespace` and `name` this is an error; for `phase`, whose
// words the sender chooses, a warning, unless it is a typing error. Reports `approvers` that name no existing
// token or team. `workflow` must have passed the schema.
void check_patterns(const lang::Node& workflow, const Config& config, lang::Problems& problems);
// The same for the sources' `accept` and the teams' `match`.
void check_accept(const Config& config, lang::Problems& problems);
void check_namespaces(const lang::Node& globs, lang::Problems& problems);

}  // namespace postlude::app
