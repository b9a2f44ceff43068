#pragma once
// Views: stored objects in the form that the API and the CLI show. Field names are those of contract 1, 5 and
// 7.

#include "base/json.h"
#include "store/store.h"

namespace postlude::api {

json::value time_or_null(const std::optional<Instant>& t);

json::object view_of(const Delivery& delivery, bool whole);  // whole: with headers and body
json::object line_of(const Event& event);                    // without metadata, payload, canary, release
json::object view_of(const store::EventDetail& detail);
json::object view_of(const Run& run);  // without steps
json::object line_of(const store::RunLine& run);
json::object view_of(const store::Pause& pause);
json::object view_of(const store::CauseGroup& group, const char* at);  // `at`: the name of its time
json::object view_of(const store::RunDetail& detail);                  // with steps, attempts, requests
// The pauses that hold the run, or one of its steps that has not ended.
json::array holding(const std::vector<store::Pause>& pauses, const store::RunDetail& detail);

}  // namespace postlude::api
