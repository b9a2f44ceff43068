#pragma once
// Sql: the built-in connector `sql`. Its actions, `query` and `execute`, are written in the step's `with`.

#include <memory>
#include <vector>

#include "connector/action.h"
#include "connector/written.h"

namespace postlude::connector {

// The same as read_http_request(), of TARGET/query and TARGET/execute.
std::shared_ptr<const Action> read_sql_query(const lang::Node* with, const lang::Place& step,
                                             lang::Problems& problems);
std::shared_ptr<const Action> read_sql_execute(const lang::Node* with, const lang::Place& step,
                                               lang::Problems& problems);

// What `with` may have.
const std::vector<WrittenInput>& sql_query_inputs();
const std::vector<WrittenInput>& sql_execute_inputs();
// rows, count, first, more.
const std::vector<std::string>& sql_outputs();

}  // namespace postlude::connector
