#pragma once
// Tables: the files under `data`, which expressions see as `$data`.

#include "app/config.h"

namespace postlude::app {

constexpr std::size_t kTablesMax =
    4U << 20U;  // of all tables as JSON, because each evaluation that uses them gets all

// Adds one table to `tables`. `name` is its key in the configuration, for messages. Reads *.json as JSON,
// other files as YAML.
void add_table(const lang::Node& name, const ConfigText& text, json::object& tables,
               lang::Problems& problems);

}  // namespace postlude::app
