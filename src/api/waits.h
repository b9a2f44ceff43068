#pragma once
// Waits: adds what a queued run, or a due step, is waiting for.

#include "base/json.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace postlude::api {

// The steps of a run that are tried again, or that wait for a target that is down: the first of them, as
// `retrying`.
json::array retrying(const std::vector<store::RunLine::Due>& due, pipeline::Pipeline& pipeline);

// Completes the view of an event: what its runs try again.
void add_retrying(json::object& view, const store::EventDetail& event, pipeline::Pipeline& pipeline);

// Completes the view of a run that has not ended: `pausedBy`, `retrying`, `waitsFor` of it and of its steps.
void add_waits(json::object& view, const store::RunDetail& detail, const std::vector<store::Pause>& pauses,
               pipeline::Pipeline& pipeline);

}  // namespace postlude::api
