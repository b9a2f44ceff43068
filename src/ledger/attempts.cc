// Attempts: claimed before anything leaves, recorded once, lapsed when their process is gone.

#include "base/check.h"
#include "base/log.h"
#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

namespace {

Error void_lease() {
  return Error(Code::kConflict, "the lease is void");
}

}  // namespace

Result<Leased> load_leased(Ledger& ledger, const Lease& lease) {
  RunId id = lease.run;
  if (!id) {
    TRY_DONE(ledger.db().each("SELECT run FROM steps WHERE id = $1", {lease.step},
                              [&](const sql::Row& row) { id = RunId{row.integer(0)}; }));
  }
  TRY(auto stored, take_run(ledger, id));
  if (!stored) return void_lease();
  Leased out{*std::move(stored), 0};
  const auto& steps = out.stored.run.steps;
  while (out.index < steps.size() && steps[out.index].id != lease.step)
    ++out.index;
  if (out.index == steps.size()) return void_lease();
  const StepLease& held = out.stored.leases[out.index];
  const bool holds = steps[out.index].state == StepState::kRunning && held.attempt == lease.attempt.value &&
                     lease.token != 0 && held.token == lease.token;
  if (holds) return out;
  ledger.remember(std::move(out.stored));  // it is as it was
  return void_lease();
}

