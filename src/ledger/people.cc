// The acts of people on runs: retry a failed run, answer for a step that waits for them.

#include <algorithm>

#include "base/text.h"
#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

namespace {

constexpr std::size_t kAudited = 1'000;  // of outputs that a person gave

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
                 word.empty() ? "no step of " + run.id.text() + " is held" : "step " + word + " is not held");
  return *found;
}

// A person's word settles unclear requests.
Status settle(Ledger& ledger, std::int64_t step, RequestResult as, const std::string& actor, Instant now) {
  return ledger.db().run(
      "UPDATE requests SET result = $2, why = $3, settled_by = $4, ended_at = coalesce(ended_at, $5) WHERE "
      "step = $1 AND result = 6",
      {step, static_cast<int>(as), "settled by " + actor, actor, now});
}

// What was unclear was done, and this is what it was answered. Whether there is such a request.
Result<bool> settle_with(Ledger& ledger, std::int64_t step, const Resume& wanted) {
  const std::string response = R"({"status":null,"headers":{},"body":)" + wanted.outputs + R"(,"text":""})";
  TRY_DONE(
      ledger.db().run("UPDATE requests SET response = $2 WHERE step = $1 AND result = 6", {step, response}));
  const bool any = ledger.db().changed() > 0;
  if (any) TRY_DONE(settle(ledger, step, RequestResult::kSucceeded, wanted.actor, wanted.now));
  return any;
}

// What another run of the event had of the same step: that is what was done. "null": none is known.
Status take_over(Ledger& ledger, const Run& run, Step& step) {
  if (!step.outputs.empty()) return ok();
  step.outputs = "null";
  static const std::string kSql = "SELECT s.outputs " + std::string(kSameStep) +
                                  "WHERE r.shadow = 0 AND s.state = $6 AND s.outputs <> '' ORDER BY s.id";
  return ledger.db().each(kSql,
                          {run.event.value, run.workflow, run.salt, run.id.value, step.part,
                           static_cast<int>(StepState::kSucceeded)},
                          [&](const sql::Row& row) {
                            if (row.text(0) != "null") step.outputs = row.text(0);
                          });
}

// The step as the person wants it, with nothing of the hold left.
Status release(Ledger& ledger, StoredRun& stored, std::size_t index, const Resume& wanted) {
  Step& step = stored.run.steps[index];
  StepLease& lease = stored.leases[index];
  // Time that waited for a person counts for nobody's limit; the run's own is moved by take().
  if (step.first_at && lease.held_at)
    *step.first_at += waited_for_people(ledger, stored, *lease.held_at, wanted.now);
  step.held = false;
  step.cause.clear();
  lease.held_at = std::nullopt;
  step.reason.clear();
  step.because = Because::kOther;
  step.due_at = std::nullopt;
  switch (wanted.as) {
    case ResumeAs::kDone: {
      step.unclear = false;
      if (!wanted.outputs.empty() && wanted.polls.contains(step.definition)) {
        TRY(const bool goes_on, settle_with(ledger, step.id, wanted));
        step.state = StepState::kPending;
        step.due_at = wanted.now;
        if (goes_on) return ok();
      }
      step.due_at = std::nullopt;
      step.state = StepState::kSucceeded;
      step.finished_at = wanted.now;
      if (!wanted.outputs.empty()) {
        step.outputs = wanted.outputs;
        if (!lease.key.empty()) TRY_DONE(settle_key(ledger, stored.run, step, lease.key));
      } else {
        TRY_DONE(take_over(ledger, stored.run, step));
        if (!lease.key.empty()) TRY_DONE(settle_key_as_done(ledger, stored.run, step, lease.key));
      }
      return settle(ledger, step.id, RequestResult::kSucceeded, wanted.actor, wanted.now);
    }
    case ResumeAs::kRepeat:
      step.state = StepState::kPending;
      step.unclear = false;
      step.freed = true;
      step.due_at = wanted.now;
      return settle(ledger, step.id, RequestResult::kRetryable, wanted.actor, wanted.now);
    case ResumeAs::kFail:
      step.state = StepState::kFailed;
      step.finished_at = wanted.now;
      step.reason = "failed by " + wanted.actor;
      step.because = Because::kPersonFailed;
      return ok();
  }
  return ok();
}

