#include "engine/effect.h"

#include "base/hash.h"

namespace postlude::engine {

namespace {

NextMove by_looking(const EffectRule& rule, const Request& past, Instant now) {
  // Until the request's timeout has passed since its last byte the receiver may still act, and its index may
  // lag behind that.
  const Instant handed_over = past.ended_at.value_or(past.sent_at.value_or(now));
  return {Move::kLook, &past, handed_over + rule.timeout + rule.lookup_after};
}

NextMove as_none(const EffectRule& rule, const Request& past) {
  switch (rule.on_unclear) {
    case OnUnclear::kRepeat:
      return {Move::kSend, &past, {}};
    case OnUnclear::kHold:
      return {Move::kHold, &past, {}};
    case OnUnclear::kFail:
      return {Move::kFail, &past, {}};
  }
  return {Move::kHold, &past, {}};
}

}  // namespace

NextMove next_move(const EffectRule& rule, const std::vector<Request>& before, std::string_view key,
                   Instant now) {
  if (rule.effect == Effect::kRead) return {};
  const Request* unclear = nullptr;  // the newest in doubt
  const Request* first = nullptr;    // the first that may have acted: a key's window counts from it
  const Request* met = nullptr;      // one that another run of the event has made, or may have
  for (const Request& request : before) {
    if (request.key != key || request.effect == Effect::kRead) continue;
    const bool done = request.result == RequestResult::kSucceeded || request.result == RequestResult::kExists;
    if (done && !request.of_other_run) return {Move::kReuse, &request, {}};
    if (!done && request.result != RequestResult::kUnclear && request.result != RequestResult::kOpen)
      continue;
    (request.of_other_run ? met : unclear) = &request;
    // Of several runs, whichever was first: they stand run by run.
    if (first == nullptr || (request.sent_at && request.sent_at < first->sent_at)) first = &request;
  }
  if (unclear == nullptr) unclear = met;
  if (unclear == nullptr) return {};

  switch (rule.effect) {
    case Effect::kRead:
    case Effect::kState:
    case Effect::kUpsert:
      return {Move::kSend, unclear, {}};
    case Effect::kKey: {
      const Instant sent = first->sent_at.value_or(now);
      if (rule.key_window == Duration(0)) return {Move::kSend, unclear, {}};
      if (now - sent < rule.key_window - rule.timeout)
        return {Move::kSend, unclear, {}, sent + (rule.key_window - rule.timeout)};
      return rule.has_lookup ? by_looking(rule, *unclear, now) : as_none(rule, *unclear);
    }
    case Effect::kLookup:
      return by_looking(rule, *unclear, now);
    case Effect::kNone:
      return as_none(rule, *unclear);
  }
  return {};
}

std::string effect_part(const Step& step) {
  return step.round == 0 ? step.part : step.part + "~" + std::to_string(step.round + 1);
}

std::string idempotency_key(std::string_view secret, std::string_view event_nonce, std::string_view workflow,
                            std::string_view step, std::string_view item, std::string_view request) {
  // Each part with its length before it, so that no two lists of parts give the same text.
  std::string text;
  for (const std::string_view part : {event_nonce, workflow, step, item, request}) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return to_hex(hmac(Algorithm::kSha256, secret, text)).substr(0, 32);
}

}  // namespace postlude::engine
