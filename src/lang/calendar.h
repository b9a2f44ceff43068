#pragma once
// Calendar reading: `calendars:` of the configuration, `{freeze: {timezone: Asia/Shanghai, windows: […]}}`.

#include "base/calendar.h"
#include "lang/node.h"

namespace postlude::lang {

// One calendar; the zone is UTC where none is named. nullopt: problems were added.
std::optional<Calendar> read_calendar(const Node& node, Problems& problems);
// All of them by name, less those with problems.
Calendars read_calendars(const Node& node, Problems& problems);

}  // namespace postlude::lang
