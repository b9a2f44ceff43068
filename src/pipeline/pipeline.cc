// The life of a release, from the sender's request to the last outcome. Every line that matters is here;
// follow a name to its folder for how.
//
//   request -> delivery -> event -> committed row -> 202
//                                       |
//                                       +-> runs with steps -> attempts -> outcomes
//
// The process may die between any two lines. Before the 202 the sender still has the call; after it, the
// store has, and each later stage begins by asking the store what is left to do.

#include "pipeline/pipeline.h"

#include "base/hash.h"
#include "engine/decide.h"
#include "engine/team.h"
#include "intake/answer.h"
#include "pipeline/attempt.h"
#include "pipeline/context.h"

namespace postlude::pipeline {

namespace {

std::string team_of(const Rules& rules, const Event& event) {
  const engine::Team* team = engine::team_of(rules.teams(), event.cluster, event.name_space);
  return team == nullptr ? "" : team->name;
}

// Systems' answers become outputs and reasons: this hides secrets that they repeat.
Outcome masked(Outcome outcome, const connector::Masker& masker) {
  std::visit(
      [&](auto& o) {
        if constexpr (requires { o.outputs; }) {
          o.outputs = masker.mask_json(o.outputs);
        } else {
          o.why = bounded(masker.mask(o.why));
        }
      },
      outcome);
  return outcome;
}

}  // namespace

http::HeadVerdict Pipeline::head(const HttpRequest& request, bool headers_too_large) {
  auto refusal =
      intake::judge_head(rules_->sources(), request, headers_too_large, nullptr);  // path, method, type, size
  if (refusal) {
    const Trace trace = trace_of_refusal("");
    if (trace != Trace::kCount)
      refusal = intake::judge_head(rules_->sources(), request, headers_too_large, &hidden());
    return refused(std::move(*refusal), trace);
  }
  const auto route = rules_->sources().find(request.target);
  return http::ReadBody{route ? route->source->body_bytes_max() : 0};
}

rt::Task<HttpResponse> Pipeline::receive(HttpRequest request) {
  const Duration began = rt::steady_now();
  const auto rules = rules_;  // this version, whatever is loaded meanwhile
  const auto route = rules->sources().find(request.target);
  if (!route) co_return intake::problem_answer(404, intake::kNoSuchPath);
  if (stopping_) co_return intake::problem_answer(*route, 503, "shutting down");

  Trace trace = Trace::kCount;
  intake::Judged judged =
      judge(*route, std::move(request), trace);  // who sends, what they say, whether it is wanted
  if (judged.refusal || judged.filtered) {
    AWAIT(HttpResponse refused_or_filtered, keep(*route, std::move(judged), trace));
    co_return refused_or_filtered;
  }
  judged.event->team = team_of(*rules, *judged.event);
  auto nothing_runs = nothing_wants(*judged.event);  // most events of most canaries: then this is its plan
  const bool to_plan = !nothing_runs;
  Delivery seen = without_content(judged.delivery);
  Event event = to_plan ? *judged.event : without_content(*judged.event);
  AWAIT(const auto receipt,
        parts_.store.append(std::move(*judged.proof), std::move(judged.delivery), std::move(judged.event),
                            std::move(judged.identity), std::move(nothing_runs)));  // once, and on disk
  if (!receipt) co_return not_taken(*route, std::move(seen), receipt.error());
  seen.id = receipt->delivery();
  seen.event = receipt->event();
  if (receipt->duplicate()) seen.verdict = Verdict::kDuplicate, seen.status = 200;
  telemetry_->delivery(seen, event.name_space + "/" + event.name, rt::steady_now() - began);

  if (!receipt->duplicate()) announce(std::move(event), *receipt->event(), to_plan);
  co_return intake::accepted_answer(*route, receipt->delivery(), *receipt->event(),
                                    receipt->duplicate());  // only now: 202
}

rt::Task<Status> Pipeline::plan(Event event) {
  const auto rules = rules_;
  const Facts facts = facts_of(event);
  std::vector<store::NewRun> runs;
  std::vector<store::Planned> trace;
  for (const auto& bound : rules->workflows()) {  // which workflows, which steps, and why not the rest
    AWAIT(Choice choice, choose(bound, event, facts));
    if (choice.unasked) co_return *choice.unasked;
    if (choice.run) runs.push_back(std::move(*choice.run));
    trace.push_back(std::move(choice.planned));
  }
  const EventId id = event.id;
  if (!runs.empty()) AWAIT_DONE(watch_for_storm(event));
  AWAIT(Status started,
        parts_.store.start(id, std::move(runs), std::move(trace), rt::now()));  // all or none, and once
  co_return started;
}

rt::Task<Result<std::optional<store::Work>>> Pipeline::advance(store::Work work) {
  const Duration began = rt::steady_now();
  if (stopping_) {
    AWAIT(const Status back, parts_.store.give_back(work.lease, rt::now()));
    if (!back) co_return back.error();
    co_return std::optional<store::Work>();
  }
  renew_masker();
  const auto bound = bound_for(work.run.workflow, *work.text);
  store::AttemptEnd end;
  if (bound) {
    Attempting attempting(parts_, masker_, rules_, *bound, work,
                          {target_rates_, [this] { return stopping_; }});
    AWAIT(auto attempted, attempting.carry_out());  // evaluate, commit, send, interpret
    if (!attempted) co_return Error(Code::kConflict, "the lease is void");
    end = *std::move(attempted);
  } else {
    end.lease = work.lease;
    end.outcome = Refused{"the workflow it began with: " + bound.error().message};
  }
  end.outcome = masked(std::move(end.outcome), masker_);
  end.ended_at = rt::now();
  telemetry_->attempt(work, end.outcome, rt::steady_now() - began);
  note_target(work.run.steps[work.step].target, end.requests, end.outcome);

  const engine::RetryPolicy policy =
      bound ? (*bound)->workflow->steps[work.run.steps[work.step].definition].retry : engine::RetryPolicy();
  store::Rule rule = [step = work.step, outcome = end.outcome, policy, at = end.ended_at,
                      jitter = random_number()](const Run& run) {
    return engine::decide(run, step, outcome, policy, at,
                          jitter);  // retry, go on, finish: on the run as it is then
  };
  const bool go_on = !work.overdue && may_go_on(work.run.steps[work.step].target);
  AWAIT(auto recorded, record(std::move(end), std::move(rule), go_on));
  co_return recorded;  // with the next step, if it is its turn at once
}

}  // namespace postlude::pipeline
