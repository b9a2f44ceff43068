#include "ledger/rows.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/json.h"
#include "ledger/commands.h"

namespace postlude::ledger {

namespace {

// onFailure and finally have time of their own, since the run's may be over: as long as the run has, and this
// at most.
constexpr Duration kListTimeout = std::chrono::hours(1);

std::optional<Duration> maybe_duration(const sql::Row& row, int column) {
  if (row.null(column)) return std::nullopt;
  return Duration(row.integer(column));
}

sql::Value count_of(const std::optional<Duration>& d) {
  return d ? sql::Value(static_cast<std::int64_t>(d->count())) : sql::Value(nullptr);
}

std::vector<std::uint32_t> indexes_of(const sql::Row& row, int column) {
  std::string_view text = row.bytes(column);
  std::vector<std::uint32_t> out;
  while (!text.empty()) {
    std::uint32_t index = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), index);
    if (read.ec != std::errc()) {
      row.spoil();
      return out;
    }
    out.push_back(index);
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    if (!text.empty()) text.remove_prefix(1);
  }
  return out;
}
std::string text_of(const std::vector<std::uint32_t>& indexes) {
  std::string out;
  for (const std::uint32_t index : indexes) {
    if (!out.empty()) out += ',';
    out += std::to_string(index);
  }
  return out;
}

std::optional<std::uint32_t> maybe_index(const sql::Row& row, int column) {
  if (row.null(column)) return std::nullopt;
  return static_cast<std::uint32_t>(row.integer(column));
}

void read_step(const sql::Row& row, StoredRun& run) {
  Step s;
  s.id = row.integer(0);
  s.index = static_cast<std::uint32_t>(row.integer(1));
  s.state = enum_of<StepState>(row, 2);
  s.attempts = static_cast<std::uint32_t>(row.integer(3));
  s.due_at = row.maybe_time(7);
  s.first_at = row.maybe_time(8);
  s.now = row.maybe_time(9);
  s.unclear = row.flag(10);
  s.held = !row.null(11);
  s.started_at = row.maybe_time(13);
  s.finished_at = row.maybe_time(14);
  s.after_failure = row.flag(15);
  s.target = row.text(16);
  s.name = row.text(17);
  s.title = row.text(18);
  s.uses = row.text(19);
  s.reason = row.text(20);
  s.input = row.text(21);
  s.outputs = row.text(22);
  s.definition = static_cast<std::uint32_t>(row.integer(23));
  s.list = enum_of<StepList>(row, 24);
  s.needs = indexes_of(row, 25);
  s.element_of = maybe_index(row, 26);
  s.announces = maybe_index(row, 27);
  s.item = row.text(28);
  s.part = row.text(29);
  s.continues = row.flag(30);
  s.spread = row.flag(31);
  s.asks = row.flag(32);
  s.trace = row.text(33);
  s.freed = row.flag(34);
  s.over_by = row.maybe_time(35);
  s.round = static_cast<std::uint32_t>(row.integer(37));
  s.cause = row.text(38);
  s.shared_key = row.text(36);
  StepLease lease;
  lease.number = static_cast<std::uint32_t>(row.integer(4));
  lease.attempt = row.integer(5);
  lease.token = static_cast<std::uint64_t>(row.integer(6));
  lease.held_at = row.maybe_time(11);
  lease.waited = row.flag(12);
  lease.key = row.text(36);
  lease.ended = terminal(s.state);
  run.run.steps.push_back(std::move(s));
  run.leases.push_back(std::move(lease));
}

