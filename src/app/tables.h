#pragma once
// Tables: the files under `data`, which expressions see as `$data`.

#include "app/config.h"

namespace postlude::app {

constexpr std::size_t kTablesMax = 4U << 20U;  // of all tables as JSON: each evaluation that asks has them

// Adds one table to `tables`. `name` is its key in the configuration, for messages; a file called *.json is
// read as JSON, any other as YAML.
void add_table(const lang::Node& name, const ConfigText& text, json::object& tables,
               lang::Problems& problems);

}  // namespace postlude::app
