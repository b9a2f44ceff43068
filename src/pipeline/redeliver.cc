// `deliveries redeliver`: what was stored is taken in again, with today's rules.

#include <algorithm>

#include "base/log.h"
#include "engine/team.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

namespace {

// The route by which the delivery came, in the source's current configuration.
Result<intake::Route> route_of(const Rules& rules, const Delivery& stored) {
  if (stored.proof.empty())
    return Error(Code::kConflict,
                 stored.id.text() + " had no valid proof, so its sender is unknown: send it again");
  const auto& sources = rules.sources().list();
  const auto source = std::find_if(sources.begin(), sources.end(),
                                   [&](const auto& one) { return one->name() == stored.source; });
  if (source == sources.end())
    return Error(Code::kConflict, "its source '" + stored.source + "' is no longer configured");
  if (intake::is_gate(stored.hook))
    return Error(Code::kConflict,
                 "a " + stored.hook + " is a gate: it was answered at once and creates no event");
  return intake::Route{*source, stored.cluster, stored.hook, false};
}

}  // namespace

rt::Task<Result<Pipeline::Taken>> Pipeline::redeliver(Delivery stored, std::string actor) {
  Taken taken;
  if (stored.event) {  // it is taken in already
    taken.delivery = stored.id;
    taken.event = *stored.event;
    taken.duplicate = true;
    co_return taken;
  }
  const auto rules = rules_;
  CO_TRY(const intake::Route route, route_of(*rules, stored));
  auto proof = route.source->proved(stored);
  if (!proof) co_return Error(Code::kConflict, stored.id.text() + " came without a valid proof");
  intake::Judged judged = intake::judge_again(route, stored, std::move(*proof), rt::now());
  if (judged.refusal)
    co_return Error(Code::kConflict, "it still cannot be taken in: " + judged.refusal->delivery.reason);
  if (judged.filtered) co_return Error(Code::kConflict, judged.delivery.reason);

  const engine::Team* team = engine::team_of(rules->teams(), judged.event->cluster, judged.event->name_space);
  if (team != nullptr) judged.event->team = team->name;
  judged.delivery.reason = "redelivers " + stored.id.text();
  const Event event = *judged.event;
  AWAIT(const auto receipt, parts_.store.append(std::move(*judged.proof), std::move(judged.delivery),
                                                std::move(judged.event), std::move(judged.identity)));
  if (!receipt) co_return receipt.error();
  // Before anything else is waited for: who comes meanwhile is newer.
  if (!receipt->duplicate()) announce(event, *receipt->event(), true);
  AWAIT(const Status noted, parts_.store.note(actor, "delivery.redelivered", stored.id.text(),
                                              "as " + receipt->delivery().text(), rt::now()));
  if (!noted) log::warn("a redelivery could not be recorded", {{"why", noted.error().message}});
  taken.delivery = receipt->delivery();
  taken.event = *receipt->event();
  taken.duplicate = receipt->duplicate();
  co_return taken;
}

}  // namespace postlude::pipeline
