#include "base/calendar.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace postlude {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr int kStepsMax = 1000;  // windows that are followed one after another
constexpr Duration kFarthest = hours(24 * 366 * 3);

std::optional<int> digits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return text.empty() || text.size() > 4 ? std::nullopt : std::optional(value);
}

// "18:00", "9:30", "24:00"
std::optional<seconds> time_of_day(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon > 2 || text.size() != colon + 3) return std::nullopt;
  const auto hour = digits(text.substr(0, colon));
  const auto minute = digits(text.substr(colon + 1));
  if (!hour || !minute || *minute > 59 || *hour > 24 || (*hour == 24 && *minute > 0)) return std::nullopt;
  return hours(*hour) + minutes(*minute);
}

bool like_date(std::string_view text) {
  return text.size() >= 8 && text.find('-') == 4;
}

struct Moment {
  seconds at{};
  bool whole_day = false;
};

// 2027-02-05, 2027-02-05T18:00
std::optional<Moment> moment(std::string_view text) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits(text.substr(0, 4));
  const auto month = digits(text.substr(5, 2));
  const auto day = digits(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1970) return std::nullopt;
  const seconds midnight = std::chrono::local_days(date).time_since_epoch();
  if (text.size() == 10) return Moment{midnight, true};
  if (text[10] != 'T' && text[10] != ' ') return std::nullopt;
  const auto time = time_of_day(text.substr(11));
  if (!time) return std::nullopt;
  return Moment{midnight + *time, false};
}

std::optional<std::size_t> day_named(std::string_view name) {
  const auto at = std::find(kDays.begin(), kDays.end(), lower(name));
  if (at == kDays.end()) return std::nullopt;
  return static_cast<std::size_t>(at - kDays.begin());
}

// "fri", "mon-fri", "sat-mon"
Result<std::uint8_t> days_named(const std::vector<std::string>& names) {
  unsigned mask = 0;
  for (const std::string& name : names) {
    const std::size_t dash = name.find('-');
    const auto first = day_named(std::string_view(name).substr(0, dash));
    const auto last = dash == std::string::npos ? first : day_named(std::string_view(name).substr(dash + 1));
    if (!first || !last) {
      return Error(Code::kInvalid,
                   "'" + cut(name, 40) + "' is not a day; write mon tue wed thu fri sat sun, or mon-fri");
    }
    for (std::size_t d = *first;; d = (d + 1) % 7) {
      mask |= 1U << d;
      if (d == *last) break;
    }
  }
  return static_cast<std::uint8_t>(mask);
}

Result<Calendar::Window> dates(std::string_view from, std::string_view to) {
  const auto wrong = [](std::string_view text) {
    return Error(Code::kInvalid, "'" + cut(std::string(text), 40) +
                                     "' is not a day; write 2027-02-05, or with a time 2027-02-05T18:00");
  };
  const auto first = moment(from);
  if (!first) return wrong(from);
  const auto last = to.empty() && first->whole_day ? first : moment(to);
  if (!last) {
    if (to.empty()) return Error(Code::kInvalid, "`to` is missing: when does it end?");
    return wrong(to);
  }
  Calendar::Window window;
  window.begin = first->at;
  window.end = last->at + (last->whole_day ? seconds(days(1)) : seconds(0));
  if (window.end <= window.begin) {
    return Error(Code::kInvalid, "'" + std::string(to) + "' is not after '" + std::string(from) + "'");
  }
  return window;
}

// The zone's instants of a window on the day that begins at `midnight`.
struct Span {
  Instant begin, end;
  bool holds(Instant t) const { return begin <= t && t < end; }
};
Span span(const Zone& zone, seconds midnight, const Calendar::Window& window) {
  return {zone.earliest(std::chrono::local_seconds(midnight + window.begin)),
          zone.latest(std::chrono::local_seconds(midnight + window.end))};
}

