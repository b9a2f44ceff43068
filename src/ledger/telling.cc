// Reports of commits: to workflows, as an event of our own; to metrics and log, after the commit.

#include "base/check.h"
#include "base/json.h"
#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

// A workflow may tell people of it: an event of our own, unless the run came of one itself.
Status tell_of_failure(Ledger& ledger, const StoredRun& stored, Instant at) {
  const Run& run = stored.run;
  if (run.source == "postlude" || run.shadow || !ledger.tells("run-failed")) return ok();
  TRY(auto of, load_event(ledger.db(), run.event));
  CHECK(of.has_value());
  const json::object payload{{"run", run.id.text()},      {"workflow", run.workflow},
                             {"event", run.event.text()}, {"source", run.source},
                             {"hook", of->hook},          {"reason", run.reason},
                             {"cause", run.cause},        {"namespace", of->name_space},
                             {"name", of->name}};
  Event event;
  event.source = "postlude";
  event.hook = "run-failed";
  event.received_at = at;
  event.cluster = of->cluster;
  event.team = of->team;
  event.name_space = of->name_space;
  event.name = of->name;
  event.metadata = of->metadata;
  event.payload = json::serialize(payload);
  TRY([[maybe_unused]] const EventId told, tell(ledger, event));
  return ok();
}

namespace {

// namespace/name of its canary.
Result<std::string> canary_of(Ledger& ledger, EventId id) {
  if (const auto event = ledger.recall(id)) return event->name_space + "/" + event->name;
  std::string canary;
  TRY_DONE(ledger.db().each("SELECT namespace, name FROM events WHERE id = $1", {id.value},
                            [&](const sql::Row& row) { canary = row.text(0) + "/" + row.text(1); }));
  return canary;
}

}  // namespace

Status tell_of_end(Ledger& ledger, const Run& run, Instant at) {
  RunEnd end{run.id, run.event, run.workflow, "", run.state, run.reason, run.cause, at - run.created_at};
  TRY(end.canary, canary_of(ledger, run.event));
  ledger.ended(std::move(end));
  return ok();
}

// Whatever it was that had it held: only the decision knows.
Status tell_of_holds(Ledger& ledger, const Run& run, const Decision& decision) {
  for (const StepChange& change : decision.changes) {
    if (!change.held) continue;
    const Step& step = run.steps[change.index];
    StepHeld held{run.id, run.workflow, "", step.title, step.target, step.index + 1, step.reason, step.cause};
    TRY(held.canary, canary_of(ledger, run.event));
    ledger.held(std::move(held));
  }
  return ok();
}

}  // namespace postlude::ledger
