#pragma once
// Ends: workflows that run after failed rollouts as well, and do not look at how the rollout ended.

#include "app/config.h"
#include "lang/node.h"
#include "pipeline/rules.h"

namespace postlude::app {

// `on: {source: flagger}` of a workflow that changes something: a warning at the pattern, because a release
// that was rolled back would be recorded as released. None if an expression reads the phase or the outcome,
// if the pattern names one of them, or if the source accepts only some of them.
// `written`: the workflow as it stands in the configuration.
void check_ends(const pipeline::BoundWorkflow& bound, const lang::Node& written, const Config& config,
                lang::Problems& problems);

}  // namespace postlude::app
