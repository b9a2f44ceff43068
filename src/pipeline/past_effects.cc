#include "pipeline/past_effects.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "pipeline/context.h"

namespace postlude::pipeline {

namespace {

constexpr Duration kLookAgain = std::chrono::seconds(1);

// Each look comes after twice the time of the one before, and one just when "not there" begins to count.
Duration next_look(const PastEffects::Look& look) {
  const Instant since = look.past.ended_at.value_or(look.past.sent_at.value_or(look.now));
  const Duration pause = std::max<Duration>(look.now - since, kLookAgain);
  return std::min<Duration>(pause, look.at - look.now);
}

// What a lookup found, as the answer of the request that it looked for.
Request found(const Request& past, const json::object& response, const connector::Masker& masker) {
  Request row = past;
  row.id = 0;
  row.of_other_run = false;
  row.sent_at = std::nullopt;
  row.ended_at = rt::now();
  row.result = RequestResult::kExists;
  row.status = 0;
  row.why = "found by looking for it";
  row.response = masker.mask_json(json::serialize(response));
  return row;
}

}  // namespace

engine::EffectRule PastEffects::rule_of(const connector::Call& call, Calls calls) const {
  const engine::StepDefinition& definition = state_.definition();
  engine::EffectRule rule;
  rule.effect = call.effect();
  rule.on_unclear = definition.on_unclear.value_or(call.on_unclear());
  rule.key_window = call.key_window().value_or(Duration(0));
  rule.lookup_after = call.lookup_after();
  // It finds what the first use made.
  rule.has_lookup = calls != Calls::kUpdate && state_.step->action->lookup() != nullptr;
  rule.timeout = definition.timeout.value_or(state_.target->timeout);
  return rule;
}

std::string PastEffects::name_of(const connector::Call& call, Calls calls) {
  switch (calls) {
    case Calls::kRequests:
      return call.id();
    case Calls::kUpdate:
      return "update." + call.id();
    case Calls::kLookup:
      return "lookup." + call.id();
  }
  CHECK(false);
}

std::string PastEffects::key_of(const connector::Call& call, Calls calls) const {
  const store::Work& work = state_.work;
  std::string name = name_of(call, calls);
  if (key_.generation() > 0) name += "#" + std::to_string(key_.generation() + 1);
  return engine::idempotency_key(state_.parts.store.secret(), work.event->nonce + work.run.salt,
                                 work.run.workflow, engine::effect_part(state_.row), "", name);
}

std::string PastEffects::no_answer(const Request& request) {
  return "no answer to " + request.method + " " + request.url;
}

bool PastEffects::has_made() const {
  std::set<std::string> keys;
  for (const connector::Call& call : state_.step->action->plan().calls())
    keys.insert(key_of(call, Calls::kRequests));
  const auto& before = state_.work.before;
  return std::any_of(before.begin(), before.end(), [&](const Request& q) {
    const bool proved = q.result == RequestResult::kSucceeded || q.result == RequestResult::kExists;
    const bool once = q.effect == Effect::kKey || q.effect == Effect::kLookup || q.effect == Effect::kNone;
    return proved && once && keys.contains(q.key);
  });
}

PastEffects::Next PastEffects::next(const connector::Call& call, Calls calls) {
  const engine::EffectRule rule = rule_of(call, calls);
  const Instant now = rt::now();
  const engine::NextMove next = engine::next_move(rule, state_.work.before, key_of(call, calls), now);
  const std::string what = next.past == nullptr ? "" : next.past->method + " " + next.past->url;
  const bool theirs = next.past != nullptr && next.past->of_other_run;
  if (theirs && next.past->result == RequestResult::kOpen)
    return Retryable{"another run of this event is sending " + what, std::chrono::seconds(1), false, true};
  const bool known = theirs && next.past->result != RequestResult::kUnclear;
  const std::string met = known ? "another run of this event has already sent " + what
                                : "it is unclear whether " + what + " had its effect";
  // As Exchanging calls it: the process may have been another when it was sent.
  std::string cause;
  if (next.past != nullptr && !known) {
    const bool none = next.past->status == 0 && next.past->response.empty();
    cause = none ? no_answer(*next.past) : next.past->why;
  }
  switch (next.move) {
    case engine::Move::kSend:
      if (next.before) return Send{rt::steady_now() + (*next.before - now)};
      return Send{};
    case engine::Move::kReuse:
      remember(call, *next.past);
      return Settled{};
    case engine::Move::kHold:
      return Held{met, cause};
    case engine::Move::kFail:
      // The first attempt after `runs retry`: whoever asked for it can say what became of the request.
      if (state_.row.attempts == 1 && state_.row.unclear) return Held{met, cause};
      return Unclear{met, Effect::kNone, OnUnclear::kFail, {}, false, false, false, cause};
    case engine::Move::kLook:
      break;
  }
  return Look{*next.past, now, next.at, what, met};
}

PastEffects::Next PastEffects::looked(const connector::Call& call, Calls calls, const Look& look,
                                      json::value outputs) {
  if (!outputs.is_null()) {
    Request row = found(look.past, call.kind().context_of_found(std::move(outputs)), state_.masker);
    remember(call, row);
    // Proved from here on: no later look at an index says otherwise.
    state_.end.requests.push_back(std::move(row));
    return Settled{};
  }
  if (look.now >= look.at) return Send{};
  return Unclear{look.met + "; the lookup found nothing, which is conclusive only from " +
                     to_rfc3339(look.at) + " on: the lookup is repeated",
                 Effect::kLookup, rule_of(call, calls).on_unclear, next_look(look), true};
}

// It says nothing: never "not there". What the system asked for counts, as of any request.
Outcome PastEffects::look_failed(const Look& look, Outcome outcome) {
  const std::string why = "the lookup for " + look.what + " failed: " + std::string(why_of(outcome));
  if (auto* later = std::get_if<Retryable>(&outcome)) {
    later->why = why;
    return outcome;
  }
  return Unclear{why, Effect::kLookup, OnUnclear::kHold, kLookAgain};
}

bool PastEffects::settled(const connector::Call& call, Calls calls) {
  if (state_.step->action->waiting() == nullptr || call.effect() == Effect::kRead) return false;
  const engine::NextMove next =
      engine::next_move(rule_of(call, calls), state_.work.before, key_of(call, calls), rt::now());
  if (next.move == engine::Move::kReuse) {
    remember(call, *next.past);
    return true;
  }
  if (!state_.row.over_by) return false;
  // Its `if` was false before the wait began. Later polls do not start it.
  state_.request(call.id()) = nullptr;
  return true;
}

void PastEffects::remember(const connector::Call& call, const Request& proved) {
  state_.request(call.id()) = json::object{{"request", call.kind().context_of(proved)},
                                           {"response", parsed(proved.response, nullptr)}};
}

}  // namespace postlude::pipeline
