#pragma once
// Targets: warns of settings of a target, or of a step that uses it, that are valid but hardly meant.

#include "connector/target.h"
#include "lang/node.h"
#include "pipeline/rules.h"

namespace postlude::app {

// Checks its URL and credentials, if the system is known.
void check_target(const connector::Target& target, lang::Problems& problems);

// Checks a step's target and keys against its action.
void check_use_of_target(const pipeline::BoundStep& step, const connector::Target& target,
                         lang::Problems& problems);

// Checks the `headers` of a target or a step for secrets in plain text.
void check_headers(const lang::Node& headers, lang::Problems& problems);

}  // namespace postlude::app
