#pragma once
// Waits: what a run that is queued, or a step whose time has come, still waits for.

#include "base/json.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace postlude::api {

// Completes the view of a run that has not ended: `pausedBy`, `waitsFor` of it and of its steps.
void add_waits(json::object& view, const store::RunDetail& detail, const std::vector<store::Pause>& pauses,
               pipeline::Pipeline& pipeline);

}  // namespace postlude::api
