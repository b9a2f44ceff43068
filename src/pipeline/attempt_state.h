#pragma once
// AttemptState: what the parts of one attempt share: the claimed step with the rules it is bound to, what its
// expressions see, and what is recorded when it ends.
//
// Loop thread only.

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/pipeline.h"

namespace postlude::pipeline {

// The lease is void, or the step was given back: there is nothing to record.
struct Void {};
// What an update was to change is no longer there.
struct Gone {};
// How an attempt ends. Where a function returns std::optional<End>, nullopt means: go on.
using End = std::variant<Outcome, Void, Gone>;

// Which of an action's lists of calls is gone through: its requests, `update` or `lookup`.
enum class Calls : std::uint8_t { kRequests = 1, kUpdate, kLookup };

struct AttemptState {
  AttemptState(const Parts& parts_in, connector::Masker& masker_in, std::shared_ptr<const Rules> rules_in,
               std::shared_ptr<const BoundWorkflow> bound_in, const store::Work& work_in);

  // Evaluates in `context`, at the step's time; beside the loop if that is large.
  rt::Task<Values> evaluate(std::vector<lang::Expression> expressions) const;
  // The outcome if the run's time is over.
  std::optional<Outcome> past_deadline() const;
  const engine::StepDefinition& definition() const { return *step->definition; }
  json::object& seen() { return context->as_object(); }
  json::value& request(const std::string& call);  // `.requests.<id>`

  const Parts& parts;
  connector::Masker& masker;
  std::shared_ptr<const Rules> rules;
  std::shared_ptr<const BoundWorkflow> bound;
  const store::Work& work;
  const Step& row;
  const BoundStep* step = nullptr;            // the event's team's own, if it is team/notify
  const connector::Target* target = nullptr;  // nullptr: a built-in, or not known yet
  std::shared_ptr<json::value> context;       // shared with running evaluations; changed only between them
  mutable rt::Aside aside;                    // where large answers are read
  bool large = false;                         // there was one, so that `context` is large
  Instant now{};                              // the step's stored time
  store::AttemptEnd end;                      // what is not stored yet: answers, and what was evaluated first
};

}  // namespace postlude::pipeline
