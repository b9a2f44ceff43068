// Effects that belong to a target and a key of the user's, not to a run: who has one in hand, and what it
// yielded.

#include "store/commands.h"
#include "store/rows.h"

namespace postlude::store {

Result<Keyed> take_keyed(Ledger& ledger, const Lease& lease, const std::string& target,
                         const std::string& key) {
  TRY(auto leased, load_leased(ledger, lease));
  const RunId leased_run = leased.stored.run.id;
  ledger.remember(std::move(leased.stored));  // nothing of it changes here
  Keyed out;
  bool found = false;
  std::int64_t holder = 0;
  TRY_DONE(ledger.db().each("SELECT outputs, step FROM keyed WHERE target = $1 AND key = $2", {target, key},
                            [&](const sql::Row& row) {
                              found = true;
                              out.outputs = row.text(0);
                              holder = row.integer(1);
                            }));
  if (holder != 0 && holder != lease.step) {
    // Until it has ended: what it does may not have reached us yet.
    TRY_DONE(ledger.db().each("SELECT state FROM steps WHERE id = $1", {holder}, [&](const sql::Row& row) {
      out.busy = !terminal(static_cast<StepState>(row.integer(0)));
    }));
    if (out.busy) {
      ledger.wait_for(holder, {leased_run, lease.step});
      return out;
    }
  }
  if (!found) {
    TRY_DONE(ledger.db().run(
        "INSERT INTO keyed (target, key, outputs, step, attempt, event) VALUES ($1, $2, '', $3, $4, 0)",
        {target, key, lease.step, lease.attempt.value}));
    return out;
  }
  TRY_DONE(ledger.db().run("UPDATE keyed SET step = $3, attempt = $4 WHERE target = $1 AND key = $2",
                           {target, key, lease.step, lease.attempt.value}));
  return out;
}

Status release_keyed(Ledger& ledger, const Run& run, const Step& step, const std::string& key) {
  if (!terminal(step.state)) return ok();
  if (step.state != StepState::kSucceeded) {
    return ledger.db().run(
        "UPDATE keyed SET step = 0, attempt = 0 WHERE target = $1 AND key = $2 AND step = $3",
        {step.target, key, step.id});
  }
  return ledger.db().run(
      "UPDATE keyed SET step = 0, attempt = 0, outputs = $4, event = $5 WHERE target = $1 AND key = $2 AND "
      "step = $3",
      {step.target, key, step.id, step.outputs, run.event.value});
}

// Who waits for the key that this step has in its hands looks at once, and not when it would by itself.
Status free_waiters(Ledger& ledger, RunId run, const Step& holder) {
  for (const Ledger::Waiter& waiter : ledger.take_waiters(holder.id)) {
    if (waiter.run == run) continue;  // it is in the caller's hands
    TRY(auto stored, take_run(ledger, waiter.run));
    if (!stored) continue;
    for (std::size_t i = 0; i < stored->run.steps.size(); ++i) {
      Step& step = stored->run.steps[i];
      if (step.id != waiter.step || step.state != StepState::kPending || !step.due_at) continue;
      if (!step.reason.starts_with(kBusyKey)) continue;  // it waits for something else by now
      if (!holder.finished_at || *step.due_at <= *holder.finished_at) continue;
      step.due_at = holder.finished_at;
      TRY_DONE(save_step(ledger, *stored, i));
    }
    ledger.remember(*std::move(stored));
  }
  return ok();
}

}  // namespace postlude::store
