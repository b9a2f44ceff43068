#pragma once
// SqlKind: statements to databases: their text forms, and what an error of a database means.

#include "connector/kind.h"

namespace postlude::connector {

const Kind& sql_kind();

// A statement in one line, to compare and to show.
std::string statement_line(std::string_view statement);

}  // namespace postlude::connector
