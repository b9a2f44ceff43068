#include "evaluator/natives.h"

#include <cmark.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/calendar.h"
#include "base/escape.h"
#include "base/text.h"

namespace postlude::evaluator {
namespace {

constexpr double kSecondsMax = 253402300799.0;  // the year 9999
constexpr double kMillisFrom = 1e11;            // as seconds it would be the year 5138

Error wrong(std::string message) {
  return {Code::kInvalid, std::move(message)};
}

std::string shown(const json::value& value) {
  std::string text = to_text(value);
  if (value.is_double()) {  // as jq writes it
    std::array<char, 40> digits{};
    std::snprintf(digits.data(), digits.size(), "%.15g", value.get_double());
    text = digits.data();
  }
  return cut(std::move(text), 60);
}

// A number as JSON: an integer where it is one, as jq prints it.
json::value number(double value) {
  if (std::abs(value) < 9e15 && value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

Result<Instant> instant_of(const json::value& value, std::string_view function) {
  const double seconds = value.is_number() ? value.to_number<double>() : 0;
  if (!value.is_number() || !std::isfinite(seconds) || std::abs(seconds) > kSecondsMax) {
    return wrong(std::string(function) + " needs unix seconds, not " + shown(value) +
                 (value.is_string() ? "; time(…) makes them of a text" : ""));
  }
  return instant(static_cast<std::int64_t>(std::llround(seconds * 1e6)));
}

// -- semver
bool digits_only(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool identifier(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

bool counted(std::string_view text) {  // digits without a leading zero
  return digits_only(text) && (text.size() == 1 || text[0] != '0');
}

// How many chunks of 15 digits there are, then the chunks: jq compares exactly what its doubles would round.
void add_count(std::string_view digits, json::array& key) {
  const std::size_t chunks = (digits.size() + 14) / 15;
  key.emplace_back(chunks);
  std::size_t length = digits.size() - (chunks - 1) * 15;
  while (!digits.empty()) {
    std::int64_t chunk = 0;
    std::from_chars(digits.data(), digits.data() + length, chunk);
    key.emplace_back(chunk);
    digits.remove_prefix(length);
    length = 15;
  }
}

Result<json::value> semver(const json::value& given) {
  const auto no_version = [&](std::string_view why) {
    return wrong(shown(given) + " is not a semantic version: " + std::string(why));
  };
  if (!given.is_string()) return no_version("it is not text");
  std::string_view text = view(given.get_string());
  if (text.size() > 256) return no_version("it is longer than 256 characters");
  if (text.starts_with('v') || text.starts_with('V')) text.remove_prefix(1);
  const std::size_t plus = std::min(text.find('+'), text.size());
  const std::string_view before_build = text.substr(0, plus);
  const std::size_t dash = std::min(before_build.find('-'), plus);
  const std::vector<std::string_view> core = split(text.substr(0, dash), '.');
  json::object version;
  json::array key;
  if (core.size() != 3) return no_version("expected MAJOR.MINOR.PATCH such as 1.2.3");
  constexpr std::array<const char*, 3> kParts = {"major", "minor", "patch"};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!digits_only(core[i])) return no_version("expected MAJOR.MINOR.PATCH such as 1.2.3");
    if (!counted(core[i])) return no_version("a number may not begin with 0");
    version[kParts[i]] = number(std::strtod(std::string(core[i]).c_str(), nullptr));
    add_count(core[i], key);
  }
  version["prerelease"] = nullptr;
  version["build"] = nullptr;
  key.emplace_back(dash == plus ? 1 : 0);  // a prerelease comes before its release
  if (dash != plus) {
    const std::string_view prerelease = text.substr(dash + 1, plus - dash - 1);
    for (const std::string_view part : split(prerelease, '.')) {
      if (!identifier(part)) return no_version("its prerelease has an empty or strange part");
      if (digits_only(part) && !counted(part)) return no_version("a number may not begin with 0");
      if (digits_only(part)) {
        add_count(part, key);
      } else {
        key.emplace_back(json::string(part));
      }
    }
    version["prerelease"] = json::string(prerelease);
  }
  if (plus != text.size()) {
    const std::string_view build = text.substr(plus + 1);
    for (const std::string_view part : split(build, '.')) {
      if (!identifier(part)) return no_version("its build has an empty or strange part");
    }
    version["build"] = json::string(build);
  }
  version["key"] = std::move(key);
  return json::value(std::move(version));
}

// -- time(s)
std::optional<double> epoch(double value) {
  const double seconds = std::abs(value) >= kMillisFrom ? value / 1000 : value;
  if (!std::isfinite(seconds) || std::abs(seconds) > kSecondsMax) return std::nullopt;
  return seconds;
}

Result<json::value> time_of(const json::value& given) {
  const auto no_time = [&] {
    return wrong("time(s): " + shown(given) +
                 " is not a time; write 2026-11-22T10:11:12Z, 2026-11-22 or unix seconds");
  };
  if (given.is_number()) {
    const auto seconds = epoch(given.to_number<double>());
    return seconds ? Result<json::value>(number(*seconds)) : no_time();
  }
  if (!given.is_string()) return no_time();
  const std::string_view text = trim(view(given.get_string()));
  if (!text.empty() && text.size() <= 20 && text.find_first_not_of("0123456789.") == std::string_view::npos) {
    const std::string copy(text);
    char* end = nullptr;
    const auto seconds = epoch(std::strtod(copy.c_str(), &end));
    return seconds && *end == '\0' ? Result<json::value>(number(*seconds)) : no_time();
  }
  const Result<Instant> at =
      parse_rfc3339(text.size() == 10 ? std::string(text) + "T00:00:00Z" : std::string(text));
  if (!at) return no_time();
  return number(static_cast<double>(micros(*at)) / 1e6);
}

// -- in_zone(tz)
template <class... Numbers>
json::string printed(const char* format, Numbers... numbers) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), format, numbers...);
  return json::string(text.data(), static_cast<std::size_t>(size));
}

Result<json::value> in_zone(const json::value& given, const json::value& named) {
  if (!named.is_string())
    return wrong("in_zone(tz): expected a zone such as \"Asia/Shanghai\", not " + shown(named));
  TRY(const Instant at, instant_of(given, "in_zone"));
  const Result<Zone> zone = Zone::find(view(named.get_string()));
  if (!zone) return wrong("in_zone(tz): " + zone.error().message);
  constexpr std::array<const char*, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  const std::chrono::local_seconds local = zone->local(at);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const auto time = static_cast<int>((local - day).count());
  const auto offset = static_cast<int>(zone->offset(at).count());
  const int year = static_cast<int>(date.year());
  const unsigned month = static_cast<unsigned>(date.month());
  const unsigned in_month = static_cast<unsigned>(date.day());
  const int hour = time / 3600;
  const int minute = time / 60 % 60;
  json::object out;
  out["year"] = year;
  out["month"] = month;
  out["day"] = in_month;
  out["hour"] = hour;
  out["minute"] = minute;
  out["second"] = time % 60;
  out["weekday"] = kDays[std::chrono::weekday(day).iso_encoding() - 1];
  const int distance = std::abs(offset);
  const json::string from_utc =
      printed("%c%02d:%02d", offset < 0 ? '-' : '+', distance / 3600, distance / 60 % 60);
  const json::string day_text = printed("%04d-%02u-%02u", year, month, in_month);
  const json::string time_text = printed("%02d:%02d:%02d", hour, minute, time % 60);
  out["offset"] = from_utc;
  out["date"] = day_text;
  out["time"] = time_text;
  out["rfc3339"] =
      std::string(view(day_text)) + "T" + std::string(view(time_text)) + std::string(view(from_utc));
  return json::value(std::move(out));
}

// -- in_window(calendar)
Result<json::value> in_window(const json::value& given, const json::value& named,
                              const json::value& calendars) {
  if (!named.is_string())
    return wrong("in_window(calendar): expected the name of a calendar, not " + shown(named));
  const std::string name(view(named.get_string()));
  const json::value* calendar = find(calendars, name);
  if (calendar == nullptr) {
    std::vector<std::string> names;
    if (calendars.is_object()) {
      for (const auto& member : calendars.get_object())
        names.emplace_back(member.key().data(), member.key().size());
    }
    const std::string near = nearest(name, names);
    return wrong("in_window(calendar): there is no calendar " + shown(named) +
                 (names.empty()  ? "; there are none, `calendars` in the configuration makes them"
                  : near.empty() ? "; there is " + join(names, ", ")
                                 : "; did you mean \"" + near + "\"?"));
  }
  TRY(const Instant at, instant_of(given, "in_window"));
  const Result<Calendar> read = Calendar::from_json(*calendar);
  if (!read) return wrong("in_window(calendar): " + name + ": " + read.error().message);
  return json::value(read->inside(at));
}

// -- duration
Result<json::value> duration(const json::value& given) {
  if (given.is_number()) {
    const double seconds = given.to_number<double>();
    if (!std::isfinite(seconds) || std::abs(seconds) > kSecondsMax) {
      return wrong("duration: " + shown(given) + " seconds are too many");
    }
    const bool tiny = std::abs(seconds) < 0.001;  // else to the millisecond: doubles are not exact
    const Duration exact(tiny ? std::llround(seconds * 1e6) : std::llround(seconds * 1e3) * 1000);
    return json::value(json::string(to_text(exact)));
  }
  if (!given.is_string()) return wrong("duration needs text or a number of seconds, not " + shown(given));
  const Result<Duration> parsed = parse_duration(view(given.get_string()));
  if (!parsed) return wrong("duration: " + parsed.error().message);
  return number(static_cast<double>(parsed->count()) / 1e6);
}

// -- markdown_html: safe by cmark's default, which leaves out raw HTML and links such as javascript:
Result<json::value> markdown_html(const json::value& given) {
  if (!given.is_string()) return wrong("markdown_html needs text, not " + shown(given));
  const std::string_view text = view(given.get_string());
  char* html = cmark_markdown_to_html(text.data(), text.size(), CMARK_OPT_DEFAULT);
  if (html == nullptr) return wrong("markdown_html: out of memory");
  json::value out = json::string(html);
  std::free(html);
  return out;
}

// -- escapes
Result<json::value> escaped(const json::value& given, std::string_view function,
                            std::string (*escape)(std::string_view)) {
  if (!given.is_string()) return wrong(std::string(function) + " needs text, not " + shown(given));
  return json::value(json::string(escape(view(given.get_string()))));
}

}  // namespace

Result<json::value> call_native(std::string_view name, const json::array& given) {
  const json::value null;
  const auto at = [&](std::size_t i) -> const json::value& { return i < given.size() ? given[i] : null; };
  if (name == "semver") return semver(at(0));
  if (name == "time") return time_of(at(0));
  if (name == "in_zone") return in_zone(at(0), at(1));
  if (name == "in_window") return in_window(at(0), at(1), at(2));
  if (name == "duration") return duration(at(0));
  if (name == "markdown_html") return markdown_html(at(0));
  if (name == "markdown_escape") return escaped(at(0), name, escape_markdown);
  if (name == "jira_escape") return escaped(at(0), name, escape_jql);
  if (name == "jira_wiki_escape") return escaped(at(0), name, escape_wiki);
  if (name == "slack_escape") return escaped(at(0), name, escape_slack);
  return wrong("there is no function " + cut(std::string(name), 40));
}

}  // namespace postlude::evaluator
