#pragma once
// Calendar: time windows in a time zone, weekly or between two dates, for example the hours in which nothing
// may be released.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/zone.h"

namespace postlude {

struct Calendar {
  // {days: [fri], from: "18:00", to: "24:00"}: on each of these days (mon-fri is five; without `days`: every
  // day). `from` defaults to 00:00, `to` to 24:00; a `to` before its `from` is on the next day.
  // {from: 2027-02-05, to: 2027-02-15}: both days and all between them. With a time of day, 2027-02-15T08:00,
  // the window ends at that time.
  struct Window {
    std::uint8_t days = 0;                // bit 0 is Monday; 0: between dates
    std::string from, to;                 // as written, "" when they were not
    std::chrono::seconds begin{}, end{};  // since the day's start, or since 1970 on the zone's wall clock

    static Result<Window> make(const std::vector<std::string>& days, std::string_view from,
                               std::string_view to);
  };

  Zone zone;
  std::vector<Window> windows;

  // When the clocks change: a window's time that is left out counts as the moment of the jump. If a time
  // occurs twice, a window begins at the first and ends at the last.
  bool inside(Instant t) const;
  // The end of the window that contains `t`: the first instant from `t` on that is in no window; `t` itself
  // if no window contains it. Adjoining windows count as one. nullopt: there is no end within three years or
  // a thousand windows.
  std::optional<Instant> next_end(Instant t) const;

  json::object to_json() const;  // {timezone, windows}, which from_json reads
  static Result<Calendar> from_json(const json::value& value);
};

using Calendars = std::map<std::string, Calendar, std::less<>>;
json::object to_json(const Calendars& calendars);  // name -> {timezone, windows}: `__calendars` of a context

}  // namespace postlude