// The latest end of the windows that `t` is in.
std::optional<Instant> end_of(const Calendar& calendar, Instant t) {
  std::optional<Instant> end;
  const auto consider = [&](const Span& s) {
    if (s.holds(t)) end = std::max(end.value_or(s.end), s.end);
  };
  const std::chrono::local_seconds local = calendar.zone.local(t);
  const auto today = std::chrono::floor<days>(local);
  // Clocks jump by a day at most: what is further away need not be looked up.
  const auto near = [&](seconds midnight, const Calendar::Window& window) {
    constexpr seconds kJump = hours(25);
    const seconds at = local.time_since_epoch() - midnight;
    return window.begin - kJump <= at && at <= window.end + kJump;
  };
  for (const Calendar::Window& window : calendar.windows) {
    if (window.days == 0) {
      if (near(seconds(0), window)) consider(span(calendar.zone, seconds(0), window));
      continue;
    }
    for (int ago = 2; ago >= -1; --ago) {  // one that began the day before yesterday may reach into today
      const std::chrono::local_days day = today - days(ago);
      const unsigned index = std::chrono::weekday(day).iso_encoding() - 1;
      const seconds midnight = day.time_since_epoch();
      if ((window.days >> index & 1U) == 0 || !near(midnight, window)) continue;
      consider(span(calendar.zone, midnight, window));
    }
  }
  return end;
}

}  // namespace

Result<Calendar::Window> Calendar::Window::make(const std::vector<std::string>& day_names,
                                                std::string_view from, std::string_view to) {
  Window window;
  if (like_date(from) || like_date(to)) {
    if (!day_names.empty())
      return Error(Code::kInvalid, "a window is on days of the week or between dates, not both");
    if (from.empty()) return Error(Code::kInvalid, "`from` is missing: when does it begin?");
    TRY(window, dates(from, to));
  } else {
    if (day_names.empty() && from.empty() && to.empty()) {
      return Error(Code::kInvalid, "a window has `days` with `from` and `to`, or two dates");
    }
    TRY(window.days, days_named(day_names.empty() ? std::vector<std::string>{"mon-sun"} : day_names));
    const auto begin = time_of_day(from.empty() ? "00:00" : from);
    const auto end = time_of_day(to.empty() ? "24:00" : to);
    if (!begin || !end || *begin == hours(24)) {
      return Error(Code::kInvalid, "'" + cut(std::string(begin && *begin < hours(24) ? to : from), 40) +
                                       "' is not a time of day; write 18:00, or 24:00 for its end");
    }
    if (*begin == *end) {
      return Error(Code::kInvalid, "it would be over when it begins; a whole day is from 00:00 to 24:00");
    }
    window.begin = *begin;
    window.end = *end > *begin ? *end : *end + hours(24);
  }
  window.from = from;
  window.to = to;
  return window;
}

bool Calendar::inside(Instant t) const {
  return end_of(*this, t).has_value();
}

std::optional<Instant> Calendar::next_end(Instant t) const {
  Instant at = t;
  for (int i = 0; i < kStepsMax && at - t <= kFarthest; ++i) {
    const std::optional<Instant> end = end_of(*this, at);
    if (!end) return at;
    at = *end;
  }
  return std::nullopt;
}

json::object Calendar::to_json() const {
  json::array list;
  for (const Window& window : windows) {
    json::object one;
    if (window.days != 0) {
      json::array names;
      for (std::size_t d = 0; d < kDays.size(); ++d) {
        if ((window.days >> d & 1U) != 0) names.emplace_back(kDays[d]);
      }
      one["days"] = std::move(names);
    }
    if (!window.from.empty()) one["from"] = window.from;
    if (!window.to.empty()) one["to"] = window.to;
    list.emplace_back(std::move(one));
  }
  return {{"timezone", std::string(zone.name())}, {"windows", std::move(list)}};
}

Result<Calendar> Calendar::from_json(const json::value& value) {
  TRY(const Zone zone, Zone::find(find_text(value, "timezone")));
  Calendar calendar{zone, {}};
  const json::value* list = find(value, "windows");
  if (list == nullptr || !list->is_array()) return Error(Code::kInvalid, "a calendar without `windows`");
  for (const json::value& one : list->get_array()) {
    std::vector<std::string> names;
    if (const json::value* given = find(one, "days"); given != nullptr && given->is_array()) {
      for (const json::value& day : given->get_array())
        names.emplace_back(day.is_string() ? view(day.get_string()) : "");
    }
    TRY(Window window, Window::make(names, find_text(one, "from"), find_text(one, "to")));
    calendar.windows.push_back(std::move(window));
  }
  return calendar;
}

json::object to_json(const Calendars& calendars) {
  json::object all;
  for (const auto& [name, calendar] : calendars)
    all[name] = calendar.to_json();
  return all;
}

}  // namespace postlude