namespace {

// -- claiming

struct Due {
  std::int64_t step = 0;
  RunId run;
  bool overdue = false;
};
struct Ripe {
  std::string target;
  std::vector<Due> steps;
  bool more = false;  // due, with room, and over steps_max
};

// Jumps from target to target in the index, so that a full or broken target costs one look, not its 10,000
// rows.
// `waits`: some step that is due has to wait for its target's room.
Result<std::vector<Ripe>> ripe_targets(Ledger& ledger, const Claim& claim, std::optional<Instant>& next,
                                       bool& waits) {
  constexpr std::string_view kFirst =
      "SELECT target, due_at FROM steps WHERE due_at IS NOT NULL AND paused = 0 AND target >= $1 ORDER BY "
      "target, due_at LIMIT 1";
  constexpr std::string_view kNext =
      "SELECT target, due_at FROM steps WHERE due_at IS NOT NULL AND paused = 0 AND target > $1 ORDER BY "
      "target, due_at LIMIT 1";
  constexpr std::string_view kDue =
      "SELECT id, run FROM steps WHERE due_at IS NOT NULL AND paused = 0 AND target = $1 AND due_at <= $2 "
      "ORDER BY due_at, id LIMIT $3";
  constexpr std::string_view kLater =
      "SELECT due_at FROM steps WHERE due_at IS NOT NULL AND paused = 0 AND target = $1 AND due_at > $2 "
      "ORDER BY due_at LIMIT 1";
  std::vector<Ripe> out;
  std::string target;
  bool first = true;
  next = std::nullopt;
  const auto later = [&](Instant at) {
    if (!next || at < *next) next = at;
  };
  while (true) {
    std::optional<Instant> due;
    TRY_DONE(ledger.db().each(first ? kFirst : kNext, {std::string(target)}, [&](const sql::Row& row) {
      target = row.text(0);
      due = row.time(1);
    }));
    if (!due) return out;
    first = false;
    if (ledger.paused("target", target)) continue;
    if (*due > claim.now) {
      later(*due);
      continue;
    }
    const auto found = claim.room.find(target);
    const std::size_t room = found == claim.room.end() ? claim.room_default : found->second;
    waits = waits || room == 0;
    if (room == 0) continue;
    const std::size_t wanted = std::min(room, claim.steps_max);
    Ripe ripe{target, {}, false};
    const auto limit = static_cast<std::int64_t>(wanted);
    TRY_DONE(ledger.db().each(kDue, {target, claim.now, limit}, [&](const sql::Row& row) {
      ripe.steps.push_back({row.integer(0), RunId{row.integer(1)}, false});
    }));
    TRY_DONE(ledger.db().each(kLater, {target, claim.now}, [&](const sql::Row& row) { later(row.time(0)); }));
    waits = waits || ripe.steps.size() == wanted;
    if (!ripe.steps.empty()) out.push_back(std::move(ripe));
  }
}

// Steps that wait for their target's room while their run's time is over: they are claimed to be ended, which
// asks nothing of the target. What a pause holds has its time given back when that ends.
// `<> 1`: no reason to walk through the index of all that is due, since few runs are over time.
Result<std::vector<Due>> overdue_steps(Ledger& ledger, const Claim& claim, std::optional<Instant>& next) {
  constexpr std::string_view kOver =
      "SELECT s.id, s.run FROM runs r JOIN steps s ON s.run = r.id WHERE r.state <= 3 AND "
      "r.people_since IS NULL AND r.deadline_at <= $1 AND s.due_at <= $1 AND s.paused <> 1 AND "
      "s.target NOT IN (SELECT name FROM pauses WHERE kind = 'target') ORDER BY r.deadline_at, s.id LIMIT $2";
  constexpr std::string_view kNextOver =
      "SELECT deadline_at FROM runs WHERE state <= 3 AND people_since IS NULL AND deadline_at > $1 "
      "ORDER BY deadline_at LIMIT 1";
  std::vector<Due> found;
  TRY_DONE(ledger.db().each(kOver, {claim.now, static_cast<std::int64_t>(claim.steps_max)},
                            [&](const sql::Row& row) {
                              found.push_back({row.integer(0), RunId{row.integer(1)}, true});
                            }));
  std::vector<Due> out;
  for (const Due& due : found) {
    TRY(auto stored, take_run(ledger, due.run));
    CHECK(stored.has_value());
    if (!ledger.held_since(*stored)) out.push_back(due);
    ledger.remember(*std::move(stored));
  }
  TRY_DONE(ledger.db().each(kNextOver, {claim.now}, [&](const sql::Row& row) {
    const Instant at = row.time(0);
    if (!next || at < *next) next = at;
  }));
  return out;
}

// One step of each target in turn, beginning behind the target that was served last.
std::vector<Due> take_turns(Ledger& ledger, std::vector<Ripe>& ripe, std::size_t most, bool& more) {
  std::vector<Due> out;
  const auto begin =
      std::find_if(ripe.begin(), ripe.end(), [&](const Ripe& r) { return r.target > ledger.last_target(); });
  std::rotate(ripe.begin(), begin, ripe.end());
  for (std::size_t round = 0; out.size() < most; ++round) {
    const std::size_t before = out.size();
    for (const Ripe& r : ripe) {
      if (round >= r.steps.size()) continue;
      if (out.size() == most) break;
      out.push_back(r.steps[round]);
      ledger.last_target() = r.target;
    }
    if (out.size() == before) return out;
  }
  std::size_t sum = 0;
  for (const Ripe& r : ripe)
    sum += r.steps.size();
  more = sum > out.size();
  return out;
}

// Steps of other runs of the event that are the same step of the same workflow.
Status siblings(Ledger& ledger, StoredRun& stored, const std::string& part, std::vector<std::int64_t>& out) {
  const Run& run = stored.run;
  if (stored.alone) return ok();
  bool replayed = run.replay_of.has_value();
  if (!replayed) {
    TRY_DONE(ledger.db().each(
        "SELECT 1 FROM runs WHERE event = $1 AND workflow = $2 AND replay_of IS NOT NULL LIMIT 1",
        {run.event.value, run.workflow}, [&](const sql::Row&) { replayed = true; }));
  }
  stored.alone = !replayed;
  if (!replayed) return ok();
  static const std::string kSql =
      "SELECT s.id " + std::string(kSameStep) + "WHERE r.shadow = 0 ORDER BY s.id";
  return ledger.db().each(kSql, {run.event.value, run.workflow, run.salt, run.id.value, part},
                          [&](const sql::Row& row) { out.push_back(row.integer(0)); });
}

Result<std::vector<Request>> effects_before(Ledger& ledger, StoredRun& stored, std::size_t index,
                                            bool tried) {
  std::vector<Request> out;
  const Step& step = stored.run.steps[index];
  if (step.target.empty()) return out;
  std::vector<std::int64_t> others;
  if (!step.freed) TRY_DONE(siblings(ledger, stored, step.part, others));
  for (const std::int64_t other : others) {
    TRY(auto effects, load_effects(ledger.db(), other));
    for (Request& request : effects) {
      request.of_other_run = true;
      out.push_back(std::move(request));
    }
  }
  if (tried) {
    TRY(auto own, load_effects(ledger.db(), step.id));
    out.insert(out.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
  }
  return out;
}

Result<std::shared_ptr<const Event>> event_of_run(Ledger& ledger, EventId id) {
  if (auto known = ledger.recall(id)) return known;
  TRY(auto event, load_event(ledger.db(), id));
  CHECK(event.has_value());
  auto out = std::make_shared<const Event>(*std::move(event));
  ledger.remember(out);
  return out;
}

// The run for an element's attempt: without what the others of its list keep, and without their inputs, which
// nobody else reads. A list would be copied as often as it has elements otherwise.
Run seen_by_element(Run& run, std::size_t index) {
  struct Hidden {
    std::string input, outputs, item;
  };
  std::vector<Hidden> hidden(run.steps.size());
  const auto swap = [&] {
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      Step& step = run.steps[i];
      if (i == index) continue;
      step.input.swap(hidden[i].input);
      if (step.element_of != run.steps[index].element_of) continue;
      step.outputs.swap(hidden[i].outputs);
      step.item.swap(hidden[i].item);
    }
  };
  swap();
  Run out = run;
  swap();
  return out;
}

enum class RowState : std::uint8_t { kAsItWas, kToBeWritten };  // what the database has of the step

Result<Work> claim_in(Ledger& ledger, StoredRun stored, std::size_t index, RowState row, Instant now) {
  Run& run = stored.run;
  CHECK(!terminal(run.state));
  Step& step = run.steps[index];
  StepLease& lease = stored.leases[index];
  CHECK(step.state == StepState::kPending || step.state == StepState::kWaiting);

  Work out;
  const bool waited = step.state == StepState::kWaiting;
  TRY(out.before, effects_before(ledger, stored, index, lease.number > 0));
  if (step.target.empty()) {
    TRY(out.answer, load_answer(ledger.db(), step.id));
  }
  TRY(lease.attempt, ledger.next_id(Sequence::kAttempt));
  lease.token = ledger.token();
  lease.waited = waited;
  ++lease.number;
  ++step.attempts;
  step.state = StepState::kRunning;
  step.due_at = std::nullopt;
  if (!step.first_at) step.first_at = now;
  if (!step.started_at) step.started_at = now;
  TRY_DONE(row == RowState::kAsItWas ? save_lease(ledger, stored, index) : save_step(ledger, stored, index));
  TRY_DONE(
      ledger.db().run("INSERT INTO attempts (step, id, number, started_at, outcome, why) "
                      "VALUES ($1, $2, $3, $4, '', '')",
                      {step.id, lease.attempt, lease.number, now}));
  if (run.state != RunState::kRunning || !run.started_at) {
    if (!run.started_at) run.started_at = now;
    TRY_DONE(change_state(ledger, stored, RunState::kRunning, "", now));
  }
  TRY(out.event, event_of_run(ledger, run.event));
  TRY(out.text, ledger.text(run.text));
  if (run.data != 0) {
    TRY(out.data, ledger.text(run.data));
  }
  out.lease = Lease{step.id, AttemptId{lease.attempt}, lease.token, run.id};
  out.step = static_cast<std::uint32_t>(index);
  out.kept = values_of(run);
  out.run = step.element_of ? seen_by_element(run, index) : run;
  ledger.remember(std::move(stored));
  return out;
}

Result<Work> claim_one(Ledger& ledger, const Due& due, Instant now) {
  TRY(auto stored, take_run(ledger, due.run));
  CHECK(stored.has_value());
  std::size_t index = 0;
  while (stored->run.steps[index].id != due.step)
    ++index;
  return claim_in(ledger, *std::move(stored), index, RowState::kAsItWas, now);
}

// -- recording

Status save_ended(Ledger& ledger, const Lease& lease, const std::vector<Request>& requests) {
  for (const Request& given : requests) {
    if (given.id != 0) {
      TRY_DONE(save_answer(ledger, lease.step, given));
      continue;
    }
    Request request = given;
    request.attempt = lease.attempt;
    TRY_DONE(insert_request(ledger, lease.step, request));
  }
  return ok();
}

// A request that was committed and of which nobody said how it ended may have had its effect.
Status close_open_requests(Ledger& ledger, std::int64_t step, std::string_view why, Instant at,
                           std::size_t& writes) {
  std::vector<std::pair<std::int64_t, Effect>> open;
  TRY_DONE(ledger.db().each(
      "SELECT id, effect FROM requests WHERE step = $1 AND result = 1", {step},
      [&](const sql::Row& row) { open.emplace_back(row.integer(0), static_cast<Effect>(row.integer(1))); }));
  for (const auto& [id, effect] : open) {
    TRY_DONE(ledger.db().run("UPDATE requests SET result = $2, ended_at = $3, why = $4 WHERE id = $1",
                             {id, static_cast<int>(RequestResult::kUnclear), at, why}));
    if (effect != Effect::kRead) ++writes;
  }
  return ok();
}

// Protocol 4: no two attempts of one key are under way at once. Keys are shared only by runs of one event.
// And what another run has done since the attempt was claimed was not met yet by the effect's rule.
Status nobody_else(Ledger& ledger, StoredRun& stored, std::size_t index, const std::string& key,
                   std::int64_t seen) {
  const Run& run = stored.run;
  static const std::string kSql = "SELECT result = 1 FROM requests WHERE step = $1 AND key = $2 AND " +
                                  std::string(kMayHaveActed) + " AND (result = 1 OR id > $3)";
  std::vector<std::int64_t> others;
  TRY_DONE(siblings(ledger, stored, run.steps[index].part, others));
  for (const std::int64_t other : others) {
    bool open = false;
    bool done = false;
    TRY_DONE(ledger.db().each(kSql, {other, key, seen},
                              [&](const sql::Row& row) { (row.flag(0) ? open : done) = true; }));
    if (open) return Error(Code::kUnavailable, "another run of the event has this request under way");
    if (done && !run.steps[index].freed)
      return Error(Code::kUnavailable, "another run of the event has made this request meanwhile");
  }
  return ok();
}

// Protocol 3: an older release of a canary does not overwrite (`ordered`) what a newer one has written, in
// whatever way. Of that canary, whatever its runs queue behind: releases of others are neither older nor
// newer.
Status pass_high_water(Ledger& ledger, const Run& run, std::size_t index, bool ordered) {
  const std::string& name = run.steps[index].part;
  TRY(const auto event, event_of_run(ledger, run.event));
  const std::string canary = canary_key(*event);
  // Nearly always it is the newest: then this is all.
  TRY_DONE(ledger.db().run(
      "INSERT INTO high_water (workflow, step, queue_key, event) VALUES ($1, $2, $3, $4) ON CONFLICT "
      "(workflow, step, queue_key) DO UPDATE SET event = excluded.event WHERE excluded.event >= "
      "high_water.event",
      {run.workflow, name, canary, run.event.value}));
  if (ledger.db().changed() > 0 || run.stale || !ordered) return ok();
  std::int64_t newest = 0;
  TRY_DONE(
      ledger.db().each("SELECT event FROM high_water WHERE workflow = $1 AND step = $2 AND queue_key = $3",
                       {run.workflow, name, canary}, [&](const sql::Row& row) { newest = row.integer(0); }));
  return Error(Code::kDenied, "superseded: " + EventId{newest}.text() + " is newer and has sent this step");
}

}  // namespace

