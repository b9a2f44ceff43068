// Effects that belong to a target and a key of the user's, not to a run: who has one in hand, and what it
// yielded.

#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

Result<Keyed> take_keyed(Ledger& ledger, const Lease& lease, const std::string& target,
                         const std::string& key, const IfBusy& busy) {
  TRY(auto leased, load_leased(ledger, lease));
  Keyed out;
  bool found = false;
  std::int64_t holder = 0;
  TRY_DONE(
      ledger.db().each("SELECT outputs, step, made, generation FROM keyed WHERE target = $1 AND key = $2",
                       {target, key}, [&](const sql::Row& row) {
                         found = true;
                         out.outputs = row.text(0);
                         holder = row.integer(1);
                         out.made = row.flag(2);
                         out.generation = row.integer(3);
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
      step.because = Because::kKeyInUse;
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
        "INSERT INTO keyed (target, key, outputs, step, attempt, event, first_at, last_at, last_step) VALUES "
        "($1, $2, '', $3, $4, 0, $5, $5, $3)",
        {target, key, lease.step, lease.attempt.value, busy.now}));
    return out;
  }
  TRY_DONE(
      ledger.db().run("UPDATE keyed SET step = $3, attempt = $4, first_at = coalesce(first_at, $5), last_at "
                      "= $5, last_step = "
                      "$3 WHERE target = $1 AND key = $2",
                      {target, key, lease.step, lease.attempt.value, busy.now}));
  return out;
}

namespace {

// What comes next is a first use, with keys of its own: its requests are none of those made before.
constexpr std::string_view kBeginsAnew =
    "UPDATE keyed SET outputs = '', made = 0, event = 0, generation = generation + 1, first_at = ";

}  // namespace

Result<std::int64_t> renew_keyed(Ledger& ledger, const Lease& lease, const std::string& target,
                                 const std::string& key, Instant now) {
  TRY(auto leased, load_leased(ledger, lease));
  const std::string title = leased.stored.run.steps[leased.index].title;
  const RunId run = leased.stored.run.id;
  ledger.remember(std::move(leased.stored));
  TRY_DONE(ledger.db().run(std::string(kBeginsAnew) + "$4 WHERE target = $1 AND key = $2 AND step = $3",
                           {target, key, lease.step, now}));
  if (ledger.db().changed() == 0) return Error(Code::kConflict, "the key is in other hands");
  std::int64_t generation = 0;
  TRY_DONE(ledger.db().each("SELECT generation FROM keyed WHERE target = $1 AND key = $2", {target, key},
                            [&](const sql::Row& row) { generation = row.integer(0); }));
  TRY_DONE(ledger.audit(now, "postlude", "key.gone", target + " " + key, run.text() + " " + title));
  return generation;
}

Status forget_keyed(Ledger& ledger, const std::string& target, const std::string& key,
                    const std::string& actor, Instant now) {
  TRY(const auto keys, list_keys(ledger.db(), {target, key}, {1, 0}));
  const std::string name = "the key '" + key + "' of the target '" + target + "'";
  if (keys.empty()) return Error(Code::kNotFound, name + " is not known");
  const KeyUse& use = keys.front();
  const std::string by = use.run ? use.run.text() + " (step " + use.step + ")" : "a step";
  switch (use.state) {
    case KeyUse::State::kFirstUse:
      return Error(Code::kConflict,
                   "the first use of " + name + " is under way in " + by +
                       ": its object would be created twice; wait for its end, or cancel the run");
    case KeyUse::State::kFirstUseUnclear:
      return Error(Code::kConflict, "it is unclear whether the first use of " + name + ", in " + by +
                                        ", had its effect: settle it with `runs resume` first");
    case KeyUse::State::kInUse:
      return Error(Code::kConflict, by + " works on " + name + ": wait for its end, or cancel the run");
    case KeyUse::State::kKept:
    case KeyUse::State::kUnknown:
      break;
  }
  TRY_DONE(ledger.db().run(std::string(kBeginsAnew) + "NULL WHERE target = $1 AND key = $2", {target, key}));
  return ledger.audit(now, actor, "key.forgotten", target + " " + key, use.outputs);
}

Result<std::vector<KeyUse>> list_keys(sql::Connection& db, const KeyFilter& filter, const Page& page) {
  std::vector<KeyUse> out;
  TRY_DONE(db.each(
      "SELECT k.target, k.key, k.outputs, k.made, k.step, k.first_at, k.last_at, s.run, s.title, s.unclear, "
      "s.held_at, s.state FROM keyed k LEFT JOIN steps s ON s.id = CASE WHEN k.last_step <> 0 THEN "
      "k.last_step "
      "ELSE k.step END WHERE ($1 = '' OR k.target = $1) "
      "AND ($2 = '' OR k.key = $2) AND (k.outputs <> '' OR k.made <> 0 OR k.step <> 0) ORDER BY k.target, "
      "k.key "
      "LIMIT $3 OFFSET $4",
      {filter.target, filter.key, static_cast<std::int64_t>(page.limit), page.after},
      [&](const sql::Row& row) {
        KeyUse use;
        use.target = row.text(0);
        use.key = row.text(1);
        use.outputs = row.text(2);
        use.first_at = row.maybe_time(5);
        use.last_at = row.maybe_time(6);
        const bool known = !row.null(7);
        if (known) {
          use.run = RunId{row.integer(7)};
          use.step = row.text(8);
        }
        const bool held_by_step = row.integer(4) != 0;
        const bool doubtful = known && (row.flag(9) || !row.null(10));
        if (!held_by_step) {
          use.state = row.flag(3) ? KeyUse::State::kUnknown : KeyUse::State::kKept;
        } else if (use.outputs.empty() && !row.flag(3)) {
          use.state = doubtful ? KeyUse::State::kFirstUseUnclear : KeyUse::State::kFirstUse;
        } else {
          use.state = KeyUse::State::kInUse;
        }
        out.push_back(std::move(use));
      }));
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
      "DELETE FROM keyed WHERE target = $1 AND key = $2 AND step = 0 AND outputs = '' AND made = 0 AND "
      "generation = 0",
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
      if (step.because != Because::kKeyInUse) continue;  // it waits for something else by now
      if (!holder.finished_at || *step.due_at <= *holder.finished_at) continue;
      step.due_at = holder.finished_at;
      TRY_DONE(save_step(ledger, *stored, i));
    }
    ledger.remember(*std::move(stored));
  }
  return ok();
}

}  // namespace postlude::ledger
