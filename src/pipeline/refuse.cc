// Calls that make no event: their answer, their count, and their record.

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "intake/answer.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

namespace {
// Calls without proof are counted; of these as many a second are stored, so that nobody can fill the disk.
constexpr Rate kSampled{5, std::chrono::seconds(1)};
// Flagger's longest has 16 characters, and others may say what they like.
constexpr std::size_t kPhaseShown = 64;
// Records on their way to the store; more are counted only.
constexpr std::size_t kBackgroundMax = 256;
// The stored part of such a call: enough to see its content and origin.
constexpr std::size_t kTargetKept = 300;
constexpr std::size_t kReasonKept = 300;
constexpr std::size_t kHeaderKept = 100;
constexpr std::array<std::string_view, 5> kHeadersKept{"host", "user-agent", "content-type", "content-length",
                                                       "x-forwarded-for"};

Delivery brief(Delivery delivery) {
  delivery.target = cut(std::move(delivery.target), kTargetKept);
  delivery.reason = cut(std::move(delivery.reason), kReasonKept);
  json::object kept;
  const auto headers = parse_json(delivery.headers);
  if (headers && headers->is_object()) {
    for (const auto& member : headers->get_object()) {
      const std::string_view name(member.key().data(), member.key().size());
      const bool wanted = std::any_of(kHeadersKept.begin(), kHeadersKept.end(),
                                      [&](std::string_view one) { return equal_ignoring_case(name, one); });
      const json::string* value = member.value().if_string();
      if (wanted && value != nullptr) kept[member.key()] = cut(std::string(view(*value)), kHeaderKept);
    }
  }
  delivery.headers = json::serialize(kept);
  return delivery;
}

}  // namespace

Pipeline::Pipeline(Parts parts)
    : parts_(std::move(parts)),
      telemetry_(std::make_shared<Telemetry>(parts_.loop, parts_.metrics)),
      background_(parts_.loop, "refused deliveries") {
  parts_.store.listen([telemetry = std::weak_ptr(telemetry_)](const store::Happened& happened) {
    if (const auto alive = telemetry.lock()) alive->happened(happened);
  });
}

intake::Judged Pipeline::judge(const intake::Route& route, HttpRequest request, Trace& trace) {
  const intake::Source& source = *route.source;
  intake::Asks asks;
  asks.within_rate = [&] {
    return !source.rate() || rates_.take("source " + source.name(), *source.rate(), 1, rt::steady_now()) == 1;
  };
  asks.is_recorded = [&](std::string_view proof) {
    trace = trace_of_refusal(proof);
    return trace != Trace::kCount;
  };
  intake::Judged judged =
      intake::judge(route, std::move(request), parts_.secrets, asks, hidden(), rt::wall_now());
  note_secrets(source.name(), judged.secrets);
  if (!judged.alarm.empty())
    log::error(judged.alarm, {{"source", source.name()}, {"canary", judged.identity.named}});
  return judged;
}

rt::Task<HttpResponse> Pipeline::keep(intake::Route route, intake::Judged judged, Trace trace) {
  if (judged.filtered) {
    const Duration began = rt::steady_now();
    Delivery seen = without_content(judged.delivery);
    AWAIT(const auto stored, parts_.store.append_rejected(std::move(judged.delivery), judged.identity));
    if (!stored) co_return not_taken(route, std::move(seen), stored.error());
    seen.id = *stored;
    telemetry_->delivery(seen, judged.identity.named, rt::steady_now() - began);
    co_return intake::filtered_answer(route, *stored);
  }
  intake::Refusal refusal = std::move(*judged.refusal);
  if (refusal.keep == intake::Keep::kStore) {
    // Authentic, and kept with its problem: on disk before the sender reads of it.
    Delivery seen = without_content(refusal.delivery);
    AWAIT(const auto stored, parts_.store.append_rejected(std::move(refusal.delivery), judged.identity));
    if (!stored) co_return not_taken(route, std::move(seen), stored.error());
    seen.id = *stored;
    telemetry_->delivery(seen, judged.identity.named, Duration(0));
    co_return intake::problem_answer(refusal);
  }
  co_return refused(std::move(refusal), trace);
}

