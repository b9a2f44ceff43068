#pragma once
// Http: the built-in connector `http`. Its one action, `request`, is written in the step's `with` (contract
// 7).

#include <memory>
#include <string_view>
#include <vector>

#include "connector/action.h"
#include "connector/written.h"

namespace postlude::connector {

// Reads the `with` of a step that uses TARGET/request. Its templates are evaluated in the workflow's context,
// its conditions (`success`, `retry`, `refuse`) with `.response` in addition; there is no `.with`. nullptr:
// `problems` has the reasons.
std::shared_ptr<const Action> read_http_request(const lang::Node* with, const lang::Place& step,
                                                lang::Problems& problems);

// What `with` may have.
const std::vector<WrittenInput>& http_inputs();
// What each method's effect is, unless `effect` says another: "GET read".
std::vector<std::string> http_effects();

}  // namespace postlude::connector