// What a later step was to do was worked out while an earlier one had failed: anew, unless something of it
// may have been done already.
Status forget_input(Ledger& ledger, Step& step) {
  static const std::string kSql =
      "SELECT id FROM requests WHERE step = $1 AND " + std::string(kMayHaveActed) + " LIMIT 1";
  bool done = false;
  TRY_DONE(ledger.db().each(kSql, {step.id}, [&](const sql::Row&) { done = true; }));
  if (done) return ok();
  step.input.clear();
  step.now = std::nullopt;
  return ok();
}

// Whether a key of its went out, with its body, whatever came of it.
Result<bool> has_written(Ledger& ledger, const Step& step) {
  bool out = step.spread;  // its elements have keys of their own, and it says what they are
  TRY_DONE(ledger.db().each("SELECT id FROM requests WHERE step = $1 AND effect <> 1 LIMIT 1", {step.id},
                            [&](const sql::Row&) { out = true; }));
  return out;
}

}  // namespace

namespace {

bool waits_for_somebody(const Step& step) {
  return step.uses == "approval" || step.uses == "callback";
}

// The step begins anew, as far as its effects allow. A rejection that failed it is forgotten.
Status reset(Ledger& ledger, StoredRun& stored, std::size_t index, bool keep_input) {
  Step& step = stored.run.steps[index];
  step.reason.clear();
  step.cause.clear();
  step.because = Because::kOther;
  step.attempts = 0;
  step.first_at = std::nullopt;
  step.finished_at = std::nullopt;
  step.due_at = std::nullopt;
  step.over_by = std::nullopt;
  const bool failed = step.state == StepState::kFailed;
  step.state = step.spread ? StepState::kRunning : StepState::kPending;
  if (!keep_input && !step.spread) TRY_DONE(forget_input(ledger, step));
  // What was paused or unpaused since did not look at what had ended.
  TRY_DONE(
      ledger.db().run("UPDATE steps SET paused = $2 WHERE id = $1",
                      {step.id, ledger.run_paused(stored.run.workflow, stored.run.source, stored.team)}));
  if (waits_for_somebody(step)) step.now = std::nullopt;  // its time to wait begins anew
  // What was accepted before its turn came is kept for it.
  if (!failed) return ok();
  return ledger.db().run("DELETE FROM answers WHERE step = $1 AND kind = $2",
                         {step.id, static_cast<int>(AnswerKind::kRejected)});
}

// Whether a step was left out because others had failed or were cancelled; a person's word, a time limit that
// skips and an `if` that asked something else stay as they are.
bool left_out(const Run& run, const Step& step, bool stale) {
  if (step.state == StepState::kCancelled) return true;
  if (step.state != StepState::kSkipped) return false;
  if (!run.started_at) return true;  // all its steps were
  if (step.because == Because::kSuperseded) return stale;
  return step.because == Because::kStepFailed || step.because == Because::kNoFailure;
}

// What its `if` said no to, looking at a run that had failed, or at a step that is done again: it is asked
// anew.
bool asks_again(const Run& run, std::size_t index, const std::vector<bool>& again) {
  const Step& step = run.steps[index];
  if (step.state != StepState::kSkipped || step.because != Because::kCondition || step.element_of)
    return false;
  if (step.list != StepList::kSteps) return true;
  std::vector<bool> seen(run.steps.size(), false);
  std::vector<std::size_t> open{index};
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    for (const std::uint32_t need : run.steps[at].needs) {
      if (again[need]) return true;
      if (!seen[need]) open.push_back(need);
      seen[need] = true;
    }
  }
  return false;
}

