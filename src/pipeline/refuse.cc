// What happens to calls that make no event: the answer, the count, and the record that is kept of them.

#include "base/log.h"
#include "intake/answer.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

namespace {
// Calls without proof are counted; of these as many a second are stored, so that nobody can fill the disk.
constexpr Rate kSampled{5, std::chrono::seconds(1)};
// Records on their way to the store; more are counted only.
constexpr std::size_t kBackgroundMax = 256;
}  // namespace

Pipeline::Pipeline(Parts parts) : parts_(std::move(parts)), background_(parts_.loop, "refused deliveries") {}

intake::Judged Pipeline::judge(const intake::Route& route, HttpRequest request) {
  const intake::Source& source = *route.source;
  const auto within_rate = [&] {
    return !source.rate() || rates_.take("source " + source.name(), *source.rate(), 1, rt::steady_now()) == 1;
  };
  intake::Judged judged =
      intake::judge(route, std::move(request), parts_.secrets, within_rate, rt::wall_now());
  for (const std::string& line : judged.log)
    log::warn(line, {{"source", source.name()}});
  return judged;
}

rt::Task<HttpResponse> Pipeline::keep(intake::Route route, intake::Judged judged) {
  if (judged.filtered) {
    const Duration began = rt::steady_now();
    const Delivery delivery = judged.delivery;
    AWAIT(const auto stored,
          parts_.store.append_rejected(std::move(judged.delivery), std::move(judged.canary)));
    if (!stored) co_return not_taken(route, stored.error());
    note_delivery(delivery.source, delivery.hook, Verdict::kFiltered, rt::steady_now() - began);
    co_return intake::filtered_answer(route, *stored);
  }
  intake::Refusal refusal = std::move(*judged.refusal);
  if (refusal.keep == intake::Keep::kStore) {
    // Authentic, and kept with its problem: on disk before the sender reads of it.
    Delivery delivery = refusal.delivery;
    AWAIT(const auto stored, parts_.store.append_rejected(std::move(delivery), judged.canary));
    if (!stored) co_return not_taken(route, stored.error());
    note_delivery(refusal.delivery.source, refusal.delivery.hook, Verdict::kRejected, Duration(0));
    co_return intake::problem_answer(refusal);
  }
  co_return refused(std::move(refusal));
}

HttpResponse Pipeline::refused(intake::Refusal refusal) {
  HttpResponse answer = intake::problem_answer(refusal);
  note_delivery(refusal.delivery.source, refusal.delivery.hook, Verdict::kRejected, Duration(0));
  if (!stopping_ && background_.size() < kBackgroundMax &&
      rates_.take("refused", kSampled, 1, rt::steady_now()) == 1) {
    background_.start(store_refusal(std::move(refusal.delivery), ""));
  }
  return answer;
}

HttpResponse Pipeline::too_large(const HttpRequest& request) {
  const auto route = rules_->sources().route(request.target);
  if (!route) return intake::problem_answer(404, route.error().message);
  return refused(intake::too_large(*route, request));
}

rt::Task<> Pipeline::store_refusal(Delivery delivery, std::string canary) {
  AWAIT(const auto stored, parts_.store.append_rejected(std::move(delivery), std::move(canary)));
  if (!stored) log::warn("a refused delivery could not be recorded", {{"why", stored.error().message}});
}

HttpResponse Pipeline::not_taken(const intake::Route& route, const Error& error) {
  if (error.code == Code::kConflict) {
    note_delivery(route.source->name(), route.hook, Verdict::kRejected, Duration(0));
    return intake::problem_answer(422, error.message);
  }
  refused_at_ = rt::steady_now();
  parts_.metrics.count("postlude_not_stored_total", "Calls answered 503 because the store did not take them.",
                       {{"source", route.source->name()}, {"hook", route.hook}});
  return intake::problem_answer(503, "the store is not writable");
}

void Pipeline::announce(Event event, EventId id, bool to_plan) {
  event.id = id;
  log::info("event accepted", {{"event", id.text()},
                               {"source", event.source},
                               {"hook", event.hook},
                               {"canary", event.name_space + "/" + event.name},
                               {"phase", event.phase}});
  if (to_plan && on_event) on_event(std::move(event));
}

rt::Task<> Pipeline::settle() {
  AWAIT(const bool all, background_.close(std::chrono::milliseconds(300)));
  if (!all) background_.abandon();
}

}  // namespace postlude::pipeline
