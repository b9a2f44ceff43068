#pragma once
// Calendar reading: reads `calendars:` of the configuration, `{freeze: {timezone: Asia/Shanghai, windows:
// […]}}`.

#include "base/calendar.h"
#include "lang/node.h"

namespace postlude::lang {

// Reads one calendar; the default zone is UTC. nullopt: problems were added.
std::optional<Calendar> read_calendar(const Node& node, Problems& problems);
// All valid calendars by name.
Calendars read_calendars(const Node& node, Problems& problems);

}  // namespace postlude::lang