// What is done about a failure, and what is done at the end, is done again about the next one: as effects of
// its own. The elements of a list were those of the failure before.
Status begin_round(Ledger& ledger, StoredRun& stored, std::vector<std::size_t>& changed) {
  Run& run = stored.run;
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const Step& step = run.steps[i];
    if (step.list == StepList::kSteps) continue;
    if (step.element_of && step.round != run.steps[*step.element_of].round) continue;  // earlier still
    rows.push_back(i);
  }
  for (const std::size_t i : rows) {
    Step& step = run.steps[i];
    if (!step.element_of) continue;
    step.state = StepState::kSkipped;
    step.reason = "of the failure before";
    step.cause.clear();
    step.because = Because::kOther;
    step.input.clear();
    step.outputs.clear();
    changed.push_back(i);
  }
  for (const std::size_t i : rows) {
    Step& step = run.steps[i];
    if (step.element_of) continue;
    if (step.started_at)  // else what was accepted before its turn came is kept for it
      TRY_DONE(ledger.db().run("DELETE FROM answers WHERE step = $1", {step.id}));
    step.spread = false;
    TRY_DONE(reset(ledger, stored, i, true));
    ++step.round;
    step.unclear = step.freed = false;
    step.input.clear();
    step.outputs.clear();
    step.trace.clear();
    step.now = std::nullopt;
    step.started_at = std::nullopt;
    changed.push_back(i);
  }
  return ok();
}

// A failed run's failed steps, and what was left out because of them, get their turn again.
Result<std::vector<std::size_t>> reopen(Ledger& ledger, StoredRun& stored) {
  Run& run = stored.run;
  std::vector<std::size_t> again;
  std::vector<bool> wanted(run.steps.size(), false);
  for (std::size_t i = 0; i < run.steps.size(); ++i)
    wanted[i] = !run.steps[i].announces &&
                (run.steps[i].state == StepState::kFailed || left_out(run, run.steps[i], run.stale));
  const std::vector<bool> because = wanted;
  for (std::size_t i = 0; i < run.steps.size(); ++i)
    wanted[i] = wanted[i] || (!run.steps[i].announces && asks_again(run, i, because));
  // Where the steps themselves have ended well, what follows them only goes on.
  bool anew = false;
  for (std::size_t i = 0; i < run.steps.size(); ++i)
    anew = anew || (wanted[i] && run.steps[i].list == StepList::kSteps);
  bool first = true;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    Step& step = run.steps[i];
    if (!wanted[i] || (anew && step.list != StepList::kSteps)) continue;
    TRY_DONE(reset(ledger, stored, i, step.state == StepState::kFailed && first));
    first = false;
    again.push_back(i);
    // An element that is to be done again keeps its step from having ended.
    if (step.element_of && terminal(run.steps[*step.element_of].state)) {
      TRY_DONE(reset(ledger, stored, *step.element_of, true));
      again.push_back(*step.element_of);
    }
  }
  // A wait that may come again is announced, unless it was before.
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const Step& step = run.steps[i];
    if (!step.announces || step.state == StepState::kSucceeded || !terminal(step.state)) continue;
    if (terminal(run.steps[*step.announces].state) || (anew && step.list != StepList::kSteps)) continue;
    TRY_DONE(reset(ledger, stored, i, false));
    again.push_back(i);
  }
  if (anew) TRY_DONE(begin_round(ledger, stored, again));
  return again;
}

// It goes on, or waits for its turn among the runs of its queue.
Status go_on(Ledger& ledger, StoredRun& stored, const std::vector<std::size_t>& changed, Instant now) {
  Run& run = stored.run;
  run.cancel.clear();
  run.dismissed = false;
  run.cause.clear();
  TRY(const bool waits, must_queue(ledger, stored));
  // Where nothing is left to do there is no turn to wait for.
  run.waits_turn = waits && !std::all_of(run.steps.begin(), run.steps.end(),
                                         [](const Step& s) { return terminal(s.state); });
  run.deadline_at = std::nullopt;
  Decision decision;
  if (!run.waits_turn) {
    run.deadline_at = stored.timeout ? std::optional<Instant>(now + *stored.timeout) : std::nullopt;
    decision = ledger.follow(run, now);
    const Applied applied = take(ledger, stored, decision, now);
    for (const std::size_t i : applied.changed)
      TRY_DONE(save_step(ledger, stored, i));
  }
  for (const std::size_t i : changed)
    TRY_DONE(save_step(ledger, stored, i));
  return change_state(ledger, stored, run.waits_turn ? RunState::kQueued : decision.run, decision.reason,
                      now);
}