void keep_first(Step& step, const std::optional<std::string>& input, std::optional<Instant> now,
                const std::optional<std::string>& trace) {
  if (input && step.input.empty()) step.input = *input;
  if (trace) step.trace = *trace;
  if (now && !step.now) step.now = now;
}

Result<std::vector<Work>> claim(Ledger& ledger, const Claim& claim) {
  std::optional<Instant> next;
  if (ledger.paused("all", "")) {
    ledger.next_due(std::nullopt);
    return std::vector<Work>();
  }
  bool waits = false;
  TRY(auto ripe, ripe_targets(ledger, claim, next, waits));
  std::vector<Due> steps;
  if (waits) {
    TRY(steps, overdue_steps(ledger, claim, next));
  }
  for (Ripe& of : ripe) {
    std::erase_if(of.steps, [&](const Due& due) {
      return std::any_of(steps.begin(), steps.end(), [&](const Due& s) { return s.step == due.step; });
    });
  }
  bool more = false;
  const std::size_t left = claim.steps_max - steps.size();
  const std::vector<Due> in_turn = take_turns(ledger, ripe, left, more);
  steps.insert(steps.end(), in_turn.begin(), in_turn.end());
  more = more || left == 0;
  ledger.next_due(more ? std::optional<Instant>(claim.now) : next);
  std::vector<Work> out;
  out.reserve(steps.size());
  for (const Due& step : steps) {
    TRY(auto work, claim_one(ledger, step, claim.now));
    work.overdue = step.overdue;
    out.push_back(std::move(work));
  }
  return out;
}

