#include "pipeline/attempt_state.h"

#include "base/check.h"
#include "pipeline/context.h"

namespace postlude::pipeline {

AttemptState::AttemptState(const Parts& parts_in, connector::Masker& masker_in,
                           std::shared_ptr<const Rules> rules_in,
                           std::shared_ptr<const BoundWorkflow> bound_in, const store::Work& work_in)
    : parts(parts_in),
      masker(masker_in),
      rules(std::move(rules_in)),
      bound(std::move(bound_in)),
      work(work_in),
      row(work.run.steps[work.step]),
      aside(parts.loop) {
  CHECK(row.definition < bound->steps.size());
  step = &bound->steps[row.definition];
  const auto notify = step->teams.find(work.event->team);
  if (notify != step->teams.end()) step = notify->second.get();
  context = std::make_shared<json::value>(step_context(work, *bound, *rules, parts.store.secret()));
  now = row.now.value_or(rt::now());
  end.lease = work.lease;
  if (!row.now) end.step_now = now;
}

rt::Task<Values> AttemptState::evaluate(std::vector<lang::Expression> expressions) const {
  std::shared_ptr<const json::value> shared = context;
  AWAIT(Values values,
        parts.expressions.evaluate(std::move(expressions), std::move(shared), now, large ? &aside : nullptr));
  co_return values;
}

std::optional<Outcome> AttemptState::past_deadline() const {
  // Time that is waited for people counts for no limit but its own.
  if (!work.run.deadline_at || work.run.people_since || rt::now() < *work.run.deadline_at)
    return std::nullopt;
  return Refused{"the run's timeout (" + to_text(bound->workflow->timeout) + ") is over"};
}

json::value& AttemptState::request(const std::string& call) {
  return seen()["requests"].as_object()[call];
}

}  // namespace postlude::pipeline