Result<StoredRun> run_for(Ledger& ledger, RunId id) {
  TRY(auto stored, take_run(ledger, id));
  if (!stored) return Error(Code::kNotFound, "no run " + id.text());
  return *std::move(stored);
}

// A list is over when its elements are.
Error its_elements(const Run& run, const Step& list) {
  std::vector<std::string> open;
  for (const Step& step : run.steps) {
    if (step.element_of == list.index && !step.announces && !terminal(step.state))
      open.push_back(std::to_string(step.index + 1));
  }
  constexpr std::size_t kShown = 10;
  const bool more = open.size() > kShown;
  if (more) open.resize(kShown);
  return Error(Code::kConflict, "step " + list.title +
                                    " is a list in progress: skip its remaining steps by number: " +
                                    join(open, ", ") + (more ? ", …" : ""));
}

Error not_now(const Run& run, std::string_view wanted) {
  return Error(Code::kConflict,
               run.id.text() + " is " + std::string(to_text(run.state)) + ", not " + std::string(wanted));
}

}  // namespace

std::optional<ResumeAs> resume_as(std::string_view word) {
  for (const ResumeAs as : {ResumeAs::kDone, ResumeAs::kRepeat, ResumeAs::kFail}) {
    if (word_of(as) == word) return as;
  }
  return std::nullopt;
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

namespace {

// Of a run under way: which step is tried again by itself, and when.
Error comes_by_itself(const Run& run) {
  for (const Step& step : run.steps) {
    const bool again = step.state == StepState::kPending && step.attempts > 0 && step.due_at &&
                       step.because != Because::kKeyInUse;
    if (!again) continue;
    return Error(Code::kConflict, run.id.text() + " is " + std::string(to_text(run.state)) +
                                      ", not failed: its step " + step.title +
                                      " is tried again by itself, at " + to_rfc3339(*step.due_at));
  }
  return not_now(run, "failed");
}

}  // namespace

Status retry(Ledger& ledger, RunId id, bool stale, const std::string& actor, Instant now) {
  TRY(StoredRun stored, run_for(ledger, id));
  if (stored.run.state != RunState::kFailed) {
    const bool superseded = std::any_of(stored.run.steps.begin(), stored.run.steps.end(),
                                        [](const Step& s) { return s.because == Because::kSuperseded; });
    if (!stale || !superseded) return comes_by_itself(stored.run);
    return Error(Code::kConflict,
                 id.text() + " is " + std::string(to_text(stored.run.state)) +
                     ", not failed: `runs replay --stale` sends what a newer release superseded");
  }
  if (stored.run.uncomputed) {
    return Error(Code::kConflict, id.text() +
                                      " cannot go on: its `vars` or its `concurrency.key` could not be "
                                      "computed; `runs replay` computes them anew");
  }
  stored.run.stale = stored.run.stale || stale;
  TRY(const auto again, reopen(ledger, stored));
  if (again.empty()) return Error(Code::kConflict, id.text() + " has no failed step");
  TRY_DONE(go_on(ledger, stored, again, now));
  return ledger.audit(now, actor, "run.retried", id.text(), stale ? "stale" : "");
}

Status cancel_stored(Ledger& ledger, StoredRun& stored, const std::string& why, Instant now) {
  stored.run.cancel = why;
  const Decision decision = ledger.follow(stored.run, now);
  TRY_DONE(apply_decision(ledger, stored, decision, {}, now));
  return terminal(stored.run.state) ? ok() : save_run(ledger, stored);
}

Status cancel(Ledger& ledger, RunId id, const std::string& actor, const std::string& why, Instant now) {
  TRY(StoredRun stored, run_for(ledger, id));
  if (terminal(stored.run.state)) return not_now(stored.run, "under way");
  if (!stored.run.cancel.empty()) return Error(Code::kConflict, id.text() + " is being cancelled already");
  TRY_DONE(ledger.audit(now, actor, "run.cancel", id.text(), why));
  return cancel_stored(ledger, stored, "cancelled by " + actor + (why.empty() ? "" : ": " + why), now);
}

Status skip(Ledger& ledger, RunId id, const std::string& word, const std::string& actor, Instant now) {
  TRY(StoredRun stored, run_for(ledger, id));
  Run& run = stored.run;
  const bool failed = run.state == RunState::kFailed;
  if (terminal(run.state) && !failed) return not_now(run, "failed or under way");
  std::optional<std::size_t> found;
  bool known = word.empty();
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const Step& step = run.steps[i];
    if (!word.empty() && !means(step, word)) continue;
    // Elements bear the name of their list, which is what is meant by it.
    if (!word.empty() && step.element_of && means(run.steps[*step.element_of], word)) continue;
    known = true;
    const bool wanted = failed ? step.state == StepState::kFailed && !step.element_of
                               : !terminal(step.state) && (!word.empty() || step.held || step.asks);
    if (!wanted) continue;
    if (found) return Error(Code::kInvalid, "several steps of " + id.text() + " could be meant: name one");
    found = i;
  }
  if (!known) return Error(Code::kNotFound, id.text() + " has no step " + word);
  if (!found) return Error(Code::kConflict, "no such step of " + id.text() + " can be skipped: it has ended");
  Step& step = run.steps[*found];
  if (step.state == StepState::kRunning && step.spread) return its_elements(run, step);
  if (step.state == StepState::kRunning)
    return Error(Code::kConflict, "an attempt of this step is under way: try again when it has ended");
  const std::string reason = "skipped by " + actor;
  TRY_DONE(ledger.audit(now, actor, "run.skipped", id.text(), step.title));
  const auto leave_out = [&](Step& s) {
    s.state = StepState::kSkipped;
    s.reason = reason;
    s.because = Because::kPersonSkipped;
    s.due_at = std::nullopt;
    s.held = s.asks = false;
    s.cause.clear();
    s.finished_at = now;
  };
  leave_out(step);
  stored.leases[*found].held_at = std::nullopt;
  if (failed) {
    TRY_DONE(save_step(ledger, stored, *found));
    for (std::size_t i = 0; i < run.steps.size(); ++i) {  // of a list, what has failed of it
      if (run.steps[i].element_of != *found || run.steps[i].state != StepState::kFailed) continue;
      leave_out(run.steps[i]);
      TRY_DONE(save_step(ledger, stored, i));
    }
    TRY(auto again, reopen(ledger, stored));
    return go_on(ledger, stored, again, now);
  }
  const bool all =
      std::all_of(run.steps.begin(), run.steps.end(), [](const Step& s) { return terminal(s.state); });
  // Nothing follows from that before its turn.
  if (run.waits_turn && !all) return save_step(ledger, stored, *found);
  const Decision decision = ledger.follow(run, now);
  return apply_decision(ledger, stored, decision, {*found}, now);
}