Result<Request> commit_request(Ledger& ledger, const NewRequest& wanted, Instant now) {
  TRY(auto leased, load_leased(ledger, wanted.lease));
  Step& step = leased.stored.run.steps[leased.index];
  Request request = wanted.request;
  CHECK(request.effect != Effect::kRead);
  const bool ordered =
      wanted.ordered || request.effect == Effect::kState || request.effect == Effect::kUpsert;
  TRY_DONE(nobody_else(ledger, leased.stored, leased.index, request.key, wanted.seen));
  TRY_DONE(pass_high_water(ledger, leased.stored.run, leased.index, ordered));
  TRY_DONE(save_ended(ledger, wanted.lease, wanted.ended));
  const bool first = (wanted.input && step.input.empty()) || (wanted.step_now && !step.now);
  keep_first(step, wanted.input, wanted.step_now, wanted.trace);
  if (first) TRY_DONE(save_first(ledger, leased.stored, leased.index));
  request.attempt = wanted.lease.attempt;
  request.result = RequestResult::kOpen;
  if (!request.sent_at) request.sent_at = now;
  TRY_DONE(insert_request(ledger, wanted.lease.step, request));
  ledger.remember(std::move(leased.stored));
  return request;
}

namespace {

// The step of the run that may be taken up at once by whoever has ended one of `target`, without asking who
// else waits: it is due, and the target has the room that has just become free.
std::optional<std::size_t> next_of(Ledger& ledger, const StoredRun& stored, RunState to,
                                   const std::string& target, Instant now) {
  const Run& run = stored.run;
  if (terminal(to) || ledger.paused("all", "") || ledger.paused("target", target)) return std::nullopt;
  if (ledger.run_paused(run.workflow, run.source, stored.team)) return std::nullopt;
  for (const Step& step : run.steps) {
    const bool free = step.state == StepState::kPending || step.state == StepState::kWaiting;
    if (free && step.due_at && *step.due_at <= now && step.target == target) return step.index;
  }
  return std::nullopt;
}

}  // namespace

