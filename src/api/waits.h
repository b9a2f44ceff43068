#pragma once
// Waits: adds what a queued run, or a due step, is waiting for.

#include "base/json.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace postlude::api {

// Adds `pausedBy` and `waitsFor` to the view of a run that has not ended, and to its steps.
void add_waits(json::object& view, const store::RunDetail& detail, const std::vector<store::Pause>& pauses,
               pipeline::Pipeline& pipeline);

}  // namespace postlude::api
