// A run goes on: a decision becomes rows, with what hangs on them: totals, audit, the next run of the queue.

#include <algorithm>

#include "base/check.h"
#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

namespace {

bool all_ended(const Run& run) {
  for (const Step& step : run.steps) {
    if (!terminal(step.state)) return false;
  }
  return true;
}

bool answerable(const Step& step) {
  return step.uses == "approval" || step.uses == "callback";
}

// The run that waited longest behind the one that has ended gets its turn.
Status start_next(Ledger& ledger, const StoredRun& ended, Instant at) {
  RunId next;
  TRY_DONE(ledger.db().each(
      "SELECT id, waits_turn FROM runs WHERE workflow = $1 AND queue_key = $2 AND state <= 3 AND queues = 1 "
      "ORDER BY waits_turn, event LIMIT 1",
      {ended.run.workflow, ended.run.queue_key}, [&](const sql::Row& row) {
        // Who has ended may have waited itself: then another is still active.
        if (row.flag(1)) next = RunId{row.integer(0)};
      }));
  if (!next) return ok();
  TRY(auto loaded, take_run(ledger, next));
  CHECK(loaded.has_value());
  const Decision decision = activate(ledger, *loaded, at);
  for (const StepChange& change : decision.changes)
    TRY_DONE(save_step(ledger, *loaded, change.index));
  // One that was retried may have nothing left to do.
  if (terminal(decision.run)) return change_state(ledger, *loaded, decision.run, decision.reason, at);
  return change_state(ledger, *loaded, RunState::kRunning, "", at);
}

}  // namespace

Duration waited_for_people(const Ledger& ledger, const StoredRun& stored, Instant since, Instant now) {
  const Instant until = std::min(now, ledger.held_since(stored).value_or(now));
  return std::max(Duration(0), until - since);
}

Applied take(const Ledger& ledger, StoredRun& stored, const Decision& decision, Instant at) {
  Applied out = apply(stored.run, decision, at, stored.timeout,
                      [&](Instant since) { return waited_for_people(ledger, stored, since, at); });
  for (const StepChange& change : decision.changes) {
    StepLease& lease = stored.leases[change.index];
    lease.held_at = change.held ? std::optional<Instant>(at) : std::nullopt;
    lease.attempt = 0;
    lease.token = 0;
  }
  stored.leases.resize(stored.run.steps.size());
  return out;
}

Decision activate(Ledger& ledger, StoredRun& stored, Instant now) {
  Run& run = stored.run;
  run.waits_turn = false;
  run.deadline_at = stored.timeout ? std::optional<Instant>(now + *stored.timeout) : std::nullopt;
  stored.leases.resize(run.steps.size());
  Decision decision = ledger.follow(run, now);
  CHECK(decision.added.empty());
  (void)take(ledger, stored, decision, now);
  return decision;
}

Status change_state(Ledger& ledger, StoredRun& stored, RunState to, std::string reason, Instant at) {
  Run& run = stored.run;
  const RunState from = run.state;
  run.state = to;
  run.reason = std::move(reason);
  run.finished_at = terminal(to) ? std::optional<Instant>(at) : std::nullopt;
  if (terminal(to)) run.people_since = std::nullopt;
  if (to != RunState::kQueued) run.waits_turn = false;
  TRY_DONE(save_run(ledger, stored));
  if (from == to) return ok();
  ledger.count_run(run.workflow, from, to);
  if (!terminal(to)) return ok();
  CHECK(all_ended(run));
  const std::string action = "run." + std::string(to_text(to));
  TRY_DONE(ledger.audit(at, "postlude", action, run.id.text(), run.reason));
  TRY_DONE(tell_of_end(ledger, run, at));
  if (to == RunState::kFailed) TRY_DONE(tell_of_failure(ledger, stored, at));
  return stored.queues ? start_next(ledger, stored, at) : ok();
}

Status apply_decision(Ledger& ledger, StoredRun& stored, const Decision& decision,
                      const std::vector<std::size_t>& also, Instant at, const TakeUp& take_up) {
  Run& run = stored.run;
  Applied applied = take(ledger, stored, decision, at);
  TRY_DONE(tell_of_holds(ledger, run, decision));
  for (const std::size_t index : also) {
    if (std::find(applied.changed.begin(), applied.changed.end(), index) == applied.changed.end())
      applied.changed.push_back(index);
  }
  const auto taken_up = take_up ? take_up(stored, decision.run) : std::optional<std::size_t>();
  for (const std::size_t index : applied.changed) {
    if (index == taken_up) continue;
    Step& step = run.steps[index];
    if (step.state == StepState::kWaiting && !step.held && answerable(step)) {
      // It may have come before the wait was committed.
      TRY(const auto answer, load_answer(ledger.db(), step.id));
      if (answer) step.due_at = at;
    }
    TRY_DONE(save_step(ledger, stored, index));
  }
  for (std::size_t index = applied.added_from; index < run.steps.size(); ++index)
    TRY_DONE(insert_step(ledger, stored, index));
  CHECK(terminal(decision.run) == all_ended(run));
  if (decision.run == run.state && !terminal(decision.run))
    return applied.run_changed ? save_run(ledger, stored) : ok();
  return change_state(ledger, stored, decision.run, decision.reason, at);
}

Result<bool> must_queue(Ledger& ledger, const StoredRun& stored) {
  if (!stored.queues) return false;
  bool found = false;
  TRY_DONE(ledger.db().each(
      "SELECT id FROM runs WHERE workflow = $1 AND queue_key = $2 AND state <= 3 AND queues = 1 LIMIT 1",
      {stored.run.workflow, stored.run.queue_key}, [&](const sql::Row&) { found = true; }));
  return found;
}

}  // namespace postlude::ledger
