// Effects that belong to a target and a key of the user's, not to a run: who has one in hand, and what it
// yielded.

#include "store/commands.h"
#include "store/rows.h"

namespace postlude::store {

Result<Keyed> take_keyed(Ledger& ledger, const Lease& lease, const std::string& target,
                         const std::string& key, const IfBusy& busy) {
  TRY(auto leased, load_leased(ledger, lease));
  Keyed out;
  bool found = false;
  std::int64_t holder = 0;
  TRY_DONE(ledger.db().each("SELECT outputs, step, made FROM keyed WHERE target = $1 AND key = $2",
                            {target, key}, [&](const sql::Row& row) {
                              found = true;
                              out.outputs = row.text(0);
                              holder = row.integer(1);
                              out.made = row.flag(2);
                            }));
  if (holder != 0 && holder != lease.step) {
    // Until it has ended: what it does may not have reached us yet.
    TRY_DONE(ledger.db().each("SELECT state FROM steps WHERE id = $1", {holder}, [&](const sql::Row& row) {
      out.busy = !terminal(static_cast<StepState>(row.integer(0)));
    }));
    if (out.busy) {
      ledger.wait_for(holder, {leased.stored.run.id, lease.step});
      Step& step = leased.stored.run.steps[leased.index];
      keep_first(step, busy.input, busy.step_now, busy.trace);
      step.reason = busy.why;
      step.due_at = busy.at;
      TRY_DONE(put_back(ledger, std::move(leased), busy.now));
      return out;
    }
  }
  std::string& taken = leased.stored.leases[leased.index].key;
  if (taken != key) {
    if (!taken.empty()) {
      const Step& step = leased.stored.run.steps[leased.index];
      TRY_DONE(settle_key(ledger, leased.stored.run, step, taken));
    }
    taken = key;
    TRY_DONE(ledger.db().run("UPDATE steps SET key = $2 WHERE id = $1", {lease.step, key}));
  }
  ledger.remember(std::move(leased.stored));
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

Status settle_key(Ledger& ledger, const Run& run, const Step& step, const std::string& key) {
  if (step.state == StepState::kSucceeded) {
    return ledger.db().run(
        "UPDATE keyed SET step = 0, attempt = 0, made = 0, outputs = $4, event = $5 WHERE target = $1 AND "
        "key = $2 AND step = $3",
        {step.target, key, step.id, step.outputs, run.event.value});
  }
  // It may have ended in another way after all was done that the first use does. What may be sent again
  // (state, upsert) makes no second one.
  TRY_DONE(ledger.db().run(
      "UPDATE keyed SET step = 0, attempt = 0, made = CASE WHEN outputs = '' AND (made = 1 OR EXISTS (SELECT "
      "1 FROM requests q WHERE q.step = $3 AND q.effect IN (4, 5, 6) AND q.result IN (2, 3))) THEN 1 ELSE 0 "
      "END WHERE target = $1 AND key = $2 AND step = $3",
      {step.target, key, step.id}));
  // What has left nothing is as if it had never been used.
  return ledger.db().run(
      "DELETE FROM keyed WHERE target = $1 AND key = $2 AND step = 0 AND outputs = '' AND made = 0",
      {step.target, key});
}

Status settle_key_as_done(Ledger& ledger, const Run& run, Step& step, const std::string& key) {
  // Where it was an update, what the first use yielded holds on.
  TRY_DONE(ledger.db().each(
      "SELECT outputs FROM keyed WHERE target = $1 AND key = $2 AND step = $3 AND outputs <> ''",
      {step.target, key, step.id}, [&](const sql::Row& row) { step.outputs = row.text(0); }));
  const bool known = step.outputs != "null";
  return ledger.db().run(
      "UPDATE keyed SET step = 0, attempt = 0, made = $4, outputs = $5, event = $6 WHERE target = $1 AND key "
      "= $2 AND step = $3",
      {step.target, key, step.id, !known, known ? step.outputs : "", run.event.value});
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
