#pragma once
// Effect: what may be done with a request, given what earlier attempts of its step sent (contract 9, protocol
// 4). And the idempotency key, which is the same in every attempt and every run of an event.

#include <string>
#include <string_view>
#include <vector>

#include "model/run.h"

namespace postlude::engine {

// What an action says about one of its requests.
struct EffectRule {
  Effect effect = Effect::kRead;
  OnUnclear on_unclear = OnUnclear::kHold;  // for kNone
  Duration key_window{};                    // for kKey: how long the system remembers a key; 0: for ever
  Duration lookup_after{};                  // for kLookup: an index may lag
  bool has_lookup = false;                  // the action can look for the effect
  Duration timeout{};                       // of the request
};

enum class Move : std::uint8_t {
  kSend,   // for the first time, or again because that is safe or was asked for
  kReuse,  // proved before: take the stored answer
  kLook,   // look for the effect first: what is found settles it; "not there" counts from `at` on
  kHold,   // a person must say
  kFail,
};

struct NextMove {
  Move move = Move::kSend;
  const Request* past = nullptr;       // the one it is about, if any
  Instant at{};                        // for kLook
  std::optional<Instant> before = {};  // for kSend: the key's window is over then
};

// `before`: what earlier attempts of the step sent, and other runs of the event for the same step
// (of_other_run), oldest first; `key`: the request's, which tells this effect from others of the step. What
// this run has done is reused; what another has done is met as its effect's rule says.
NextMove next_move(const EffectRule& rule, const std::vector<Request>& before, std::string_view key,
                   Instant now);

// 32 hex digits: HMAC-SHA256 under the store's secret of event, workflow, step, element and request.
// `step` is effect_part() of it; `item` is "" outside forEach.
std::string idempotency_key(std::string_view secret, std::string_view event_nonce, std::string_view workflow,
                            std::string_view step, std::string_view item, std::string_view request);

// The step's part of its keys: its id, else its action and ordinal; and for `onFailure` and `finally` which
// failure of the run it is, since what they do about each is an effect of its own.
std::string effect_part(const Step& step);

}  // namespace postlude::engine
