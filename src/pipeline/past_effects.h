#pragma once
// PastEffects: what earlier attempts, and other runs of the event, have made of a request that is not a read,
// and what its effect's rule allows now (contract 9).

#include <optional>
#include <string>
#include <variant>

#include "engine/effect.h"
#include "pipeline/key_use.h"

namespace postlude::pipeline {

class PastEffects {
 public:
  PastEffects(AttemptState& state, const KeyUse& key) : state_(state), key_(key) {}

  engine::EffectRule rule_of(const connector::Call& call, Calls calls) const;
  // Its name in the store: with that of the list, unless it is one of the action's requests.
  static std::string name_of(const connector::Call& call, Calls calls);
  std::string key_of(const connector::Call& call, Calls calls) const;  // idempotency key
  // This step, or the same of another run of the event, has made what its key stands for: it goes on from
  // there.
  bool has_made() const;
  // The cause by which requests without an answer are grouped; why the answer was lost is left out of it.
  static std::string no_answer(const Request& request);

  // Sends it, unless it can be handed over only after `before`, by the steady clock: a key's window ends.
  struct Send {
    std::optional<Duration> before;
  };
  // Its stored answer is in `.requests`.
  struct Settled {};
  // Goes through the action's `lookup` first.
  struct Look {
    Request past;
    Instant now, at;        // "not there" counts from `at` on
    std::string what, met;  // the request; what is known of it
  };
  using Next = std::variant<Send, Settled, Look, Outcome>;
  Next next(const connector::Call& call, Calls calls);
  // After a lookup that found nothing (null), or outputs that are used as the answer that never came.
  Next looked(const connector::Call& call, Calls calls, const Look& look, json::value outputs);
  // After a lookup that ended with another outcome.
  static Outcome look_failed(const Look& look, Outcome outcome);

  // For a poll of an action that waits: whether the write is settled. Sets its stored answer, or null.
  bool settled(const connector::Call& call, Calls calls);

 private:
  void remember(const connector::Call& call, const Request& proved);

  AttemptState& state_;
  const KeyUse& key_;
};

}  // namespace postlude::pipeline
