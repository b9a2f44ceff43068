#pragma once
// Show: what the daemon answered, for people (tables), for programs (JSON) or for both (YAML).

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/table.h"

namespace postlude::cli {

enum class Output : std::uint8_t { kTable = 1, kJson, kYaml };

std::string yaml_of(const json::value& value);

// A list's page {"items", "next"} and one thing, by kind: deliveries, events, runs.
std::string list_of(std::string_view kind, const json::value& page);
std::string one_of(std::string_view kind, const json::value& thing);
// A run's state with what holds it: "paused (target jira)", "waiting for approval", "held".
std::string state_of(const json::value& run);
// How long ago that was, in one unit, for a column: 10s, 5m, 3h, 12d. "" where it is no time.
std::string age_of(const std::string& time);

// Why an event ran what it ran, and why not the rest: the API's explain/{id}.
std::string explanation(const json::value& whole);

}  // namespace postlude::cli
