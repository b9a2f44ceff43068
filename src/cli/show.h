#pragma once
// Show: prints the daemon's answers, for people (tables), for programs (JSON) or for both (YAML).

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/table.h"

namespace postlude::cli {

enum class Output : std::uint8_t { kTable = 1, kJson, kYaml };

std::string yaml_of(const json::value& value);

// A page of a list {"items", "next"}, and one object, by kind: deliveries, events, runs.
std::string list_of(std::string_view kind, const json::value& page);
std::string one_of(std::string_view kind, const json::value& thing);
// A run's state with the reason for waiting: "paused (target jira)", "waiting for approval", "held".
std::string state_of(const json::value& run);
// The age of a time in one unit, for a column: 10s, 5m, 3h, 12d. "" if it is not a time.
std::string age_of(const std::string& time);

// Why workflows ran on an event, and others did not: the API's explain/{id}.
std::string explanation(const json::value& whole);

}  // namespace postlude::cli
