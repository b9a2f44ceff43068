#pragma once
// Calendar: windows of time in some zone, weekly or between dates, say when nothing may be released.

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
  // {days: [fri], from: "18:00", to: "24:00"}: on each of these days (all days where none are given; mon-fri
  // is five). From 00:00 and to 24:00 where nothing is said; a `to` before its `from` is on the next day.
  // {from: 2027-02-05, to: 2027-02-15}: both days and all between them. With a time of day,
  // 2027-02-15T08:00, it ends at that time.
  struct Window {
    std::uint8_t days = 0;                // bit 0 is Monday; 0: between dates
    std::string from, to;                 // as written, "" when they were not
    std::chrono::seconds begin{}, end{};  // since the day's beginning, or since 1970 on the wall's clock

    static Result<Window> make(const std::vector<std::string>& days, std::string_view from,
                               std::string_view to);
  };

  Zone zone;
  std::vector<Window> windows;

  // Clocks that change: a time left out begins or ends a window at the jump, one that comes twice begins it
  // at the first and ends it at the last.
  bool inside(Instant t) const;
  // When it is over: the first instant from `t` on that is in no window; `t` itself when it is in none.
  // Windows that touch are one. nullopt: not over within three years or a thousand windows.
  std::optional<Instant> next_end(Instant t) const;

  json::object to_json() const;  // {timezone, windows}, which from_json reads
  static Result<Calendar> from_json(const json::value& value);
};

using Calendars = std::map<std::string, Calendar, std::less<>>;
json::object to_json(const Calendars& calendars);  // name -> {timezone, windows}: `__calendars` of a context

}  // namespace postlude
