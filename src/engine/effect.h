#pragma once
// Effect: decides what to do with a request, given what earlier attempts of its step sent (contract 9,
// protocol 4). Also computes idempotency keys, which are the same in every attempt and every run of an event.
// Pure.

#include <string>
#include <string_view>
#include <vector>

#include "model/run.h"

namespace postlude::engine {

// What an action says about one of its requests.
struct EffectRule {
  Effect effect = Effect::kRead;
  OnUnclear on_unclear = OnUnclear::kHold;  // for kNone
  Duration key_window{};                    // for kKey: how long the system remembers a key; 0: forever
  Duration lookup_after{};                  // for kLookup: delay of the system's search index
  bool has_lookup = false;                  // the action can look for the effect
  Duration timeout{};                       // of the request
};

enum class Move : std::uint8_t {
  kSend,   // send it: the first time, or again because that is safe or a person asked for it
  kReuse,  // an earlier attempt succeeded: use its stored answer
  kLook,   // look for the effect first. Finding it settles the request; "not there" counts from `at` on
  kHold,   // wait for a person
  kFail,   // fail the step
};

struct NextMove {
  Move move = Move::kSend;
  const Request* past = nullptr;       // the earlier request that decided; nullptr: none
  Instant at{};                        // for kLook
  std::optional<Instant> before = {};  // for kSend: do not send later, the key's window ends
};

// Decides about one request. `before`: requests of earlier attempts of the step, and of the same step in
// other runs of the event (of_other_run), oldest first. `key`: the request's idempotency key, which selects
// this effect among those of the step. A success of this run is reused; a success of another run is treated
// as the effect's rule says.
NextMove next_move(const EffectRule& rule, const std::vector<Request>& before, std::string_view key,
                   Instant now);

// Returns 32 hex digits: HMAC-SHA256, under the store's secret, of event, workflow, step, element and
// request. `step`: effect_part() of the step. `item`: "" outside forEach.
std::string idempotency_key(std::string_view secret, std::string_view event_nonce, std::string_view workflow,
                            std::string_view step, std::string_view item, std::string_view request);

// The step's part of its keys: its id, else its action and ordinal. In `onFailure` and `finally` also the
// number of the run's failure, because each failure has its own effects there.
std::string effect_part(const Step& step);

}  // namespace postlude::engine
