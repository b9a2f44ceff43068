#pragma once
// Retry-After: reads how long a system asks us to wait, in the forms that all known systems use.

#include <optional>
#include <string_view>

#include "model/http.h"

namespace postlude::connector {

constexpr Duration kLongestWait = std::chrono::hours(24);  // the maximum; longer demands count as this

// Explicit delays come first, and the longest counts: Retry-After (seconds, also with a fraction; an
// HTTP-date in its three forms; an epoch), …-Reset-After, x-ogw-ratelimit-reset, and `retry_after` or
// `parameters.retry_after` in a JSON body.
// Otherwise, if the limit is used up (429, 420, or nothing remains), the time of its renewal counts:
// RateLimit (`limit=1, remaining=0, reset=30` and `"default";r=0;t=30`), and …RateLimit-Reset as seconds to
// go, as an epoch in seconds or milliseconds (told apart by their size), as an ISO 8601 time or an HTTP-date;
// then the length of the period. Times are compared with the answer's own Date, since clocks differ. nullopt:
// the answer gives no delay, or the renewal is past.
std::optional<Duration> retry_after(const HttpResponse& response, Instant now);

// Whether a Retry-After says when to come again, and that is still ahead. A header that says nothing, or a
// time that is past, is no word of a system that did nothing.
bool asks_to_wait(const HttpResponse& response, Instant now);

// One such value, as an action's `retryAfter` may yield it. `clock` is what the system's clock shows.
std::optional<Duration> read_wait(std::string_view text, Instant clock);

}  // namespace postlude::connector
