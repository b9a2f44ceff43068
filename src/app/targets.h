#pragma once
// Targets: what of a target, or of a step that uses it, works as written and is hardly meant.

#include "connector/target.h"
#include "lang/node.h"
#include "pipeline/rules.h"

namespace postlude::app {

// Its URL and credentials, where we know the system.
void check_target(const connector::Target& target, lang::Problems& problems);

// A step's target and keys against its action.
void check_use_of_target(const pipeline::BoundStep& step, const connector::Target& target,
                         lang::Problems& problems);

// `headers` of a target or of a step: a secret that stands in them as text.
void check_headers(const lang::Node& headers, lang::Problems& problems);

}  // namespace postlude::app