constexpr std::string_view kSteps =
    "SELECT id, idx, state, attempts, number, attempt, token, due_at, first_at, now, unclear, held_at, "
    "waited, "
    "started_at, finished_at, after_failure, target, name, title, uses, reason, input, outputs, definition, "
    "list, needs, element_of, announces, item, part, continues, spread, asks, trace, freed, over_by, key, "
    "round, cause FROM steps "
    "WHERE run = $1 ORDER BY idx";

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
      "SELECT id, state = 1 AND deadline_at IS NULL FROM runs WHERE workflow = $1 AND queue_key = $2 AND "
      "state <= 3 AND queues = 1 ORDER BY state = 1 AND deadline_at IS NULL, event LIMIT 1",
      {ended.run.workflow, ended.run.queue_key}, [&](const sql::Row& row) {
        // Who has ended may have been queued itself: then another is still active. One whose turn has come
        // has a deadline, though it is queued until its first step is taken up.
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

namespace {

// A repeat with the same body as the event's delivery has none of its own.
constexpr const char* kWholeBody =
    "CASE WHEN d.verdict = 2 AND d.body = '' THEN coalesce((SELECT b.body FROM events o JOIN deliveries b ON "
    "b.id = o.delivery WHERE o.id = d.event), '') ELSE d.body END";

}  // namespace

std::string select_deliveries(bool whole) {
  return std::string(
             "SELECT d.id, d.source, d.cluster, d.hook, d.received_at, d.method, d.target, d.remote, ") +
         (whole ? "d.headers, " : "'', ") + "d.verdict, d.reason, d.proof, d.status, d.event, " +
         (whole ? kWholeBody : "''") + ", coalesce(f.n, 0), f.last_at, d.canary, " +
         (whole ? "d.raw" : "NULL") +
         " FROM deliveries d LEFT JOIN refusals f ON f.delivery = "
         "d.id ";
}

Delivery delivery_of(const sql::Row& row) {
  Delivery d;
  d.id = DeliveryId{row.integer(0)};
  d.source = row.text(1);
  d.cluster = row.text(2);
  d.hook = row.text(3);
  d.received_at = row.time(4);
  d.method = row.text(5);
  d.target = row.text(6);
  d.remote = row.text(7);
  d.headers = row.text(8);
  d.verdict = enum_of<Verdict>(row, 9);
  d.reason = row.text(10);
  d.proof = row.text(11);
  d.status = static_cast<int>(row.integer(12));
  if (!row.null(13)) d.event = EventId{row.integer(13)};
  d.body = row.text(14);
  d.repeats = row.integer(15);
  d.last_at = row.maybe_time(16);
  d.canary = row.text(17);
  if (!row.null(18)) d.body = row.text(18);
  return d;
}

std::string select_events(bool whole) {
  return std::string(
             "SELECT e.id, e.nonce, e.delivery, e.source, e.cluster, e.hook, e.origin, e.received_at, "
             "e.team, "
             "e.namespace, e.name, e.phase, e.outcome, e.checksum, ") +
         (whole ? "e.metadata, e.planned, e.plan, coalesce(e.payload, d.body, '{}'), e.canary, e.release "
                  "FROM events e LEFT JOIN deliveries d ON d.id = e.delivery "
                : "'{}', e.planned, NULL, '{}', NULL, NULL FROM events e ");
}

Event event_of(const sql::Row& row) {
  Event e;
  e.id = EventId{row.integer(0)};
  e.nonce = row.text(1);
  e.delivery = DeliveryId{row.integer(2)};
  e.source = row.text(3);
  e.cluster = row.text(4);
  e.hook = row.text(5);
  e.origin = enum_of<Origin>(row, 6);
  e.received_at = row.time(7);
  e.team = row.text(8);
  e.name_space = row.text(9);
  e.name = row.text(10);
  e.phase = row.text(11);
  e.outcome = row.text(12);
  e.checksum = row.text(13);
  e.metadata = row.text(14);
  e.payload = row.text(17);
  e.canary = row.text(18);
  e.release = row.text(19);
  return e;
}

Result<std::optional<Event>> load_event(sql::Connection& db, EventId id) {
  static const std::string kSql = select_events(true) + "WHERE e.id = $1";
  std::optional<Event> out;
  TRY_DONE(db.each(kSql, {id.value}, [&](const sql::Row& row) { out = event_of(row); }));
  return out;
}

namespace {

std::string run_columns(std::string_view vars) {
  return "SELECT r.id, r.event, r.workflow, r.text, r.queue_key, r.state, r.reason, r.created_at, "
         "r.started_at, r.finished_at, r.deadline_at, r.stale, " +
         std::string(vars) +
         ", r.timeout, r.queues, r.source, r.team, r.people_since, r.data, r.shadow, r.dismissed, "
         "r.replay_of, r.salt, r.cancel, r.cause";
}

}  // namespace

std::string select_runs() {
  return run_columns("r.vars") + " FROM runs r ";
}

std::string select_run_lines() {
  return run_columns("'{}'") +
         ", coalesce(e.namespace, ''), coalesce(e.name, '') FROM runs r LEFT JOIN events e ON e.id = "
         "r.event ";
}

StoredRun run_of(const sql::Row& row) {
  StoredRun out;
  Run& r = out.run;
  r.id = RunId{row.integer(0)};
  r.event = EventId{row.integer(1)};
  r.workflow = row.text(2);
  r.text = row.integer(3);
  r.queue_key = row.text(4);
  r.state = enum_of<RunState>(row, 5);
  r.reason = row.text(6);
  r.created_at = row.time(7);
  r.started_at = row.maybe_time(8);
  r.finished_at = row.maybe_time(9);
  r.deadline_at = row.maybe_time(10);
  r.stale = row.flag(11);
  r.vars = row.text(12);
  out.timeout = maybe_duration(row, 13);
  out.queues = row.flag(14);
  r.source = row.text(15);
  out.team = row.text(16);
  r.people_since = row.maybe_time(17);
  r.data = row.integer(18);
  r.shadow = row.flag(19);
  r.dismissed = row.flag(20);
  if (!row.null(21)) r.replay_of = RunId{row.integer(21)};
  r.salt = row.text(22);
  r.cancel = row.text(23);
  r.cause = row.text(24);
  return out;
}

Result<std::optional<StoredRun>> take_run(Ledger& ledger, RunId id) {
  if (auto known = ledger.recall(id)) return known;
  return load_run(ledger.db(), id);
}

Result<std::optional<StoredRun>> load_run(sql::Connection& db, RunId id) {
  static const std::string kSql = select_runs() + "WHERE r.id = $1";
  std::optional<StoredRun> out;
  TRY_DONE(db.each(kSql, {id.value}, [&](const sql::Row& row) { out = run_of(row); }));
  if (out) TRY_DONE(db.each(kSteps, {id.value}, [&](const sql::Row& row) { read_step(row, *out); }));
  return out;
}

namespace {

// An element of a replay is what the same element was before: its inputs are stored when first evaluated. Not
// where the text has changed, unless something of it may have been done already.
Status inherit(Ledger& ledger, const Run& run, Step& element) {
  if (!run.replay_of || !element.element_of || element.announces || !element.input.empty()) return ok();
  static const std::string kSql =
      "SELECT s.input, s.now " + std::string(kSameStep) +
      "WHERE s.uses = $6 AND s.input <> '' AND EXISTS (SELECT 1 FROM requests q WHERE q.step = s.id AND "
      "((r.text = $7 AND effect <> 1) OR (" +
      std::string(kMayHaveActed) + "))) ORDER BY s.id";
  return ledger.db().each(
      kSql, {run.event.value, run.workflow, run.salt, run.id.value, element.part, element.uses, run.text},
      [&](const sql::Row& row) {
        element.input = row.text(0);
        element.now = row.maybe_time(1);
      });
}

}  // namespace

Status insert_step(Ledger& ledger, StoredRun& stored, std::size_t index) {
  Step& s = stored.run.steps[index];
  TRY_DONE(inherit(ledger, stored.run, s));
  TRY(s.id, ledger.next_id(Sequence::kStep));
  s.index = static_cast<std::uint32_t>(index);
  if (s.due_at) ledger.falls_due(*s.due_at);
  return ledger.db().run(
      "INSERT INTO steps (id, run, idx, state, attempts, number, attempt, token, due_at, unclear, waited, "
      "after_failure, target, name, title, uses, reason, input, outputs, definition, list, needs, "
      "element_of, announces, item, part, continues, lane, now, round) "
      "VALUES ($1, $2, $3, 1, 0, 0, 0, 0, $4, 0, 0, $5, $6, $7, $8, $9, '', $10, '', $11, $12, $13, $14, "
      "$15, "
      "$16, $17, $18, $19, $20, $21)",
      {s.id,
       stored.run.id.value,
       s.index,
       s.due_at,
       s.after_failure,
       s.target,
       s.name,
       s.title,
       s.uses,
       s.input,
       s.definition,
       static_cast<int>(s.list),
       text_of(s.needs),
       s.element_of,
       s.announces,
       s.item,
       s.part,
       s.continues,
       ledger.lane_of(stored.run.workflow, stored.run.source, stored.team, s.target),
       s.now,
       s.round});
}

Status insert_run(Ledger& ledger, StoredRun& stored) {
  Run& r = stored.run;
  TRY(const std::int64_t id, ledger.next_id(Sequence::kRun));
  r.id = RunId{id};
  TRY_DONE(ledger.db().run(
      "INSERT INTO runs (id, event, workflow, text, queue_key, queues, state, reason, created_at, "
      "deadline_at, timeout, stale, vars, source, team, data, shadow, replay_of, salt) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
      {id, r.event.value, r.workflow, r.text, r.queue_key, stored.queues, static_cast<int>(r.state),
       r.created_at, r.deadline_at, count_of(stored.timeout), r.stale, r.vars, r.source, stored.team, r.data,
       r.shadow, r.replay_of ? sql::Value(r.replay_of->value) : sql::Value(nullptr), r.salt}));
  ledger.count_run(r.workflow, std::nullopt, r.state);
  for (std::size_t i = 0; i < r.steps.size(); ++i)
    TRY_DONE(insert_step(ledger, stored, i));
  return ok();
}

Status save_run(Ledger& ledger, const StoredRun& stored) {
  const Run& r = stored.run;
  return ledger.db().run(
      "UPDATE runs SET state = $2, reason = $3, started_at = $4, finished_at = $5, deadline_at = $6, stale = "
      "$7, people_since = $8, cancel = $9, cause = $10, dismissed = $11 WHERE id = $1",
      {r.id.value, static_cast<int>(r.state), r.reason, r.started_at, r.finished_at, r.deadline_at, r.stale,
       r.people_since, r.cancel, r.cause, r.dismissed});
}

Status save_step(Ledger& ledger, StoredRun& stored, std::size_t index) {
  const Step& s = stored.run.steps[index];
  StepLease& lease = stored.leases[index];
  const bool ended = std::exchange(lease.ended, terminal(s.state));
  if (lease.ended && !ended) ledger.ended(StepEnd{s.target, s.uses, s.state});
  if (s.due_at) ledger.falls_due(*s.due_at);
  if (terminal(s.state)) {
    if (!lease.key.empty()) TRY_DONE(settle_key(ledger, stored.run, s, lease.key));
    TRY_DONE(free_waiters(ledger, stored.run.id, s));
  }
  return ledger.db().run(
      "UPDATE steps SET state = $2, attempts = $3, number = $4, attempt = $5, token = $6, due_at = $7, "
      "first_at = $8, now = $9, unclear = $10, held_at = $11, waited = $12, started_at = $13, finished_at = "
      "$14, reason = $15, input = $16, outputs = $17, spread = $18, asks = $19, trace = $20, freed = $21, "
      "over_by = $22, round = $23, cause = $24 WHERE id = $1",
      {s.id,          static_cast<int>(s.state),
       s.attempts,    lease.number,
       lease.attempt, static_cast<std::int64_t>(lease.token),
       s.due_at,      s.first_at,
       s.now,         s.unclear,
       lease.held_at, lease.waited,
       s.started_at,  s.finished_at,
       s.reason,      s.input,
       s.outputs,     s.spread,
       s.asks,        s.trace,
       s.freed,       s.over_by,
       s.round,       s.cause});
}

Status save_lease(Ledger& ledger, const StoredRun& stored, std::size_t index) {
  const Step& s = stored.run.steps[index];
  const StepLease& lease = stored.leases[index];
  return ledger.db().run(
      "UPDATE steps SET state = $2, attempts = $3, number = $4, attempt = $5, token = $6, due_at = $7, "
      "first_at = $8, waited = $9, started_at = $10 WHERE id = $1",
      {s.id, static_cast<int>(s.state), s.attempts, lease.number, lease.attempt,
       static_cast<std::int64_t>(lease.token), s.due_at, s.first_at, lease.waited, s.started_at});
}

Status save_first(Ledger& ledger, const StoredRun& stored, std::size_t index) {
  const Step& s = stored.run.steps[index];
  return ledger.db().run("UPDATE steps SET now = $2, input = $3, trace = $4 WHERE id = $1",
                         {s.id, s.now, s.input, s.trace});
}

Duration waited_for_people(const Ledger& ledger, const StoredRun& stored, Instant since, Instant now) {
  const Instant until = std::min(now, ledger.held_since(stored).value_or(now));
  return std::max(Duration(0), until - since);
}

Applied take(const Ledger& ledger, StoredRun& stored, const Decision& decision, Instant at) {
  Run& run = stored.run;
  Applied out;
  out.added_from = run.steps.size();
  for (const StepChange& change : decision.changes) {
    CHECK(change.index < run.steps.size());
    Step& step = run.steps[change.index];
    StepLease& lease = stored.leases[change.index];
    CHECK(!terminal(step.state) || step.state == change.state);
    CHECK(change.state != StepState::kRunning || change.spread);
    CHECK(!(terminal(change.state) && change.due_at));
    step.state = change.state;
    step.due_at = change.due_at;
    step.reason = change.reason;
    step.held = change.held;
    step.cause = change.held ? change.cause : std::string();
    step.asks = change.asks;
    step.spread = step.spread || change.spread;
    lease.held_at = change.held ? std::optional<Instant>(at) : std::nullopt;
    lease.attempt = 0;
    lease.token = 0;
    if (change.uncounted && step.attempts > 0) --step.attempts;
    if (change.uncounted && step.attempts == 0) step.first_at = std::nullopt;  // `retry.for` has not begun
    if (change.unclear) step.unclear = *change.unclear;
    if (change.outputs) step.outputs = *change.outputs;
    if (change.no_input) step.input.clear();
    if (change.over_by) {
      step.over_by = change.over_by;
      step.attempts = 0;
      step.first_at = std::nullopt;
    }
    step.finished_at = terminal(change.state) ? std::optional<Instant>(at) : std::nullopt;
    out.changed.push_back(change.index);
  }
  for (const Step& added : decision.added) {
    CHECK(added.index == run.steps.size());
    run.steps.push_back(added);
    stored.leases.emplace_back();
  }
  const bool people = std::any_of(run.steps.begin(), run.steps.end(), [](const Step& s) {
    return s.state == StepState::kWaiting && (s.held || s.asks);
  });
  // Time that is waited for people counts for nobody's limit.
  if (people && !run.people_since) {
    run.people_since = at;
    out.run_changed = true;
  } else if (!people && run.people_since) {
    if (run.deadline_at) *run.deadline_at += waited_for_people(ledger, stored, *run.people_since, at);
    run.people_since = std::nullopt;
    out.run_changed = true;
  }
  if (decision.begins_list && stored.timeout) {
    run.deadline_at = at + std::min<Duration>(*stored.timeout, kListTimeout);
    out.run_changed = true;
  }
  if (run.cause != decision.cause) {
    run.cause = decision.cause;
    out.run_changed = true;
  }
  return out;
}

Decision activate(Ledger& ledger, StoredRun& stored, Instant now) {
  Run& run = stored.run;
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
