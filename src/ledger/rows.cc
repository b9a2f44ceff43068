#include "ledger/rows.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/json.h"
#include "ledger/commands.h"
#include "sql/columns.h"

namespace postlude::ledger {

namespace {

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

constexpr sql::Columns kStep(
    {"id",       "idx",   "state",      "attempts",  "number", "attempt",    "token",       "due_at",
     "first_at", "now",   "unclear",    "held_at",   "waited", "started_at", "finished_at", "after_failure",
     "target",   "name",  "title",      "uses",      "reason", "input",      "outputs",     "definition",
     "list",     "needs", "element_of", "announces", "item",   "part",       "continues",   "spread",
     "asks",     "trace", "freed",      "over_by",   "key",    "round",      "cause",       "because"});

void read_step(const sql::Row& row, StoredRun& run) {
  Step s;
  s.id = row.integer(kStep("id"));
  s.index = static_cast<std::uint32_t>(row.integer(kStep("idx")));
  s.state = enum_of<StepState>(row, kStep("state"));
  s.attempts = static_cast<std::uint32_t>(row.integer(kStep("attempts")));
  s.due_at = row.maybe_time(kStep("due_at"));
  s.first_at = row.maybe_time(kStep("first_at"));
  s.now = row.maybe_time(kStep("now"));
  s.unclear = row.flag(kStep("unclear"));
  s.held = !row.null(kStep("held_at"));
  s.started_at = row.maybe_time(kStep("started_at"));
  s.finished_at = row.maybe_time(kStep("finished_at"));
  s.after_failure = row.flag(kStep("after_failure"));
  s.target = row.text(kStep("target"));
  s.name = row.text(kStep("name"));
  s.title = row.text(kStep("title"));
  s.uses = row.text(kStep("uses"));
  s.reason = row.text(kStep("reason"));
  s.because = enum_of<Because>(row, kStep("because"));
  s.input = row.text(kStep("input"));
  s.outputs = row.text(kStep("outputs"));
  s.definition = static_cast<std::uint32_t>(row.integer(kStep("definition")));
  s.list = enum_of<StepList>(row, kStep("list"));
  s.needs = indexes_of(row, kStep("needs"));
  s.element_of = maybe_index(row, kStep("element_of"));
  s.announces = maybe_index(row, kStep("announces"));
  s.item = row.text(kStep("item"));
  s.part = row.text(kStep("part"));
  s.continues = row.flag(kStep("continues"));
  s.spread = row.flag(kStep("spread"));
  s.asks = row.flag(kStep("asks"));
  s.trace = row.text(kStep("trace"));
  s.freed = row.flag(kStep("freed"));
  s.over_by = row.maybe_time(kStep("over_by"));
  s.round = static_cast<std::uint32_t>(row.integer(kStep("round")));
  s.cause = row.text(kStep("cause"));
  s.shared_key = row.text(kStep("key"));
  StepLease lease;
  lease.number = static_cast<std::uint32_t>(row.integer(kStep("number")));
  lease.attempt = row.integer(kStep("attempt"));
  lease.token = static_cast<std::uint64_t>(row.integer(kStep("token")));
  lease.held_at = row.maybe_time(kStep("held_at"));
  lease.waited = row.flag(kStep("waited"));
  lease.key = row.text(kStep("key"));
  lease.ended = terminal(s.state);
  run.run.steps.push_back(std::move(s));
  run.leases.push_back(std::move(lease));
}

const std::string& select_steps() {
  static const std::string kSql = "SELECT " + kStep.list() + " FROM steps WHERE run = $1 ORDER BY idx";
  return kSql;
}

}  // namespace

namespace {

constexpr sql::Columns kDelivery({"id", "source", "cluster", "hook", "received_at", "method", "target",
                                  "remote", "headers", "verdict", "reason", "proof", "status", "event",
                                  "body", "n", "last_at", "canary", "raw"});
constexpr sql::Columns kEvent({"id",      "nonce",  "delivery",    "source",   "cluster",
                               "hook",    "origin", "received_at", "team",     "namespace",
                               "name",    "phase",  "outcome",     "checksum", "metadata",
                               "planned", "plan",   "payload",     "canary",   "release"});

// A repeat with the same body as the event's delivery has none of its own.
constexpr const char* kWholeBody =
    "CASE WHEN d.verdict = 2 AND d.body = '' THEN coalesce((SELECT b.body FROM events o JOIN deliveries b ON "
    "b.id = o.delivery WHERE o.id = d.event), '') ELSE d.body END";

}  // namespace

std::string select_deliveries(bool whole) {
  sql::Columns<kDelivery.size()>::Instead instead{{"n", "coalesce(f.n, 0)"}, {"last_at", "f.last_at"}};
  if (whole) {
    instead.emplace_back("body", kWholeBody);
  } else {
    instead.insert(instead.end(), {{"headers", "''"}, {"body", "''"}, {"raw", "NULL"}});
  }
  return "SELECT " + kDelivery.list("d", instead) +
         " FROM deliveries d LEFT JOIN refusals f ON f.delivery = d.id ";
}

Delivery delivery_of(const sql::Row& row) {
  Delivery d;
  d.id = DeliveryId{row.integer(kDelivery("id"))};
  d.source = row.text(kDelivery("source"));
  d.cluster = row.text(kDelivery("cluster"));
  d.hook = row.text(kDelivery("hook"));
  d.received_at = row.time(kDelivery("received_at"));
  d.method = row.text(kDelivery("method"));
  d.target = row.text(kDelivery("target"));
  d.remote = row.text(kDelivery("remote"));
  d.headers = row.text(kDelivery("headers"));
  d.verdict = enum_of<Verdict>(row, kDelivery("verdict"));
  d.reason = row.text(kDelivery("reason"));
  d.proof = row.text(kDelivery("proof"));
  d.status = static_cast<int>(row.integer(kDelivery("status")));
  if (!row.null(kDelivery("event"))) d.event = EventId{row.integer(kDelivery("event"))};
  d.body = row.text(kDelivery("body"));
  d.repeats = row.integer(kDelivery("n"));
  d.last_at = row.maybe_time(kDelivery("last_at"));
  d.canary = row.text(kDelivery("canary"));
  if (!row.null(kDelivery("raw"))) d.body = row.text(kDelivery("raw"));
  return d;
}

std::string select_events(bool whole) {
  if (whole) {
    return "SELECT " + kEvent.list("e", {{"payload", "coalesce(e.payload, d.body, '{}')"}}) +
           " FROM events e LEFT JOIN deliveries d ON d.id = e.delivery ";
  }
  return "SELECT " +
         kEvent.list("e", {{"metadata", "'{}'"},
                           {"plan", "NULL"},
                           {"payload", "'{}'"},
                           {"canary", "NULL"},
                           {"release", "NULL"}}) +
         " FROM events e ";
}

Event event_of(const sql::Row& row) {
  Event e;
  e.id = EventId{row.integer(kEvent("id"))};
  e.nonce = row.text(kEvent("nonce"));
  e.delivery = DeliveryId{row.integer(kEvent("delivery"))};
  e.source = row.text(kEvent("source"));
  e.cluster = row.text(kEvent("cluster"));
  e.hook = row.text(kEvent("hook"));
  e.origin = enum_of<Origin>(row, kEvent("origin"));
  e.received_at = row.time(kEvent("received_at"));
  e.team = row.text(kEvent("team"));
  e.name_space = row.text(kEvent("namespace"));
  e.name = row.text(kEvent("name"));
  e.phase = row.text(kEvent("phase"));
  e.outcome = row.text(kEvent("outcome"));
  e.checksum = row.text(kEvent("checksum"));
  e.metadata = row.text(kEvent("metadata"));
  e.payload = row.text(kEvent("payload"));
  e.canary = row.text(kEvent("canary"));
  e.release = row.text(kEvent("release"));
  return e;
}

Result<std::optional<Event>> load_event(sql::Connection& db, EventId id) {
  static const std::string kSql = select_events(true) + "WHERE e.id = $1";
  std::optional<Event> out;
  TRY_DONE(db.each(kSql, {id.value}, [&](const sql::Row& row) { out = event_of(row); }));
  return out;
}

namespace {

constexpr sql::Columns kRun({"id",          "event",     "workflow",     "text",       "queue_key",
                             "state",       "reason",    "created_at",   "started_at", "finished_at",
                             "deadline_at", "stale",     "vars",         "timeout",    "queues",
                             "source",      "team",      "people_since", "data",       "shadow",
                             "dismissed",   "replay_of", "salt",         "cancel",     "cause",
                             "waits_turn",  "uncomputed"});

}  // namespace

std::string select_runs() {
  return "SELECT " + kRun.list("r") + " FROM runs r ";
}

std::string select_run_lines() {
  return "SELECT " + kRun.list("r", {{"vars", "'{}'"}}) +
         ", coalesce(e.namespace, ''), coalesce(e.name, '') FROM runs r LEFT JOIN events e ON e.id = "
         "r.event ";
}

std::pair<std::string, std::string> canary_of_line(const sql::Row& row) {
  return {row.text(kRun.size()), row.text(kRun.size() + 1)};
}

StoredRun run_of(const sql::Row& row) {
  StoredRun out;
  Run& r = out.run;
  r.id = RunId{row.integer(kRun("id"))};
  r.event = EventId{row.integer(kRun("event"))};
  r.workflow = row.text(kRun("workflow"));
  r.text = row.integer(kRun("text"));
  r.queue_key = row.text(kRun("queue_key"));
  r.state = enum_of<RunState>(row, kRun("state"));
  r.reason = row.text(kRun("reason"));
  r.created_at = row.time(kRun("created_at"));
  r.started_at = row.maybe_time(kRun("started_at"));
  r.finished_at = row.maybe_time(kRun("finished_at"));
  r.deadline_at = row.maybe_time(kRun("deadline_at"));
  r.stale = row.flag(kRun("stale"));
  r.vars = row.text(kRun("vars"));
  out.timeout = maybe_duration(row, kRun("timeout"));
  out.queues = row.flag(kRun("queues"));
  r.source = row.text(kRun("source"));
  out.team = row.text(kRun("team"));
  r.people_since = row.maybe_time(kRun("people_since"));
  r.data = row.integer(kRun("data"));
  r.shadow = row.flag(kRun("shadow"));
  r.dismissed = row.flag(kRun("dismissed"));
  if (!row.null(kRun("replay_of"))) r.replay_of = RunId{row.integer(kRun("replay_of"))};
  r.salt = row.text(kRun("salt"));
  r.cancel = row.text(kRun("cancel"));
  r.cause = row.text(kRun("cause"));
  r.waits_turn = row.flag(kRun("waits_turn"));
  r.uncomputed = row.flag(kRun("uncomputed"));
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
  if (out) TRY_DONE(db.each(select_steps(), {id.value}, [&](const sql::Row& row) { read_step(row, *out); }));
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
  const std::string needs = text_of(s.needs);
  const bool paused = ledger.run_paused(stored.run.workflow, stored.run.source, stored.team);
  const sql::Fields row{{"id", s.id},
                        {"run", stored.run.id.value},
                        {"idx", s.index},
                        {"state", static_cast<int>(StepState::kPending)},
                        {"attempts", 0},
                        {"number", 0},
                        {"attempt", 0},
                        {"token", 0},
                        {"due_at", s.due_at},
                        {"unclear", false},
                        {"waited", false},
                        {"after_failure", s.after_failure},
                        {"target", s.target},
                        {"name", s.name},
                        {"title", s.title},
                        {"uses", s.uses},
                        {"reason", ""},
                        {"input", s.input},
                        {"outputs", ""},
                        {"definition", s.definition},
                        {"list", static_cast<int>(s.list)},
                        {"needs", needs},
                        {"element_of", s.element_of},
                        {"announces", s.announces},
                        {"item", s.item},
                        {"part", s.part},
                        {"continues", s.continues},
                        {"paused", paused},
                        {"now", s.now},
                        {"round", s.round}};
  static const std::string kSql = sql::insert_into("steps", row);
  return sql::run(ledger.db(), kSql, row);
}

Status insert_run(Ledger& ledger, StoredRun& stored) {
  Run& r = stored.run;
  TRY(const std::int64_t id, ledger.next_id(Sequence::kRun));
  r.id = RunId{id};
  const sql::Fields row{{"id", id},
                        {"event", r.event.value},
                        {"workflow", r.workflow},
                        {"text", r.text},
                        {"queue_key", r.queue_key},
                        {"queues", stored.queues},
                        {"state", static_cast<int>(r.state)},
                        {"waits_turn", r.waits_turn},
                        {"reason", ""},
                        {"created_at", r.created_at},
                        {"deadline_at", r.deadline_at},
                        {"timeout", count_of(stored.timeout)},
                        {"stale", r.stale},
                        {"vars", r.vars},
                        {"uncomputed", r.uncomputed},
                        {"source", r.source},
                        {"team", stored.team},
                        {"data", r.data},
                        {"shadow", r.shadow},
                        {"replay_of", r.replay_of ? sql::Value(r.replay_of->value) : sql::Value(nullptr)},
                        {"salt", r.salt}};
  static const std::string kSql = sql::insert_into("runs", row);
  TRY_DONE(sql::run(ledger.db(), kSql, row));
  ledger.count_run(r.workflow, std::nullopt, r.state);
  for (std::size_t i = 0; i < r.steps.size(); ++i)
    TRY_DONE(insert_step(ledger, stored, i));
  return ok();
}

Status save_run(Ledger& ledger, const StoredRun& stored) {
  const Run& r = stored.run;
  const sql::Fields row{{"id", r.id.value},
                        {"state", static_cast<int>(r.state)},
                        {"waits_turn", r.waits_turn},
                        {"reason", r.reason},
                        {"started_at", r.started_at},
                        {"finished_at", r.finished_at},
                        {"deadline_at", r.deadline_at},
                        {"stale", r.stale},
                        {"people_since", r.people_since},
                        {"cancel", r.cancel},
                        {"cause", r.cause},
                        {"dismissed", r.dismissed}};
  static const std::string kSql = sql::update("runs", row);
  return sql::run(ledger.db(), kSql, row);
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
  const sql::Fields row{{"id", s.id},
                        {"state", static_cast<int>(s.state)},
                        {"attempts", s.attempts},
                        {"number", lease.number},
                        {"attempt", lease.attempt},
                        {"token", static_cast<std::int64_t>(lease.token)},
                        {"due_at", s.due_at},
                        {"first_at", s.first_at},
                        {"now", s.now},
                        {"unclear", s.unclear},
                        {"held_at", lease.held_at},
                        {"waited", lease.waited},
                        {"started_at", s.started_at},
                        {"finished_at", s.finished_at},
                        {"reason", s.reason},
                        {"because", static_cast<int>(s.because)},
                        {"input", s.input},
                        {"outputs", s.outputs},
                        {"spread", s.spread},
                        {"asks", s.asks},
                        {"trace", s.trace},
                        {"freed", s.freed},
                        {"over_by", s.over_by},
                        {"round", s.round},
                        {"cause", s.cause}};
  static const std::string kSql = sql::update("steps", row);
  return sql::run(ledger.db(), kSql, row);
}

Status save_lease(Ledger& ledger, const StoredRun& stored, std::size_t index) {
  const Step& s = stored.run.steps[index];
  const StepLease& lease = stored.leases[index];
  const sql::Fields row{{"id", s.id},
                        {"state", static_cast<int>(s.state)},
                        {"attempts", s.attempts},
                        {"number", lease.number},
                        {"attempt", lease.attempt},
                        {"token", static_cast<std::int64_t>(lease.token)},
                        {"due_at", s.due_at},
                        {"first_at", s.first_at},
                        {"waited", lease.waited},
                        {"started_at", s.started_at}};
  static const std::string kSql = sql::update("steps", row);
  return sql::run(ledger.db(), kSql, row);
}

Status save_first(Ledger& ledger, const StoredRun& stored, std::size_t index) {
  const Step& s = stored.run.steps[index];
  return ledger.db().run("UPDATE steps SET now = $2, input = $3, trace = $4 WHERE id = $1",
                         {s.id, s.now, s.input, s.trace});
}

}  // namespace postlude::ledger
