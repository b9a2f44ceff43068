#include "pipeline/key_use.h"

#include <algorithm>

#include "pipeline/context.h"

namespace postlude::pipeline {

namespace {

End not_stored(const Error& error) {
  if (error.code == Code::kConflict) return Void();
  return Retryable{"the store did not answer: " + error.message, std::nullopt, false, true};
}

}  // namespace

rt::Task<std::optional<End>> KeyUse::take() {
  if (!state_.definition().key) co_return std::nullopt;
  AWAIT(Values values, state_.evaluate(state_.step->key));
  if (auto not_now = later(values)) co_return *std::move(not_now);
  shadow_.stand_in(state_.step->key, values);
  auto text = state_.definition().key->assemble_text(values);
  if (!text) co_return Refused{"key: " + text.error().message};
  if (text->empty()) co_return Refused{"key: is empty"};
  const Run& run = state_.work.run;
  if (run.shadow) co_return std::nullopt;
  // The store tells when it is free; a further look is for what it has forgotten, and for who asks at the
  // wrong moment.
  const Instant now = rt::now();
  const Duration waited = now - state_.row.started_at.value_or(now);
  const Duration again = std::clamp<Duration>(waited / 8, std::chrono::seconds(1), std::chrono::minutes(1));
  store::IfBusy busy{now,
                     now + again,
                     "another step works on the key '" + *text + "'",
                     state_.end.input,
                     state_.end.step_now,
                     state_.end.trace};
  if (run.deadline_at && !run.people_since) busy.at = std::min(busy.at, *run.deadline_at);
  AWAIT(auto kept,
        state_.parts.store.take_keyed(state_.work.lease, state_.target->name, *text, std::move(busy)));
  if (!kept) co_return not_stored(kept.error());
  if (kept->busy) co_return Void();  // given back: this was no attempt
  text_ = *std::move(text);
  kept_ = std::move(kept->outputs);
  lost_ = kept->made;
  generation_ = kept->generation;
  if (!kept_.empty()) state_.seen()["outputs"] = parsed(kept_, nullptr);
  co_return std::nullopt;
}

rt::Task<std::optional<End>> KeyUse::begin_anew() {
  AWAIT(auto generation,
        state_.parts.store.renew_keyed(state_.work.lease, state_.target->name, text_, rt::now()));
  if (!generation) co_return not_stored(generation.error());
  generation_ = *generation;
  kept_.clear();
  json::object& context = state_.seen();
  context.erase("outputs");
  context["requests"] = json::object();
  co_return std::nullopt;
}

json::value KeyUse::updated(json::value outputs) const {
  json::value kept = parsed(kept_, nullptr);
  if (!kept.is_object()) return outputs;
  if (outputs.is_object()) {
    for (const auto& member : outputs.get_object())
      kept.as_object()[member.key()] = member.value();
  }
  return kept;
}

}  // namespace postlude::pipeline