Pipeline::Trace Pipeline::trace_of_refusal(std::string_view proof) {
  if (!stopping_ && background_.size() < kBackgroundMax &&
      rates_.take("refused", kSampled, 1, rt::steady_now()) == 1) {
    return Trace::kStore;
  }
  return telemetry_->take_refusal(proof) ? Trace::kLog : Trace::kCount;
}

HttpResponse Pipeline::refused(intake::Refusal refusal, Trace trace) {
  HttpResponse answer = intake::problem_answer(refusal);
  telemetry_->count_delivery(refusal.delivery);
  if (refused_.empty()) refused_since_ = rt::now();
  ++refused_[refusal.status];
  if (trace == Trace::kStore) background_.start(store_refusal(brief(std::move(refusal.delivery))));
  if (trace == Trace::kLog) telemetry_->write_delivery(refusal.delivery, "");
  return answer;
}

HttpResponse Pipeline::too_large(const HttpRequest& request) {
  const auto route = rules_->sources().find(request.target);
  if (!route) return intake::problem_answer(404, intake::kNoSuchPath);
  const Trace trace = trace_of_refusal("");
  return refused(intake::too_large(*route, request, trace == Trace::kCount ? nullptr : &hidden()), trace);
}

HttpResponse Pipeline::broken(int status, const std::string& why) {
  telemetry_->broken(status, why);
  return intake::problem_answer(status, why);
}

rt::Task<> Pipeline::store_refusal(Delivery delivery) {
  Delivery seen = without_content(delivery);
  AWAIT(const auto stored, parts_.store.append_rejected(std::move(delivery), Identity()));
  if (stored) seen.id = *stored;
  telemetry_->log_delivery(seen, "");
  if (!stored) log::warn("a refused delivery could not be recorded", {{"why", stored.error().message}});
}

HttpResponse Pipeline::not_taken(const intake::Route& route, Delivery seen, const Error& error) {
  if (error.code == Code::kConflict) {
    seen.verdict = Verdict::kRejected;
    seen.status = 422;
    seen.reason = error.message;
    telemetry_->delivery(seen, "", Duration(0));
    return intake::problem_answer(422, error.message);
  }
  refused_at_ = rt::steady_now();
  telemetry_->not_stored(route.source->name(), route.hook, error.message);
  return intake::problem_answer(route, 503, "the store is not writable");
}

void Pipeline::announce(Event event, EventId id, bool to_plan) {
  event.id = id;
  log::info("event accepted", {{"event", id.text()},
                               {"source", event.source},
                               {"hook", event.hook},
                               {"canary", event.name_space + "/" + event.name},
                               {"phase", event.phase.substr(0, kPhaseShown)}});
  if (to_plan && on_event) on_event(std::move(event));
}

rt::Task<> Pipeline::sum_up() {
  if (refused_.empty()) co_return;
  std::uint64_t all = 0;
  std::vector<std::string> parts;
  for (const auto& [status, count] : std::exchange(refused_, {})) {
    all += count;
    parts.push_back(std::to_string(status) + " x " + std::to_string(count));
  }
  std::string detail =
      std::to_string(all) + " since " + to_rfc3339(refused_since_) + ": " + join(parts, ", ");
  AWAIT(const Status noted, parts_.store.note("nobody", "delivery.rejected", "calls without proof",
                                              std::move(detail), rt::now()));
  if (!noted) log::warn("refused calls could not be summed up", {{"why", noted.error().message}});
}

Delivery Pipeline::without_content(const Delivery& delivery) {
  Delivery out;
  out.source = delivery.source;
  out.cluster = delivery.cluster;
  out.hook = delivery.hook;
  out.target = delivery.target;
  out.remote = delivery.remote;
  out.verdict = delivery.verdict;
  out.reason = delivery.reason;
  out.proof = delivery.proof;
  out.status = delivery.status;
  return out;
}

Event Pipeline::without_content(const Event& event) {
  Event out;
  out.source = event.source;
  out.hook = event.hook;
  out.name_space = event.name_space;
  out.name = event.name;
  out.phase = event.phase;
  return out;
}

rt::Task<> Pipeline::settle() {
  AWAIT_DONE(sum_up());
  AWAIT(const bool all, background_.close(std::chrono::milliseconds(300)));
  if (!all) background_.abandon();
  telemetry_->stop();
}

}  // namespace postlude::pipeline
