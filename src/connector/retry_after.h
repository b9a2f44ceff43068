#pragma once
// Retry-After: how long a system asks to be left alone, in the words of all the systems we know.

#include <optional>
#include <string_view>

#include "model/http.h"

namespace postlude::connector {

constexpr Duration kLongestWait = std::chrono::hours(24);  // who asks for more gets this

// Explicit demands first, the longest of them: Retry-After (seconds, also with a fraction; an HTTP-date in
// its three forms; an epoch), …-Reset-After, x-ogw-ratelimit-reset, and `retry_after` or
// `parameters.retry_after` in a JSON body. Then, when the limit is used up (429, 420, or nothing remains),
// when it is renewed: RateLimit
// (`limit=1, remaining=0, reset=30` and `"default";r=0;t=30`), and …RateLimit-Reset as seconds to go, an
// epoch in seconds or milliseconds (told apart by their size), an ISO 8601 time or an HTTP-date; then the
// length of the period. A time is measured against the answer's own Date, since clocks differ. nullopt:
// nothing is said, or the renewal is over.
std::optional<Duration> retry_after(const HttpResponse& response, Instant now);

// Whether a Retry-After says when to come again, and that is still ahead. A header that says nothing, or a
// time that is past, is no word of a system that did nothing.
bool asks_to_wait(const HttpResponse& response, Instant now);

// One such value, as an action's `retryAfter` may yield it. `clock` is what the system's clock shows.
std::optional<Duration> read_wait(std::string_view text, Instant clock);

}  // namespace postlude::connector
