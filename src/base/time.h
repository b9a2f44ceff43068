#pragma once
// Time: instants and durations, and their text forms in configuration, JSON and HTTP.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postlude {

using Duration = std::chrono::microseconds;
// Wall-clock time since the epoch of UTC, in microseconds. The store keeps `micros(t)`.
using Instant = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

inline std::int64_t micros(Instant t) {
  return t.time_since_epoch().count();
}
inline Instant instant(std::int64_t micros_since_epoch) {
  return Instant(Duration(micros_since_epoch));
}

std::string to_rfc3339(Instant t);                     // 2026-11-22T10:11:12.345Z
Result<Instant> parse_rfc3339(std::string_view text);  // with Z or an offset; seconds may have a fraction

// Reads a Retry-After: delay seconds (also with a fraction), or an HTTP-date (RFC 9110, section 5.6.7, all
// three forms).
Result<Duration> parse_retry_after(std::string_view text, Instant now);

std::string to_text(Duration d);                         // 1h30m, 250ms; the shortest form that is exact
Result<Duration> parse_duration(std::string_view text);  // 30s 5m 24h 30d 250ms, joinable: 1h30m
struct Rate {
  std::uint32_t count = 0;
  Duration per{};
};
Result<Rate> parse_rate(std::string_view text);           // 10/s 100/m 5/h
Result<std::uint64_t> parse_size(std::string_view text);  // 512, 1KiB, 1MiB, 2GiB, 10MB; in bytes

}  // namespace postlude
