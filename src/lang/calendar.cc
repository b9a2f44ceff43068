#include "lang/calendar.h"

#include <algorithm>

#include "base/text.h"

namespace postlude::lang {
namespace {

constexpr std::size_t kWindowsMax = 200;

void check_keys(const Node& map, const std::vector<std::string>& known, std::string_view what,
                Problems& problems) {
  for (const auto& [key, value] : map.members) {
    if (std::find(known.begin(), known.end(), key.scalar) != known.end()) continue;
    const std::string near = nearest(key.scalar, known);
    problems.push_back({key.place, "unknown key '" + key.scalar + "' in " + std::string(what) +
                                       (near.empty() ? "; there are " + join(known, ", ")
                                                     : "; did you mean '" + near + "'?")});
  }
}

// `days: [fri]`, also `days: fri`.
std::optional<std::vector<std::string>> read_days(const Node* node, Problems& problems) {
  std::vector<std::string> days;
  if (node == nullptr) return days;
  if (node->is_scalar()) return std::vector<std::string>{node->scalar};
  for (const Node& item : node->items) {
    if (item.is_scalar()) days.push_back(item.scalar);
  }
  if (!node->is_list() || days.empty() || days.size() != node->items.size()) {
    problems.push_back({node->place, "`days` is a list of days, say [sat, sun]"});
    return std::nullopt;
  }
  return days;
}

std::optional<Calendar::Window> read_window(const Node& node, Problems& problems) {
  if (!node.is_map()) {
    problems.push_back({node.place, "a window is a map, say {days: [fri], from: \"18:00\", to: \"24:00\"}"});
    return std::nullopt;
  }
  check_keys(node, {"days", "from", "to"}, "a window", problems);
  const auto days = read_days(node.find("days"), problems);
  if (!days) return std::nullopt;
  for (const char* key : {"from", "to"}) {
    const Node* value = node.find(key);
    if (value == nullptr || value->is_scalar()) continue;
    problems.push_back(
        {value->place, "`" + std::string(key) + "` is a time, \"18:00\", or a day, 2027-02-05"});
    return std::nullopt;
  }
  Result<Calendar::Window> window = Calendar::Window::make(*days, node.text("from"), node.text("to"));
  if (window) return *std::move(window);
  problems.push_back({node.place, window.error().message});
  return std::nullopt;
}

}  // namespace

std::optional<Calendar> read_calendar(const Node& node, Problems& problems) {
  const std::size_t before = problems.size();
  if (!node.is_map()) {
    problems.push_back({node.place, "a calendar is a map with `timezone` and `windows`"});
    return std::nullopt;
  }
  check_keys(node, {"timezone", "windows"}, "a calendar", problems);
  const Node* named = node.find("timezone");
  const Result<Zone> zone = Zone::find(named == nullptr ? "UTC" : named->scalar);
  if (!zone) problems.push_back({named == nullptr ? node.place : named->place, zone.error().message});
  const Node* windows = node.find("windows");
  if (windows == nullptr || !windows->is_list() || windows->items.empty()) {
    problems.push_back({windows == nullptr ? node.place : windows->place,
                        "a calendar has `windows`, a list of {days, from, to} or {from, to}"});
    return std::nullopt;
  }
  if (windows->items.size() > kWindowsMax) {
    problems.push_back({windows->place, "a calendar may have 200 windows at most"});
    return std::nullopt;
  }
  std::vector<Calendar::Window> read;
  for (const Node& item : windows->items) {
    if (auto window = read_window(item, problems)) read.push_back(*std::move(window));
  }
  if (problems.size() != before || !zone) return std::nullopt;
  return Calendar{*zone, std::move(read)};
}

Calendars read_calendars(const Node& node, Problems& problems) {
  Calendars all;
  if (!node.is_map()) {
    if (!node.is_null()) problems.push_back({node.place, "`calendars` is a map of names"});
    return all;
  }
  for (const auto& [key, value] : node.members) {
    if (auto calendar = read_calendar(value, problems)) all.emplace(key.scalar, *std::move(calendar));
  }
  return all;
}

}  // namespace postlude::lang