namespace {

constexpr int kLooksKept = 10;

// A step may look a thousand times whether what it started is over. Kept are the attempts that wrote, the
// first that did not, and the last ones: what a claim or a person reads of it stays small.
Status forget_looks(Ledger& ledger, const Lease& lease) {
  std::vector<std::int64_t> looks;  // the newest first
  TRY_DONE(ledger.db().each(
      "SELECT id FROM attempts WHERE step = $1 AND id < $2 AND NOT EXISTS (SELECT 1 FROM requests r WHERE "
      "r.step = attempts.step AND r.attempt = attempts.id AND r.effect <> 1) ORDER BY id DESC",
      {lease.step, lease.attempt.value}, [&](const sql::Row& row) { looks.push_back(row.integer(0)); }));
  if (looks.size() < kLooksKept) return ok();
  looks.pop_back();
  for (std::size_t i = kLooksKept - 1; i < looks.size(); ++i) {
    TRY_DONE(
        ledger.db().run("DELETE FROM requests WHERE step = $1 AND attempt = $2", {lease.step, looks[i]}));
    TRY_DONE(ledger.db().run("DELETE FROM attempts WHERE step = $1 AND id = $2", {lease.step, looks[i]}));
  }
  return ok();
}

// An answer came while the attempt found that there was none.
Result<std::optional<Work>> look_again(Ledger& ledger, Leased leased, const AttemptEnd& end) {
  Step& step = leased.stored.run.steps[leased.index];
  StepLease& lease = leased.stored.leases[leased.index];
  TRY_DONE(ledger.db().run(
      "UPDATE attempts SET ended_at = $3, outcome = 'waiting', why = $4 WHERE step = $1 AND id = $2",
      {end.lease.step, end.lease.attempt.value, end.ended_at, "an answer came just now"}));
  step.state = StepState::kWaiting;
  step.due_at = end.ended_at;
  lease.attempt = 0;
  lease.token = 0;
  TRY_DONE(save_step(ledger, leased.stored, leased.index));
  ledger.remember(std::move(leased.stored));
  return std::optional<Work>();
}

}  // namespace

