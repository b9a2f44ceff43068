#include "base/time.h"

#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <optional>

#include "base/text.h"

namespace postlude {

namespace {

constexpr std::int64_t kSecond = 1'000'000;

// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                                         std::chrono::day(day)};
  return std::chrono::sys_days(date).time_since_epoch().count();
}

bool valid_date(std::int64_t year, unsigned month, unsigned day) {
  return std::chrono::year_month_day{std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                                     std::chrono::day(day)}
      .ok();
}

// Reads exactly `count` digits at `at`.
std::optional<unsigned> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return value;
}

}  // namespace

std::string to_rfc3339(Instant t) {
  const std::int64_t us = micros(t);
  const std::int64_t seconds = us >= 0 ? us / kSecond : -((-us + kSecond - 1) / kSecond);
  const auto whole = static_cast<std::time_t>(seconds);
  tm parts{};
  gmtime_r(&whole, &parts);
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                    parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                    static_cast<int>((us - seconds * kSecond) / 1000));
  return {text.data(), static_cast<std::size_t>(size)};
}

Result<Instant> parse_rfc3339(std::string_view text) {
  const auto wrong = [&] {
    return Error(Code::kInvalid,
                 "'" + cut(std::string(text), 40) + "' is not a time of the form 2026-11-22T10:11:12Z");
  };
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' || text[16] != ':' ||
      !valid_date(*year, *month, *day) || *hour > 23 || *minute > 59 || *second > 60) {
    return wrong();
  }
  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    std::int64_t unit = kSecond;
    const std::size_t first = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      unit /= 10;
      fraction += (text[at] - '0') * unit;
    }
    if (at == first) return wrong();
  }
  std::int64_t offset = 0;
  if (at >= text.size()) return wrong();
  if (text[at] == 'Z' || text[at] == 'z') {
    ++at;
  } else {
    const auto oh = digits(text, at + 1, 2);
    const auto om = digits(text, at + 4, 2);
    if ((text[at] != '+' && text[at] != '-') || !oh || !om || text[at + 3] != ':' || *oh > 23 || *om > 59)
      return wrong();
    offset = (static_cast<std::int64_t>(*oh) * 60 + *om) * 60 * (text[at] == '+' ? 1 : -1);
    at += 6;
  }
  if (at != text.size()) return wrong();
  const std::int64_t seconds =
      days_of(*year, *month, *day) * 86400 + *hour * 3600 + *minute * 60 + *second - offset;
  return instant(seconds * kSecond + fraction);
}

namespace {

// RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, and the obsolete `Sunday, 06-Nov-94 08:49:37 GMT` and
// `Sun Nov  6 08:49:37 1994`.
std::optional<Instant> parse_http_date(std::string_view text, Instant now) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = text.find_first_not_of(" ,-", at);
    if (start == std::string_view::npos) break;
    at = std::min(text.find_first_of(" ,-", start), text.size());
    words.push_back(text.substr(start, at - start));
  }
  if (words.size() < 5) return std::nullopt;
  const bool asctime = words[1].size() == 3 && std::isalpha(static_cast<unsigned char>(words[1][0])) != 0;
  const std::string_view month_text = asctime ? words[1] : words[2];
  const std::string_view day_text = asctime ? words[2] : words[1];
  const std::string_view year_text = asctime ? words[4] : words[3];
  const std::string_view clock = asctime ? words[3] : words[4];
  const std::size_t month_at = kMonths.find(month_text);
  const auto day = digits(day_text, 0, day_text.size());
  auto year = digits(year_text, 0, year_text.size());
  const auto hour = digits(clock, 0, 2);
  const auto minute = digits(clock, 3, 2);
  const auto second = digits(clock, 6, 2);
  if (month_text.size() != 3 || month_at == std::string_view::npos || month_at % 3 != 0 || !day ||
      day_text.size() > 2 || !year || !hour || !minute || !second || clock.size() != 8 || *hour > 23 ||
      *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  if (year_text.size() == 2) {  // the century that puts it no more than 50 years ahead
    const auto this_year = static_cast<unsigned>(1970 + micros(now) / kSecond / 31'556'952);
    *year += this_year / 100 * 100;
    if (*year + 50 <= this_year) *year += 100;
    if (*year > this_year + 50) *year -= 100;
  } else if (year_text.size() != 4) {
    return std::nullopt;
  }
  const auto month = static_cast<unsigned>(month_at / 3 + 1);
  if (!valid_date(*year, month, *day)) return std::nullopt;
  return instant((days_of(*year, month, *day) * 86400 + *hour * 3600 + *minute * 60 + *second) * kSecond);
}

}  // namespace

