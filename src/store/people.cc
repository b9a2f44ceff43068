// What people do to runs: retry a failed one, settle a step that waits for them.

#include "store/commands.h"
#include "store/rows.h"

namespace postlude::store {

namespace {

bool means(const Step& step, const std::string& word) {
  return step.name == word || step.title == word || std::to_string(step.index + 1) == word;
}

// The held step that `word` names; "" is enough where there is only one.
Result<std::size_t> held_step(const Run& run, const std::string& word) {
  std::optional<std::size_t> found;
  bool known = word.empty();
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (!word.empty() && !means(run.steps[i], word)) continue;
    known = true;
    if (!run.steps[i].held) continue;
    if (found) return Error(Code::kInvalid, "several steps of " + run.id.text() + " are held: name one");
    found = i;
  }
  if (!known) return Error(Code::kNotFound, run.id.text() + " has no step " + word);
  if (!found)
    return Error(Code::kConflict,
                 (word.empty() ? "no step of " + run.id.text() : "step " + word) + " is not held");
  return *found;
}

// What was unclear is settled by a person's word.
Status settle(Ledger& ledger, std::int64_t step, RequestResult as, const std::string& actor, Instant now) {
  return ledger.db().run(
      "UPDATE requests SET result = $2, why = $3, ended_at = coalesce(ended_at, $4) WHERE step = $1 AND "
      "result = 6",
      {step, static_cast<int>(as), "settled by " + actor, now});
}

std::string_view word_of(ResumeAs as) {
  switch (as) {
    case ResumeAs::kDone:
      return "done";
    case ResumeAs::kRepeat:
      return "repeat";
    case ResumeAs::kFail:
      return "fail";
  }
  return "";
}

// The step as the person wants it, with nothing of the hold left.
Status release(Ledger& ledger, StoredRun& stored, std::size_t index, const Resume& wanted) {
  Step& step = stored.run.steps[index];
  StepLease& lease = stored.leases[index];
  const Duration held = lease.held_at ? std::max(Duration(0), wanted.now - *lease.held_at) : Duration(0);
  // Time that waited for a person counts for nobody's limit.
  if (stored.run.deadline_at) *stored.run.deadline_at += held;
  if (step.first_at) *step.first_at += held;
  step.held = false;
  lease.held_at = std::nullopt;
  step.reason.clear();
  step.due_at = std::nullopt;
  switch (wanted.as) {
    case ResumeAs::kDone:
      step.state = StepState::kSucceeded;
      step.unclear = false;
      step.finished_at = wanted.now;
      if (step.outputs.empty()) step.outputs = "null";
      return settle(ledger, step.id, RequestResult::kSucceeded, wanted.actor, wanted.now);
    case ResumeAs::kRepeat:
      step.state = StepState::kPending;
      step.unclear = false;
      step.due_at = wanted.now;
      return settle(ledger, step.id, RequestResult::kRetryable, wanted.actor, wanted.now);
    case ResumeAs::kFail:
      step.state = StepState::kFailed;
      step.finished_at = wanted.now;
      step.reason = "failed by " + wanted.actor;
      return ok();
  }
  return ok();
}

// What a later step was to do was worked out while an earlier one had failed: anew, unless something of it
// may have been done already.
Status forget_input(Ledger& ledger, Step& step) {
  bool done = false;
  TRY_DONE(ledger.db().each(
      "SELECT id FROM requests WHERE step = $1 AND effect <> 1 AND result IN (1, 2, 3, 6) LIMIT 1", {step.id},
      [&](const sql::Row&) { done = true; }));
  if (done) return ok();
  step.input.clear();
  step.now = std::nullopt;
  return ok();
}

}  // namespace

Status retry(Ledger& ledger, RunId id, bool stale, const std::string& actor, Instant now) {
  TRY(auto stored, load_run(ledger.db(), id));
  if (!stored) return Error(Code::kNotFound, "no run " + id.text());
  Run& run = stored->run;
  if (run.state != RunState::kFailed) {
    return Error(Code::kConflict, id.text() + " is " + std::string(to_text(run.state)) + ", not failed");
  }
  bool failed = !run.started_at;  // it could not even begin: all its steps were left out
  std::vector<std::size_t> again;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    Step& step = run.steps[i];
    const bool skipped = step.state == StepState::kSkipped || step.state == StepState::kCancelled;
    if (step.state != StepState::kFailed && !(failed && skipped)) continue;
    failed = true;
    step.state = StepState::kPending;
    step.reason.clear();
    step.attempts = 0;
    step.first_at = std::nullopt;
    step.finished_at = std::nullopt;
    if (!again.empty()) TRY_DONE(forget_input(ledger, step));
    again.push_back(i);
  }
  if (again.empty()) return Error(Code::kConflict, id.text() + " has no failed step");
  TRY(const bool queued, must_queue(ledger, *stored));
  if (!queued) activate(*stored, now);
  for (const std::size_t index : again)
    TRY_DONE(save_step(ledger, *stored, index));
  run.stale = run.stale || stale;
  TRY_DONE(change_state(ledger, *stored, queued ? RunState::kQueued : RunState::kRunning, "", now));
  return ledger.audit(now, actor, "run.retried", id.text(), stale ? "stale" : "");
}

Status resume(Ledger& ledger, const Resume& wanted, const Rule& rule) {
  TRY(auto stored, load_run(ledger.db(), wanted.run));
  if (!stored) return Error(Code::kNotFound, "no run " + wanted.run.text());
  if (terminal(stored->run.state)) return Error(Code::kConflict, wanted.run.text() + " has ended");
  TRY(const std::size_t index, held_step(stored->run, wanted.step));
  TRY_DONE(release(ledger, *stored, index, wanted));
  Step& step = stored->run.steps[index];
  TRY_DONE(ledger.audit(wanted.now, wanted.actor, "run.resumed", wanted.run.text(),
                        step.title + " as " + std::string(word_of(wanted.as))));
  if (wanted.as != ResumeAs::kRepeat) {
    const Decision decision = rule(stored->run);
    TRY_DONE(apply_decision(ledger, *stored, decision, index, wanted.now));
    return terminal(stored->run.state) ? ok() : save_run(ledger, *stored);  // the deadline has moved
  }
  TRY_DONE(save_step(ledger, *stored, index));
  return change_state(ledger, *stored, RunState::kRunning, "", wanted.now);
}

}  // namespace postlude::store
