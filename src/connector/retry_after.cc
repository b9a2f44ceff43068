#include "connector/retry_after.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/json.h"
#include "base/text.h"

namespace postlude::connector {
namespace {

constexpr double kEpochFrom = 1e9;    // as seconds to go it would be thirty years
constexpr double kMillisFrom = 1e11;  // as seconds since 1970 it would be the year 5138
constexpr double kMicrosFrom = 1e14;
constexpr std::size_t kBodyMax = 64U << 10U;  // a refusal is short

struct RetryTime {
  Duration wait{};       // negative: what it names is past
  bool is_time = false;  // a point in time, not a length
};

// The size of a number tells its meaning.
std::optional<RetryTime> from_number(double value, Instant clock) {
  if (!std::isfinite(value)) return std::nullopt;
  if (value < kEpochFrom) {
    const double day = std::chrono::duration<double>(kLongestWait).count();
    return RetryTime{Duration(std::llround(std::clamp(value, -day, day) * 1e6)), false};
  }
  const double seconds = value >= kMicrosFrom ? value / 1e6 : value >= kMillisFrom ? value / 1e3 : value;
  const double away = std::min(seconds, 1e11) - static_cast<double>(micros(clock)) / 1e6;
  return RetryTime{Duration(std::llround(away * 1e6)), true};
}

std::optional<double> number(std::string_view text) {
  text = trim(text);
  if (text.empty() || text.size() > 32 ||
      text.find_first_not_of("0123456789.+-eE") != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  return end == copy.c_str() + copy.size() ? std::optional(value) : std::nullopt;
}

// 2026-11-22T10:11:12Z, also without seconds as Jira has it.
std::optional<Instant> iso_time(std::string_view text) {
  if (text.size() >= 17 && text[13] == ':' && text[16] != ':') {
    return iso_time(std::string(text.substr(0, 16)) + ":00" + std::string(text.substr(16)));
  }
  const Result<Instant> at = parse_rfc3339(text);
  return at ? std::optional(*at) : std::nullopt;
}

std::optional<RetryTime> read(std::string_view text, Instant clock) {
  text = trim(text);
  if (const auto value = number(text)) return from_number(*value, clock);
  if (const auto at = iso_time(text)) return RetryTime{*at - clock, true};
  if (text.find(':') != std::string_view::npos) {  // an HTTP-date; against the epoch, to see a past one, too
    const Result<Duration> ahead = parse_retry_after(text, clock);
    if (ahead) return RetryTime{*ahead, true};
  }
  // Joined headers, `30, 30`, and parameters, `30;w=60`.
  if (const auto value = number(text.substr(0, text.find_first_of(",;")))) return from_number(*value, clock);
  if (const Result<Duration> length = parse_duration(text)) return RetryTime{*length, false};
  return std::nullopt;
}

// The system's clock; ours, if the answer has no Date.
Instant clock_of(const HttpResponse& response, Instant now) {
  const std::string* date = response.headers.find("date");
  if (date == nullptr || date->find(':') == std::string::npos) return now;
  const Result<Duration> since_epoch = parse_retry_after(*date, Instant(Duration(0)));
  if (!since_epoch) return now;
  const Instant shown = Instant(*since_epoch);
  constexpr auto kYear = std::chrono::hours(24 * 365);
  return shown < now - kYear || shown > now + kYear ? now
                                                    : shown;  // two digits of a year, or no clock at all
}

bool says_zero(const HttpResponse& response, std::string_view name) {
  const std::string* value = response.headers.find(name);
  if (value == nullptr) return false;
  const auto left = number(std::string_view(*value).substr(0, value->find_first_of(",;")));
  return left && *left <= 0;
}

void longest(std::optional<Duration>& wait, const std::optional<RetryTime>& said) {
  if (said) wait = std::max(wait.value_or(Duration(0)), said->wait);
}

// The longest that a Retry-After says.
std::optional<Duration> from_headers(const HttpResponse& response, Instant clock) {
  std::optional<Duration> wait;
  for (const Header& header : response.headers.list) {
    if (equal_ignoring_case(header.name, "retry-after")) longest(wait, read(header.value, clock));
  }
  return wait;
}

void from_body(const HttpResponse& response, std::optional<Duration>& wait) {
  const std::string_view text = trim(response.body);
  if (text.empty() || text[0] != '{' || text.size() > kBodyMax) return;
  const Result<json::value> body = parse_json(text);
  if (!body) return;
  const json::value* parameters = find(*body, "parameters");  // Telegram's
  for (const json::value* holder : {&*body, parameters}) {
    const json::value* value = holder == nullptr ? nullptr : find(*holder, "retry_after");
    if (value == nullptr) continue;
    std::optional<double> seconds;
    if (value->is_number()) seconds = value->to_number<double>();
    if (value->is_string()) seconds = number(view(value->get_string()));
    if (seconds && *seconds < kEpochFrom) longest(wait, from_number(*seconds, Instant(Duration(0))));
  }
}

// `limit=100, remaining=0, reset=30` is one policy; `"a";r=0;t=30, "b";r=5;t=9` are two.
struct Policy {
  std::optional<double> remaining;
  std::optional<double> reset;
};
std::vector<Policy> policies(std::string_view text) {
  std::vector<Policy> out;
  const bool one = text.find("reset=") != std::string_view::npos;
  if (one) out.emplace_back();
  for (const std::string_view item : split(text, ',')) {
    if (!one) out.emplace_back();
    for (const std::string_view part : split(item, ';')) {
      const std::size_t equals = part.find('=');
      if (equals == std::string_view::npos) continue;
      const std::string name = lower(trim(part.substr(0, equals)));
      const auto value = number(part.substr(equals + 1));
      if (name == "remaining" || name == "r") out.back().remaining = value;
      if (name == "reset" || name == "t") out.back().reset = value;
    }
  }
  return out;
}

constexpr std::array<std::string_view, 5> kFamilies = {"x-ratelimit-", "ratelimit-", "x-rate-limit-",
                                                       "ratelimit-user-", "x-ratelimit-user-"};

// When the limits are renewed: the latest of those that are used up; of all, where the status says it is one
// of them but none says that it is.
class Renewal {
 public:
  Renewal(const HttpResponse& response, Instant clock)
      : limited_(response.status == 429 || response.status == 420) {
    if (const std::string* line = response.headers.find("ratelimit")) {
      for (const Policy& policy : policies(*line)) {
        const bool used_up = policy.remaining && *policy.remaining <= 0;
        if (policy.reset) consider(from_number(*policy.reset, clock), used_up);
      }
    }
    for (const std::string_view family : kFamilies) {
      const std::string name(family);
      const bool used_up = says_zero(response, name + "remaining");
      for (const char* word : {"reset", "resettime"}) {
        const std::string* value = response.headers.find(name + word);
        if (value == nullptr) continue;
        consider(read(*value, clock), used_up);
        break;
      }
      for (const char* word : {"period-in-sec", "interval-seconds"}) {
        const std::string* value = response.headers.find(name + word);
        if (value != nullptr) longest(period_, read(*value, clock));
      }
    }
  }

  std::optional<Duration> wait() const {
    if (used_up_) return ahead(*used_up_);
    if (!limited_) return std::nullopt;
    return any_ ? ahead(*any_) : period_;
  }

 private:
  void consider(const std::optional<RetryTime>& said, bool used_up) {
    if (!said) return;
    any_ = std::max(any_.value_or(said->wait), said->wait);
    if (used_up) used_up_ = std::max(used_up_.value_or(said->wait), said->wait);
  }
  static std::optional<Duration> ahead(Duration wait) {
    return wait > Duration(0) ? std::optional(wait) : std::nullopt;
  }

  bool limited_;
  std::optional<Duration> used_up_, any_, period_;
};

}  // namespace

std::optional<Duration> read_wait(std::string_view text, Instant clock) {
  const auto said = read(text, clock);
  return said ? std::optional(std::max(said->wait, Duration(0))) : std::nullopt;
}

bool asks_to_wait(const HttpResponse& response, Instant now) {
  return from_headers(response, clock_of(response, now)).value_or(Duration(0)) > Duration(0);
}

std::optional<Duration> retry_after(const HttpResponse& response, Instant now) {
  const Instant clock = clock_of(response, now);
  std::optional<Duration> wait = from_headers(response, clock);
  const bool limited = response.status == 429 || response.status == 420;
  for (const std::string_view family : kFamilies) {
    const std::string name(family);
    const std::string* value = response.headers.find(name + "reset-after");
    if (value != nullptr && (limited || says_zero(response, name + "remaining")))
      longest(wait, read(*value, clock));
  }
  if (const std::string* value = response.headers.find("x-ogw-ratelimit-reset"))
    longest(wait, read(*value, clock));
  from_body(response, wait);
  if (!wait) wait = Renewal(response, clock).wait();
  if (!wait) return std::nullopt;
  return std::clamp(*wait, Duration(0), kLongestWait);
}

}  // namespace postlude::connector
