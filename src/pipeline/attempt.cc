#include "pipeline/attempt.h"

#include <algorithm>

#include "base/check.h"
#include "pipeline/built_ins.h"
#include "pipeline/context.h"

namespace postlude::pipeline {

Attempting::Attempting(const Parts& parts, connector::Masker& masker, std::shared_ptr<const Rules> rules,
                       std::shared_ptr<const BoundWorkflow> bound, const store::Work& work, Turns turns)
    : state_(parts, masker, std::move(rules), std::move(bound), work),
      shadow_(state_),
      evaluating_(state_, shadow_),
      key_(state_, shadow_),
      past_(state_, key_),
      exchanging_(state_, shadow_, past_, std::move(turns)) {}

rt::Task<std::optional<store::AttemptEnd>> Attempting::carry_out() {
  AWAIT(End end, attempt());
  auto* outcome = std::get_if<Outcome>(&end);
  if (outcome == nullptr) co_return std::nullopt;
  state_.end.outcome = std::move(*outcome);
  co_return std::move(state_.end);
}

rt::Task<End> Attempting::attempt() {
  if (!state_.work.answer) {  // what was accepted reaches its step, whatever time it is
    if (auto over = state_.past_deadline()) {
      state_.end.unanswered = state_.row.target.empty();
      co_return *std::move(over);
    }
  }
  AWAIT(std::optional<End> early, begin());
  if (early) co_return *std::move(early);

  Calls calls = key_.first() ? Calls::kRequests : Calls::kUpdate;
  AWAIT(PlanResult made, go_through(calls));
  auto* end = std::get_if<End>(&made);
  if (end != nullptr && std::holds_alternative<Gone>(*end)) {
    AWAIT(std::optional<End> not_now, key_.begin_anew());
    if (not_now) co_return *std::move(not_now);
    calls = Calls::kRequests;
    AWAIT(made, go_through(calls));
    end = std::get_if<End>(&made);
  }
  if (end != nullptr) co_return std::move(*end);
  json::value outputs = std::get<json::value>(std::move(made));
  // What an update does not yield is as the first use left it.
  if (calls == Calls::kUpdate) outputs = key_.updated(std::move(outputs));
  co_return Succeeded{to_text(outputs)};
}

rt::Task<std::optional<End>> Attempting::begin() {
  AWAIT(std::optional<Outcome> early, evaluating_.carry_out());
  if (early) co_return *std::move(early);
  const engine::StepDefinition& definition = state_.definition();
  if (!state_.step->unusable.empty())
    co_return Refused{"the workflow it began with: " + state_.step->unusable};
  if (definition.built_in == engine::BuiltIn::kTeamNotify) {
    const std::string& team = state_.work.event->team;
    co_return Refused{team.empty() ? "the event belongs to no team"
                                   : "the team '" + team + "' has no `notify`"};
  }
  if (definition.built_in != engine::BuiltIn::kNone) co_return built_in(state_, shadow_);

  state_.target = state_.rules->target(definition.target);
  if (state_.target == nullptr)
    co_return Refused{"there is no target '" + definition.target + "' in the configuration any more"};
  json::object& context = state_.seen();
  context["target"] = connector::target_context(*state_.target);
  context["requests"] = json::object();
  AWAIT(std::optional<End> busy, key_.take());
  if (busy) co_return busy;
  if (key_.lost() && !state_.row.freed && !past_.has_made()) {
    co_return Held{"the key '" + key_.text() +
                   "' was used before, but the outputs of that use are unknown: it cannot be updated"};
  }
  co_return std::nullopt;
}

rt::Task<Attempting::PlanResult> Attempting::go_through(Calls calls) {
  const connector::Action& action = *state_.step->action;
  const connector::Plan* plan = calls == Calls::kUpdate   ? action.update()
                                : calls == Calls::kLookup ? action.lookup()
                                                          : &action.plan();
  CHECK(plan != nullptr);
  for (const connector::Call& call : plan->calls()) {
    AWAIT(std::optional<PlanResult> done, one_call(&call, calls));
    if (done) co_return *std::move(done);
  }
  if (calls != Calls::kLookup && !shadow_.left_out() && action.waiting() != nullptr) {
    AWAIT(std::optional<Outcome> not_yet, poll());
    if (not_yet) co_return End(*std::move(not_yet));
  }
  AWAIT(Values values, state_.evaluate(plan->result()));
  if (auto not_now = later(values)) co_return End(*std::move(not_now));
  if (shadow_.left_out()) co_return shadow_.outputs(*plan, values);
  auto outputs = plan->outputs(values);
  if (!outputs) co_return End(Refused{"outputs: " + outputs.error().message});
  co_return std::move(*outputs);
}

rt::Task<std::optional<Attempting::PlanResult>> Attempting::one_call(const connector::Call* call,
                                                                     Calls calls) {
  const bool looking = calls == Calls::kLookup;
  if (!looking && past_.settled(*call, calls)) co_return std::nullopt;
  json::object& context = state_.seen();
  context["response"] = nullptr;
  if (!looking) context["key"] = past_.key_of(*call, calls);  // else that of the request in doubt
  if (call->effect() == Effect::kRead && shadow_.hangs_on_unknown(*call)) {
    shadow_.leave_out(*call);
    co_return std::nullopt;
  }
  AWAIT(Values values, state_.evaluate(call->before()));
  if (auto not_now = later(values)) co_return PlanResult(End(*std::move(not_now)));
  shadow_.stand_in(call->before(), values);
  auto prepared = call->prepare(*state_.target, values);
  if (!prepared && shadow_.cannot_be_shown(*call, values)) co_return std::nullopt;
  if (!prepared) co_return PlanResult(End(Refused{prepared.error().message}));
  std::optional<Ask>& ask = *prepared;
  if (!ask) {
    state_.request(call->id()) = nullptr;
    co_return std::nullopt;
  }
  std::optional<Duration> send_before;
  if (!looking && call->effect() != Effect::kRead) {
    AWAIT(auto settled, settle(call, calls));
    if (auto* made = std::get_if<PlanResult>(&settled)) co_return std::move(*made);
    if (std::holds_alternative<PastEffects::Settled>(settled)) co_return std::nullopt;
    send_before = std::get<PastEffects::Send>(settled).before;
  }
  AWAIT(std::optional<End> end, exchanging_.carry_out(call, calls, *std::move(ask), send_before));
  if (end) co_return PlanResult(*std::move(end));
  co_return std::nullopt;
}

rt::Task<std::variant<PastEffects::Send, PastEffects::Settled, Attempting::PlanResult>> Attempting::settle(
    const connector::Call* call, Calls calls) {
  PastEffects::Next next = past_.next(*call, calls);
  if (const auto* look = std::get_if<PastEffects::Look>(&next)) {
    const json::value requests = state_.seen()["requests"];
    AWAIT(PlanResult looked, go_through(Calls::kLookup));
    state_.seen()["requests"] = requests;
    if (auto* end = std::get_if<End>(&looked)) {
      if (auto* outcome = std::get_if<Outcome>(end))
        co_return PlanResult(End(PastEffects::look_failed(*look, std::move(*outcome))));
      co_return std::move(looked);
    }
    json::value& outputs = std::get<json::value>(looked);
    // Found: these are the action's outputs, unless it still has to wait for what it has started.
    if (!outputs.is_null() && state_.step->action->waiting() == nullptr)
      co_return PlanResult(std::move(outputs));
    next = past_.looked(*call, calls, *look, std::move(outputs));
  }
  if (auto* outcome = std::get_if<Outcome>(&next)) co_return PlanResult(End(std::move(*outcome)));
  if (std::holds_alternative<PastEffects::Settled>(next)) co_return PastEffects::Settled();
  co_return std::get<PastEffects::Send>(next);
}

rt::Task<std::optional<Outcome>> Attempting::poll() {
  const connector::Waiting& waiting = *state_.step->action->waiting();
  AWAIT(Values values, state_.evaluate(waiting.asks()));
  if (auto not_now = later(values)) co_return not_now;
  const auto status = waiting.judge(values, state_.masker);
  if (!status) co_return Refused{status.error().message};
  const engine::StepDefinition& definition = state_.definition();
  switch (status->state) {
    case connector::Waiting::JobState::kSucceeded:
      co_return std::nullopt;
    case connector::Waiting::JobState::kFailed:
      if (definition.any_result) co_return std::nullopt;
      co_return Refused{"the job failed: " + status->why, Because::kJobFailed};
    case connector::Waiting::JobState::kRunning:
      break;
  }
  const Instant now = rt::now();
  const Duration timeout = definition.wait.timeout.value_or(engine::kWaitTimeout);
  const Instant over_by = state_.row.over_by.value_or(now + timeout);
  if (over_by <= now)
    co_return Refused{"the job did not end within " + to_text(timeout), Because::kJobNotEnded};
  const Duration every = definition.wait.every.value_or(waiting.every());
  co_return Waits{std::min(over_by, now + std::max(every, exchanging_.not_before())),
                  "the job is still running: polls every " + to_text(every) + ", for " + to_text(timeout),
                  false, over_by};
}

}  // namespace postlude::pipeline