Result<Duration> parse_retry_after(std::string_view text, Instant now) {
  text = trim(text);
  const auto wrong = [&] {
    return Error(Code::kInvalid, "'" + cut(std::string(text), 60) + "' is no Retry-After");
  };
  if (text.empty()) return wrong();
  if (text.find_first_not_of("0123456789.") == std::string_view::npos && text.front() != '.') {
    std::int64_t whole = 0;
    std::int64_t fraction = 0;
    std::int64_t unit = 0;  // of the last digit of the fraction, from kSecond at its point
    bool point = false;
    for (const char c : text) {
      if (c == '.') {
        if (point) return wrong();
        point = true;
        unit = kSecond;
      } else if (!point) {
        whole = std::min<std::int64_t>(whole * 10 + (c - '0'), 1'000'000'000);
      } else {
        unit /= 10;
        fraction += (c - '0') * unit;
      }
    }
    return Duration(whole * kSecond + fraction);
  }
  const auto at = parse_http_date(text, now);
  if (!at) return wrong();
  return std::max(Duration(0), *at - now);
}

namespace {

struct Unit {
  std::string_view name;
  std::int64_t us;
};
constexpr std::array<Unit, 7> kUnits{{{"d", 86400 * kSecond},
                                      {"h", 3600 * kSecond},
                                      {"m", 60 * kSecond},
                                      {"s", kSecond},
                                      {"ms", 1000},
                                      {"us", 1},
                                      {"µs", 1}}};

}  // namespace

std::string to_text(Duration d) {
  std::int64_t rest = d.count();
  if (rest == 0) return "0s";
  std::string out;
  if (rest < 0) {
    out = "-";
    rest = -rest;
  }
  for (std::size_t i = 0; i < 6; ++i) {
    if (rest >= kUnits[i].us) {
      out += std::to_string(rest / kUnits[i].us);
      out += kUnits[i].name;
      rest %= kUnits[i].us;
    }
  }
  return out;
}

Result<Duration> parse_duration(std::string_view text) {
  const auto wrong = [&] {
    return Error(Code::kInvalid,
                 "'" + cut(std::string(text), 40) + "' is not a duration; write 30s, 5m, 24h, 30d or 1h30m");
  };
  constexpr std::int64_t kMax = 36'500LL * 86400 * kSecond;  // a hundred years
  if (text.empty()) return wrong();
  std::int64_t total = 0;
  std::size_t at = 0;
  std::int64_t last_unit = kMax;
  while (at < text.size()) {
    const std::size_t first = at;
    std::int64_t number = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
      number = std::min(number * 10 + (text[at] - '0'), kMax);
    if (at == first) return wrong();
    const std::size_t unit_end = std::min(text.find_first_of("0123456789", at), text.size());
    const std::string_view name = text.substr(at, unit_end - at);
    std::int64_t unit = 0;
    for (const Unit& u : kUnits) {
      if (u.name == name) unit = u.us;
    }
    if (unit == 0 || unit >= last_unit) return wrong();
    last_unit = unit;
    if (number > kMax / unit)
      return Error(Code::kInvalid, "'" + cut(std::string(text), 40) + "' is longer than a hundred years");
    total += number * unit;
    at = unit_end;
  }
  if (total > kMax) return wrong();
  return Duration(total);
}

Result<Rate> parse_rate(std::string_view text) {
  const auto wrong = [&] {
    return Error(Code::kInvalid,
                 "'" + cut(std::string(text), 40) + "' is not a rate; write 10/s, 100/m or 5/h");
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash > 9) return wrong();
  const auto count = digits(text, 0, slash);
  if (!count || *count == 0) return wrong();
  const std::string_view per = text.substr(slash + 1);
  for (const Unit& u : kUnits) {
    if (u.name == per && u.us >= kSecond) return Rate{*count, Duration(u.us)};
  }
  return wrong();
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto wrong = [&] {
    return Error(Code::kInvalid,
                 "'" + cut(std::string(text), 40) + "' is not a size; write 512, 64KiB, 1MiB or 2GiB");
  };
  std::size_t at = 0;
  std::uint64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = std::min<std::uint64_t>(number * 10 + static_cast<std::uint64_t>(text[at] - '0'), 1ULL << 50U);
  }
  if (at == 0) return wrong();
  const std::string_view unit = text.substr(at);
  std::uint64_t factor = 0;
  if (unit.empty() || unit == "B") factor = 1;
  if (unit == "KiB") factor = 1ULL << 10U;
  if (unit == "MiB") factor = 1ULL << 20U;
  if (unit == "GiB") factor = 1ULL << 30U;
  if (unit == "KB" || unit == "kB") factor = 1000;
  if (unit == "MB") factor = 1'000'000;
  if (unit == "GB") factor = 1'000'000'000;
  if (factor == 0 || number > (1ULL << 50U) / factor) return wrong();
  return number * factor;
}

}  // namespace postlude