Status dismiss(Ledger& ledger, RunId id, const std::string& actor, Instant now) {
  TRY(StoredRun stored, run_for(ledger, id));
  if (stored.run.state != RunState::kFailed) return not_now(stored.run, "failed");
  if (stored.run.dismissed) return Error(Code::kConflict, id.text() + " is dismissed already");
  stored.run.dismissed = true;
  TRY_DONE(save_run(ledger, stored));
  return ledger.audit(now, actor, "run.dismissed", id.text(), stored.run.reason);
}

Status answer(Ledger& ledger, RunId id, std::uint32_t index, const Answer& given) {
  TRY(StoredRun stored, run_for(ledger, id));
  Run& run = stored.run;
  if (index >= run.steps.size()) return Error(Code::kNotFound, id.text() + " has no such step");
  Step& step = run.steps[index];
  const bool callback = given.kind == AnswerKind::kCallback;
  if (step.uses != (callback ? "callback" : "approval"))
    return Error(Code::kNotFound,
                 std::string("the step is not ") + (callback ? "a callback" : "an approval"));
  TRY(const auto before, load_answer(ledger.db(), step.id));
  if (before)
    return Error(Code::kConflict,
                 "the step was already answered by " + before->by + " at " + to_rfc3339(before->at));
  if (terminal(run.state))
    return Error(Code::kConflict, id.text() + " has ended: it is " + std::string(to_text(run.state)));
  if (terminal(step.state))
    return Error(Code::kConflict, "the step has ended: it is " + std::string(to_text(step.state)));
  TRY_DONE(ledger.db().run("INSERT INTO answers (step, kind, actor, body, at) VALUES ($1, $2, $3, $4, $5)",
                           {step.id, static_cast<int>(given.kind), given.by, given.body, given.at}));
  const std::string_view what = given.kind == AnswerKind::kApproved   ? "step.approved"
                                : given.kind == AnswerKind::kRejected ? "step.rejected"
                                                                      : "step.called-back";
  TRY_DONE(ledger.audit(given.at, given.by, what, id.text(), step.title));
  if (step.state != StepState::kWaiting) return ok();  // it finds the answer when its turn comes
  step.due_at = given.at;
  return save_step(ledger, stored, index);
}

