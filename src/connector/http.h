#pragma once
// Http: the built-in connector `http`. Its one action, `request`, is written in the step's `with` (contract
// 7).

#include <memory>

#include "connector/action.h"

namespace postlude::connector {

// Reads the `with` of a step that uses TARGET/request. Its templates are evaluated in the workflow's context,
// its conditions (`success`, `retry`, `refuse`) with `.response` in addition; there is no `.with`. nullptr:
// `problems` has the reasons.
std::shared_ptr<const Action> read_http_request(const lang::Node* with, const lang::Place& step,
                                                lang::Problems& problems);

}  // namespace postlude::connector
