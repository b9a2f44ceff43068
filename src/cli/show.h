#pragma once
// Show: what the daemon answered, for people (tables), for programs (JSON) or for both (YAML).

#include <string>
#include <vector>

#include "base/json.h"

namespace postlude::cli {

enum class Output : std::uint8_t { kTable = 1, kJson, kYaml };

std::string yaml_of(const json::value& value);

// Rows with a heading, columns as wide as their widest cell.
std::string table_of(const std::vector<std::string>& heading,
                     const std::vector<std::vector<std::string>>& rows);

// A list's page {"items", "next"} and one thing, by kind: deliveries, events, runs.
std::string list_of(std::string_view kind, const json::value& page);
std::string one_of(std::string_view kind, const json::value& thing);

// Why an event ran what it ran, and why not the rest: the API's explain/{id}.
std::string explanation(const json::value& whole);

}  // namespace postlude::cli