Result<RunId> replay(Ledger& ledger, const Replay& wanted) {
  TRY(const StoredRun old, run_for(ledger, wanted.of));
  StoredRun stored;
  Run& run = stored.run;
  run.event = old.run.event;
  run.source = old.run.source;
  run.replay_of = wanted.of;
  run.stale = wanted.stale;
  run.salt = wanted.again ? ledger.nonce() : old.run.salt;
  NewRun fresh = wanted.run;
  TRY(const std::int64_t text, ledger.pin(fresh.workflow, fresh.text));
  if (!wanted.again) {
    for (Step& step : fresh.steps) {
      const auto at = std::find_if(old.run.steps.begin(), old.run.steps.end(), [&](const Step& s) {
        // What asks no target has no effect that a repetition could meet: it is worked out anew.
        return s.part == step.part && s.uses == step.uses && !s.input.empty() && !s.target.empty();
      });
      if (at == old.run.steps.end()) continue;
      Step kept = *at;
      TRY(const bool wrote, has_written(ledger, kept));
      if (text != old.run.text || !wrote) TRY_DONE(forget_input(ledger, kept));
      step.input = kept.input;
      step.now = kept.now;
    }
  }
  ledger.forget_runs();  // some of them are no longer alone
  TRY_DONE(start_run(ledger, stored, fresh, wanted.now));
  TRY_DONE(ledger.audit(wanted.now, wanted.actor, "run.replayed", run.id.text(),
                        "of " + wanted.of.text() + (wanted.again ? ", again" : "")));
  return run.id;
}

Status resume(Ledger& ledger, const Resume& wanted, const Rule& rule) {
  TRY(auto stored, take_run(ledger, wanted.run));
  if (!stored) return Error(Code::kNotFound, "no run " + wanted.run.text());
  if (terminal(stored->run.state)) return Error(Code::kConflict, wanted.run.text() + " has ended");
  TRY(const std::size_t index, held_step(stored->run, wanted.step));
  if (!wanted.cause.empty() && stored->run.steps[index].cause != wanted.cause)
    return Error(Code::kConflict, "step " + wanted.step + " is held for another cause by now");
  if (values_of(stored->run) + wanted.outputs.size() > kRunValuesMax)
    return Error(Code::kInvalid, wanted.run.text() + " has no room for these outputs");
  TRY_DONE(release(ledger, *stored, index, wanted));
  Step& step = stored->run.steps[index];
  TRY_DONE(ledger.audit(wanted.now, wanted.actor, "run.resumed", wanted.run.text(),
                        step.title + " as " + std::string(word_of(wanted.as)) +
                            (wanted.outputs.empty() ? "" : ", outputs " + cut(wanted.outputs, kAudited))));
  if (terminal(step.state)) {
    const Decision decision = rule(stored->run);
    return apply_decision(ledger, *stored, decision, {index}, wanted.now);
  }
  const Decision decision = ledger.follow(stored->run, wanted.now);
  return apply_decision(ledger, *stored, decision, {index}, wanted.now);
}

}  // namespace postlude::ledger
