#pragma once
// Patterns: whether what workflows are `on` can match at all, and whom they ask can answer.

#include "app/config.h"

namespace postlude::app {

// A glob that matches none of the words there are would keep its workflow from ever running, in silence: of
// `hook`, `outcome`, `kind`, `cluster`, `team`, `namespace` and `name` it is an error; of `phase`, which is
// the sender's word, a warning, unless it is a slip. The same of `approvers`: names of tokens and teams that
// are there. `workflow` has passed the schema.
void check_patterns(const lang::Node& workflow, const Config& config, lang::Problems& problems);
// Those of the sources' `accept`, and of a team's `match`.
void check_accept(const Config& config, lang::Problems& problems);
void check_namespaces(const lang::Node& globs, lang::Problems& problems);

}  // namespace postlude::app