Result<std::optional<Work>> record(Ledger& ledger, const AttemptEnd& end, const Rule& rule, bool go_on) {
  TRY(auto leased, load_leased(ledger, end.lease));
  Step& step = leased.stored.run.steps[leased.index];
  StepLease& lease = leased.stored.leases[leased.index];
  keep_first(step, end.input, end.step_now, end.trace);
  // The rule sees the run with the step still running; it must leave it in another state.
  const Decision decision = rule(leased.stored.run);
  const std::string_view why = why_of(end.outcome);
  const std::string_view kind = kind_of(end.outcome);
  if (end.unanswered) {
    // Accepted is accepted, however late: the step looks again, and finds it.
    TRY(const auto answer, load_answer(ledger.db(), step.id));
    if (answer) return look_again(ledger, std::move(leased), end);
  }
  TRY_DONE(
      ledger.db().run("UPDATE attempts SET ended_at = $3, outcome = $4, why = $5 WHERE step = $1 AND id = $2",
                      {end.lease.step, end.lease.attempt.value, end.ended_at, kind, why}));
  TRY_DONE(save_ended(ledger, end.lease, end.requests));
  std::size_t left_open = 0;
  TRY_DONE(
      close_open_requests(ledger, end.lease.step, "nobody recorded how it ended", end.ended_at, left_open));
  const auto* waits = std::get_if<Waits>(&end.outcome);
  const bool looked = waits != nullptr && waits->over_by && step.over_by;  // and nothing has changed
  if (looked) TRY_DONE(forget_looks(ledger, end.lease));
  TRY_DONE(ledger.audit(
      end.ended_at, "postlude", "attempt." + std::string(kind), end.lease.attempt.text(),
      leased.stored.run.id.text() + " " + step.title + (why.empty() ? "" : ": ") + std::string(why)));
  lease.attempt = 0;
  lease.token = 0;
  const std::size_t index = leased.index;
  std::optional<std::size_t> next;
  const TakeUp take_up = [&](const StoredRun& run, RunState to) {
    next = next_of(ledger, run, to, run.run.steps[index].target, end.ended_at);
    return next;
  };
  TRY_DONE(apply_decision(ledger, leased.stored, decision, {index}, end.ended_at, go_on ? take_up : nullptr));
  const Step& after = leased.stored.run.steps[index];  // there may be more rows than before
  CHECK(after.state != StepState::kRunning || after.spread);
  if (next) {
    TRY(auto work, claim_in(ledger, std::move(leased.stored), *next, RowState::kToBeWritten, end.ended_at));
    return std::optional<Work>(std::move(work));
  }
  ledger.remember(std::move(leased.stored));
  return std::optional<Work>();
}

