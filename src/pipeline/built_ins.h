#pragma once
// Built-ins: the actions without a target: wait, approval, callback, assert and set.

#include "pipeline/shadow.h"

namespace postlude::pipeline {

// Carries out all of the step's action; its `with` is in the context.
Outcome built_in(AttemptState& state, const Shadow& shadow);

}  // namespace postlude::pipeline
