#pragma once
// Attempting: one attempt of a step, from its first expression to its outcome, in the order of its parts:
//
//   Evaluating    `if`, `forEach` and `with`; built_in() does all of an action without a target
//   KeyUse        the step's `key`: whether what it stands for exists already
//   PastEffects   for each request that is not a read: what earlier attempts have made of it
//   Exchanging    the request itself: committed, sent once, judged, kept
//   Shadow        in a shadow run: requests that are shown instead of sent
//
// Loop thread only. Must live until carry_out() completes.

#include <memory>
#include <optional>
#include <variant>

#include "pipeline/evaluating.h"
#include "pipeline/exchanging.h"

namespace postlude::pipeline {

class Attempting {
 public:
  Attempting(const Parts& parts, connector::Masker& masker, std::shared_ptr<const Rules> rules,
             std::shared_ptr<const BoundWorkflow> bound, const store::Work& work, Turns turns);
  Attempting(const Attempting&) = delete;
  Attempting& operator=(const Attempting&) = delete;

  // Makes the attempt. nullopt: the lease is void, or the step was given back; there is nothing to record.
  // What is to be recorded lacks only `ended_at`.
  rt::Task<std::optional<store::AttemptEnd>> carry_out();

 private:
  // Of a list of calls: its outputs, or how the attempt ends.
  using PlanResult = std::variant<json::value, End>;

  rt::Task<End> attempt();
  // All that comes before the requests. nullopt: go on with the action.
  rt::Task<std::optional<End>> begin();
  rt::Task<PlanResult> go_through(Calls calls);
  // nullopt: go on with the next call.
  rt::Task<std::optional<PlanResult>> one_call(const connector::Call* call, Calls calls);
  // Whether a write may be sent. PlanResult: the lookup has found its outputs, or the attempt ends.
  rt::Task<std::variant<PastEffects::Send, PastEffects::Settled, PlanResult>> settle(
      const connector::Call* call, Calls calls);
  // Asks `until` whether the job has ended. nullopt: it has, and the step goes on.
  rt::Task<std::optional<Outcome>> poll();

  AttemptState state_;
  Shadow shadow_;
  Evaluating evaluating_;
  KeyUse key_;
  PastEffects past_;
  Exchanging exchanging_;
};

}  // namespace postlude::pipeline