Status put_back(Ledger& ledger, Leased leased, Instant now) {
  StoredRun& stored = leased.stored;
  Step& step = stored.run.steps[leased.index];
  StepLease& lease = stored.leases[leased.index];
  TRY_DONE(ledger.db().run("DELETE FROM attempts WHERE step = $1 AND id = $2", {step.id, lease.attempt}));
  step.state = lease.waited ? StepState::kWaiting : StepState::kPending;
  --step.attempts;
  --lease.number;
  lease.attempt = 0;
  lease.token = 0;
  if (step.attempts == 0) step.first_at = std::nullopt;
  if (!stored.run.cancel.empty()) {  // it came meanwhile, and waited for the attempt
    const Decision decision = ledger.follow(stored.run, now);
    return apply_decision(ledger, stored, decision, {leased.index}, now);
  }
  TRY_DONE(save_step(ledger, stored, leased.index));
  ledger.remember(std::move(stored));
  return ok();
}

Status give_back(Ledger& ledger, const Lease& given, Instant now) {
  TRY(auto leased, load_leased(ledger, given));
  bool sent = false;
  TRY_DONE(ledger.db().each("SELECT id FROM requests WHERE step = $1 AND attempt = $2 LIMIT 1",
                            {given.step, given.attempt.value}, [&](const sql::Row&) { sent = true; }));
  if (sent) return Error(Code::kInvalid, "the attempt has sent requests: its outcome is to be recorded");
  Step& step = leased.stored.run.steps[leased.index];
  step.due_at = now;
  if (leased.stored.leases[leased.index].number == 1) step.started_at = std::nullopt;
  return put_back(ledger, std::move(leased), now);
}

Status lapse(Ledger& ledger, Instant now) {
  std::vector<Lease> lost;
  TRY_DONE(ledger.db().each("SELECT id, attempt, token FROM steps WHERE state = 2 AND token <> 0", {},
                            [&](const sql::Row& row) {
                              lost.push_back(Lease{row.integer(0), AttemptId{row.integer(1)},
                                                   static_cast<std::uint64_t>(row.integer(2)), RunId{}});
                            }));
  std::size_t unclear = 0;
  for (const Lease& given : lost) {
    TRY(auto leased, load_leased(ledger, given));
    Step& step = leased.stored.run.steps[leased.index];
    StepLease& lease = leased.stored.leases[leased.index];
    std::size_t writes = 0;
    TRY_DONE(close_open_requests(ledger, given.step, "the process ended before the answer was recorded", now,
                                 writes));
    TRY_DONE(ledger.db().run(
        "UPDATE attempts SET ended_at = $3, outcome = 'crashed', why = $4 WHERE step = $1 AND id = $2",
        {given.step, given.attempt.value, now, "the process ended before anything was recorded"}));
    TRY_DONE(ledger.audit(now, "postlude", "attempt.crashed", given.attempt.text(),
                          leased.stored.run.id.text() + " " + step.title));
    // What was waiting goes on waiting, with its time come.
    step.state = lease.waited ? StepState::kWaiting : StepState::kPending;
    step.due_at = now;
    if (writes > 0) step.unclear = true;
    if (writes > 0) ++unclear;
    lease.attempt = 0;
    lease.token = 0;
    TRY_DONE(save_step(ledger, leased.stored, leased.index));
  }
  if (!lost.empty()) {
    log::info("took up the work of the process before", {{"attempts", lost.size()}, {"unclear", unclear}});
  }
  return ok();
}

}  // namespace postlude::ledger
