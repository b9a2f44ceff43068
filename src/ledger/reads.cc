// Reads for the API and the CLI: lists, newest first, and whole objects.

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

namespace {

constexpr std::size_t kLimitMax = 1000;

// A query that is put together from the parts of a filter that are given. Its values outlive it.
class Query {
 public:
  explicit Query(std::string select) : sql_(std::move(select)) {}

  void where(std::string_view condition) {
    sql_ += first_ ? "WHERE " : " AND ";
    sql_ += condition;
    first_ = false;
  }
  void equal(std::string_view column, sql::Value value) {
    values_.push_back(value);
    where(std::string(column) + " = $" + std::to_string(values_.size()));
  }
  void equal_if(std::string_view column, const std::string& value) {
    if (!value.empty()) equal(column, value);
  }
  // `of` yields ids, and names the value as $?.
  void among_if(std::string_view column, std::string_view of, std::int64_t value) {
    if (value == 0) return;
    values_.push_back(value);
    std::string list(of);
    const std::string number = std::to_string(values_.size());
    for (std::size_t at = list.find('?'); at != std::string::npos; at = list.find('?', at))
      list.replace(at, 1, number);
    where(std::string(column) + " IN (" + list + ")");
  }
  // `conditions` on the event that the row points to.
  void on_event(std::string_view reference, const Filter& f, bool with_phase) {
    std::string inner;
    const auto add = [&](std::string_view column, const std::string& value) {
      if (value.empty()) return;
      values_.push_back(value);
      inner += " AND f." + std::string(column) + " = $" + std::to_string(values_.size());
    };
    add("namespace", f.name_space);
    add("name", f.name);
    if (with_phase) add("phase", f.phase);
    if (with_phase) add("source", f.source);
    if (with_phase) add("hook", f.hook);
    if (inner.empty()) return;
    where("EXISTS (SELECT 1 FROM events f WHERE f.id = " + std::string(reference) + inner + ")");
  }
  void page(std::string_view id, const Page& page) {
    if (page.after > 0) {
      values_.push_back(page.after);
      where(std::string(id) + " < $" + std::to_string(values_.size()));
    }
    values_.push_back(static_cast<std::int64_t>(std::min(page.limit, kLimitMax)));
    sql_ += " ORDER BY " + std::string(id) + " DESC LIMIT $" + std::to_string(values_.size());
  }
  Status each(sql::Connection& db, sql::Visitor visit) { return db.each(sql_, values_, visit); }

 private:
  std::string sql_;
  std::vector<sql::Value> values_;
  bool first_ = true;
};

std::optional<int> verdict_named(const std::string& name) {
  for (int v = 1; v <= 4; ++v) {
    if (to_text(static_cast<Verdict>(v)) == name) return v;
  }
  return std::nullopt;
}

// What those attempts of a step sent, each to its own; not yet what was said.
Status load_heads(sql::Connection& db, std::int64_t step, std::vector<Attempt>& attempts, std::size_t from) {
  if (from == attempts.size()) return ok();
  TRY(auto requests, load_requests(db, step, attempts[from].id));
  for (Request& request : requests) {
    for (std::size_t i = from; i < attempts.size(); ++i) {
      if (attempts[i].id != request.attempt) continue;
      attempts[i].requests.push_back(std::move(request));
      break;
    }
  }
  return ok();
}

// The newest first, as long as there is room.
Status load_exchanges(sql::Connection& db, std::vector<Attempt>& attempts, std::size_t room) {
  std::vector<Request*> newest;
  for (Attempt& attempt : attempts) {
    for (Request& request : attempt.requests)
      newest.push_back(&request);
  }
  std::sort(newest.begin(), newest.end(), [](const Request* a, const Request* b) { return a->id > b->id; });
  for (Request* request : newest) {
    TRY(const bool fits, load_exchange(db, *request, room));
    if (!fits) return ok();
  }
  return ok();
}

Status load_attempts(sql::Connection& db, RunDetail& out) {
  const std::size_t steps = std::max<std::size_t>(out.run.steps.size(), 1);
  const std::size_t most = std::clamp(kAttemptsInAll / steps, kAttemptsAtLeast, kAttemptsShown);
  for (const Step& step : out.run.steps) {
    const std::size_t from = out.attempts.size();
    TRY_DONE(
        db.each("SELECT id, number, started_at, ended_at, outcome, why FROM attempts WHERE step = $1 ORDER "
                "BY id DESC "
                "LIMIT $2",
                {step.id, static_cast<std::int64_t>(most)}, [&](const sql::Row& row) {
                  Attempt a;
                  a.id = AttemptId{row.integer(0)};
                  a.step = step.id;
                  a.number = static_cast<std::uint32_t>(row.integer(1));
                  a.started_at = row.time(2);
                  a.ended_at = row.maybe_time(3);
                  a.outcome = row.text(4);
                  a.why = row.text(5);
                  out.attempts.push_back(std::move(a));
                }));
    const std::size_t shown = out.attempts.size() - from;
    std::reverse(out.attempts.begin() + static_cast<std::ptrdiff_t>(from), out.attempts.end());
    out.attempts_of[step.id] = static_cast<std::int64_t>(shown);
    if (shown == most) {
      TRY_DONE(db.each("SELECT count(*) FROM attempts WHERE step = $1", {step.id},
                       [&](const sql::Row& row) { out.attempts_of[step.id] = row.integer(0); }));
    }
    TRY_DONE(load_heads(db, step.id, out.attempts, from));
  }
  return ok();
}

Status load_brief(sql::Connection& db, RunId id, RunBrief& out) {
  TRY(auto stored, load_run(db, id));
  if (!stored) return Error(Code::kNotFound, "no run " + id.text());
  out.run = std::move(stored->run);
  out.team = std::move(stored->team);
  for (const Step& step : out.run.steps) {
    if (step.uses != "approval" && step.uses != "callback") continue;
    TRY(auto answer, load_answer(db, step.id));
    if (answer) out.answers.emplace(step.index, *std::move(answer));
  }
  return db.each("SELECT text FROM texts WHERE id = $1", {out.run.text},
                 [&](const sql::Row& row) { out.text = row.text(0); });
}

// Counts the runs before it, in the order in which start_next() takes them.
Status load_queue(sql::Connection& db, RunDetail& out) {
  const Run& run = out.run;
  if (!run.waits_turn) return ok();
  bool reached = false;
  TRY_DONE(db.each(
      "SELECT id FROM runs WHERE workflow = $1 AND queue_key = $2 AND state <= 3 AND queues = 1 ORDER BY "
      "waits_turn, event",
      {run.workflow, run.queue_key}, [&](const sql::Row& row) {
        const RunId id{row.integer(0)};
        reached = reached || id == run.id;
        if (reached) return;
        out.behind = id;
        ++out.before;
      }));
  if (!reached) out.behind = std::nullopt;
  return ok();
}

// How full the targets are that steps of it wait for.
Status load_under_way(sql::Connection& db, RunDetail& out) {
  for (const Step& step : out.run.steps) {
    if (terminal(step.state) || !step.due_at || out.under_way.contains(step.target)) continue;
    std::size_t& count = out.under_way[step.target];
    TRY_DONE(db.each("SELECT count(*) FROM steps WHERE state = 2 AND token <> 0 AND target = $1",
                     {step.target},
                     [&](const sql::Row& row) { count = static_cast<std::size_t>(row.integer(0)); }));
  }
  return ok();
}

RunLine run_line_of(const sql::Row& row) {
  StoredRun stored = run_of(row);
  RunLine line;
  static_cast<Run&>(line) = std::move(stored.run);
  line.team = std::move(stored.team);
  std::tie(line.name_space, line.name) = canary_of_line(row);
  return line;
}

void shorten(std::string& text) {
  text = cut(std::move(text), kListedText);
}

Delivery listed(Delivery d) {
  for (std::string* text : {&d.target, &d.reason, &d.canary})
    shorten(*text);
  return d;
}

Event listed(Event e) {
  for (std::string* text : {&e.name_space, &e.name, &e.phase, &e.checksum})
    shorten(*text);
  return e;
}

// Keeps the cause whole, because failures are grouped and selected by it.
RunLine listed(RunLine r) {
  for (std::string* text : {&r.queue_key, &r.reason, &r.cancel, &r.name_space, &r.name})
    shorten(*text);
  return r;
}

Result<bool> works_on(sql::Connection& db, RunId run, const std::string& target) {
  bool found = false;
  TRY_DONE(db.each("SELECT 1 FROM steps WHERE run = $1 AND target = $2 AND state <= 3 LIMIT 1",
                   {run.value, target}, [&](const sql::Row&) { found = true; }));
  return found;
}

// Loads the pauses and held steps of runs that have not ended.
Status load_holds(sql::Connection& db, std::vector<RunLine>& runs) {
  TRY(const std::vector<Pause> pauses, list_pauses(db));
  for (RunLine& run : runs) {
    if (terminal(run.state)) continue;
    for (const Pause& pause : pauses) {
      bool works = false;
      if (pause.kind == "target") {
        TRY(works, works_on(db, run.id, pause.name));
      }
      if (holds(pause, run, run.team, [&](const std::string&) { return works; }))
        run.paused_by.push_back(pause);
    }
    TRY_DONE(db.each(
        "SELECT idx, title, target, reason, attempts, due_at FROM steps WHERE run = $1 AND ((state = 1 AND "
        "due_at IS NOT NULL AND because <> $2) OR (state = 2 AND attempts > 1 AND spread = 0)) ORDER BY idx "
        "LIMIT $3",
        {run.id.value, static_cast<int>(Because::kKeyInUse), static_cast<std::int64_t>(kDueListed)},
        [&](const sql::Row& row) {
          run.due.push_back({static_cast<std::uint32_t>(row.integer(0)), cut(row.text(1), kListedText),
                             row.text(2), cut(row.text(3), kListedText),
                             static_cast<std::uint32_t>(row.integer(4)), row.maybe_time(5)});
        }));
    if (!run.people_since) continue;
    TRY_DONE(db.each(
        "SELECT idx, title, asks FROM steps WHERE run = $1 AND state = 3 AND (asks = 1 OR held_at IS NOT "
        "NULL) ORDER BY idx LIMIT $2",
        {run.id.value, static_cast<std::int64_t>(kWaitingListed)}, [&](const sql::Row& row) {
          run.waiting.push_back(
              {static_cast<std::uint32_t>(row.integer(0)), cut(row.text(1), kListedText), row.flag(2)});
        }));
  }
  return ok();
}

// Due work, paused or not, target by target through the index of what is due.
Status count_due(sql::Connection& db, Instant now, bool paused, Counts& out) {
  std::string target;
  bool first = true;
  while (true) {
    bool found = false;
    const std::string_view sql =
        first ? "SELECT target, due_at FROM steps WHERE due_at IS NOT NULL AND paused = $1 AND target >= $2 "
                "ORDER BY target, due_at LIMIT 1"
              : "SELECT target, due_at FROM steps WHERE due_at IS NOT NULL AND paused = $1 AND target > $2 "
                "ORDER BY target, due_at LIMIT 1";
    Instant oldest;
    TRY_DONE(db.each(sql, {paused, std::string(target)}, [&](const sql::Row& row) {
      found = true;
      target = row.text(0);
      oldest = row.time(1);
    }));
    if (!found) return ok();
    first = false;
    if (oldest > now) continue;
    if (!out.oldest_due || oldest < *out.oldest_due) out.oldest_due = oldest;
    TRY_DONE(
        db.each("SELECT count(*) FROM steps WHERE due_at IS NOT NULL AND paused = $1 AND target = $2 AND "
                "due_at <= $3",
                {paused, target, now}, [&](const sql::Row& row) { out.due += row.integer(0); }));
  }
}

}  // namespace

Result<std::vector<Delivery>> list_deliveries(sql::Connection& db, const Filter& f, const Page& page) {
  Query query(select_deliveries(false));
  query.equal_if("d.source", f.source);
  query.equal_if("d.hook", f.hook);
  if (!f.verdict.empty()) {
    const auto verdict = verdict_named(f.verdict);
    if (!verdict) return Error(Code::kInvalid, "no verdict " + f.verdict);
    query.equal("d.verdict", *verdict);
  }
  query.among_if("d.id",
                 "SELECT delivery FROM events WHERE id = $? UNION ALL "
                 "SELECT id FROM deliveries WHERE event = $? AND verdict = 2",
                 f.event);
  query.on_event("d.event", f, false);
  if (!f.team.empty()) {
    query.equal("(SELECT t.team FROM events t WHERE t.id = d.event)", f.team);
  }
  query.page("d.id", page);
  std::vector<Delivery> out;
  TRY_DONE(query.each(db, [&](const sql::Row& row) { out.push_back(listed(delivery_of(row))); }));
  return out;
}

Result<Delivery> show_delivery(sql::Connection& db, DeliveryId id) {
  std::optional<Delivery> out;
  TRY_DONE(db.each(select_deliveries(true) + "WHERE d.id = $1", {id.value},
                   [&](const sql::Row& row) { out = delivery_of(row); }));
  if (!out) return Error(Code::kNotFound, "no delivery " + id.text());
  return *std::move(out);
}

Result<std::vector<Event>> list_events(sql::Connection& db, const Filter& f, const Page& page) {
  Query query(select_events(false));
  query.equal_if("e.source", f.source);
  query.equal_if("e.hook", f.hook);
  query.equal_if("e.namespace", f.name_space);
  query.equal_if("e.name", f.name);
  query.equal_if("e.phase", f.phase);
  if (f.event != 0) query.equal("e.id", f.event);
  query.equal_if("e.team", f.team);
  query.page("e.id", page);
  std::vector<Event> out;
  TRY_DONE(query.each(db, [&](const sql::Row& row) { out.push_back(listed(event_of(row))); }));
  return out;
}

Result<EventDetail> show_event(sql::Connection& db, EventId id) {
  EventDetail out;
  bool found = false;
  TRY_DONE(db.each(select_events(true) + "WHERE e.id = $1", {id.value}, [&](const sql::Row& row) {
    found = true;
    out.event = event_of(row);
    out.planned = row.flag(15);
    out.plan = read_plan(row.bytes(16));
  }));
  if (!found) return Error(Code::kNotFound, "no event " + id.text());
  // Each half has an index of its own.
  TRY_DONE(db.each(select_run_lines() + "WHERE r.event = $1 AND r.replay_of IS NULL UNION ALL " +
                       select_run_lines() + "WHERE r.event = $1 AND r.replay_of IS NOT NULL ORDER BY 1",
                   {id.value}, [&](const sql::Row& row) { out.runs.push_back(listed(run_line_of(row))); }));
  TRY_DONE(load_holds(db, out.runs));
  TRY_DONE(db.each(select_deliveries(false) + "WHERE d.id = $1", {out.event.delivery.value},
                   [&](const sql::Row& row) { out.deliveries.push_back(listed(delivery_of(row))); }));
  std::vector<Delivery> repeats;
  TRY_DONE(
      db.each(select_deliveries(false) + "WHERE d.event = $1 AND d.verdict = 2 ORDER BY d.id DESC LIMIT $2",
              {id.value, static_cast<std::int64_t>(kRepeatsShown)},
              [&](const sql::Row& row) { repeats.push_back(listed(delivery_of(row))); }));
  out.deliveries.insert(out.deliveries.end(), std::make_move_iterator(repeats.rbegin()),
                        std::make_move_iterator(repeats.rend()));
  return out;
}

Result<std::vector<RunLine>> list_runs(sql::Connection& db, const Filter& f, const Page& page) {
  Query query(select_run_lines());
  query.equal_if("r.workflow", f.workflow);
  if (!f.state.empty()) {
    const auto state = run_state_named(f.state);
    if (!state) return Error(Code::kInvalid, "no state " + f.state);
    // As a literal, since an index of the failed ones can serve only those who ask for them by that name.
    query.where("r.state = " + std::to_string(static_cast<int>(*state)));
  }
  query.among_if("r.id",
                 "SELECT id FROM runs WHERE event = $? AND replay_of IS NULL UNION ALL "
                 "SELECT id FROM runs WHERE event = $? AND replay_of IS NOT NULL",
                 f.event);
  query.equal_if("r.team", f.team);
  if (f.dismissed) query.where(std::string("r.dismissed = ") + (*f.dismissed ? "1" : "0"));
  query.equal_if("r.cause", f.cause);
  if (f.asks) query.where("r.id IN (SELECT run FROM steps WHERE asks = 1 AND state = 3)");
  query.on_event("r.event", f, true);
  query.page("r.id", page);
  std::vector<RunLine> out;
  TRY_DONE(query.each(db, [&](const sql::Row& row) { out.push_back(listed(run_line_of(row))); }));
  TRY_DONE(load_holds(db, out));
  return out;
}

Result<RunBrief> brief_run(sql::Connection& db, RunId id) {
  RunBrief out;
  TRY_DONE(load_brief(db, id, out));
  return out;
}

Result<std::vector<Acted>> list_acted(sql::Connection& db, const Run& run) {
  static const std::string kRuns =
      "SELECT id, text FROM runs WHERE event = $1 AND workflow = $2 AND salt = $3 AND shadow = 0 AND ";
  static const std::string kSql =
      "SELECT t.text, s.definition FROM (" + kRuns + "replay_of IS NULL UNION ALL " + kRuns +
      "replay_of IS NOT NULL) r JOIN steps s ON s.run = r.id JOIN texts t ON t.id = r.text WHERE EXISTS "
      "(SELECT 1 FROM requests q WHERE q.step = s.id AND effect IN (4, 5, 6) AND " +
      std::string(kMayHaveActed) + ")";
  std::map<std::string, std::set<std::uint32_t>> found;
  TRY_DONE(db.each(kSql, {run.event.value, run.workflow, run.salt}, [&](const sql::Row& row) {
    found[row.text(0)].insert(static_cast<std::uint32_t>(row.integer(1)));
  }));
  std::vector<Acted> out;
  for (auto& [text, steps] : found)
    out.push_back({text, std::move(steps)});
  return out;
}

Result<RunDetail> show_run(sql::Connection& db, RunId id, std::size_t exchanges_max) {
  RunDetail out;
  TRY_DONE(load_brief(db, id, out));
  TRY_DONE(db.each("SELECT namespace, name FROM events WHERE id = $1", {out.run.event.value},
                   [&](const sql::Row& row) { out.name_space = row.text(0), out.name = row.text(1); }));
  TRY_DONE(load_attempts(db, out));
  TRY_DONE(load_exchanges(db, out.attempts, exchanges_max));
  TRY_DONE(load_queue(db, out));
  TRY_DONE(load_under_way(db, out));
  return out;
}

namespace {

// `sql` yields cause, workflow, count, first, last, at. At most 500 groups.
Result<std::vector<CauseGroup>> groups_of(sql::Connection& db, const std::string& sql, const Filter& f) {
  constexpr int kGroupsMax = 500;
  std::vector<CauseGroup> out;
  TRY_DONE(db.each(sql, {f.team, f.workflow, kGroupsMax}, [&](const sql::Row& row) {
    out.push_back({row.text(0), row.text(1), row.integer(2), RunId{row.integer(3)}, RunId{row.integer(4)},
                   row.maybe_time(5), ""});
  }));
  return out;
}

// Of runs that have not ended. The index has the held steps alone.
constexpr std::string_view kHeld =
    "FROM steps s JOIN runs r ON r.id = s.run WHERE s.held_at IS NOT NULL AND r.state <= 3 AND ($1 = '' OR "
    "r.team = $1) AND ($2 = '' OR r.workflow = $2) ";

}  // namespace

Result<std::vector<CauseGroup>> list_failures(sql::Connection& db, const Filter& f) {
  TRY(auto groups, groups_of(db,
                             "SELECT cause, workflow, count(*), min(id), max(id), NULL FROM runs WHERE "
                             "state = 5 AND dismissed = 0 AND ($1 = '' OR team = $1) AND ($2 = '' OR "
                             "workflow = $2) GROUP BY cause, workflow ORDER BY max(id) DESC LIMIT $3",
                             f));
  for (CauseGroup& group : groups) {
    TRY_DONE(db.each("SELECT finished_at, reason FROM runs WHERE id = $1", {group.last.value},
                     [&](const sql::Row& row) {
                       group.at = row.maybe_time(0);
                       group.reason = row.text(1);
                     }));
  }
  return groups;
}

Result<std::vector<CauseGroup>> list_held(sql::Connection& db, const Filter& f) {
  static const std::string kSql =
      "SELECT s.cause, r.workflow, count(*), min(r.id), max(r.id), min(s.held_at) " + std::string(kHeld) +
      "GROUP BY s.cause, r.workflow ORDER BY max(s.id) DESC LIMIT $3";
  TRY(auto groups, groups_of(db, kSql, f));
  for (CauseGroup& group : groups) {
    TRY_DONE(db.each("SELECT reason FROM steps WHERE run = $1 AND cause = $2 AND held_at IS NOT NULL",
                     {group.last.value, group.cause},
                     [&](const sql::Row& row) { group.reason = row.text(0); }));
  }
  return groups;
}

Result<std::vector<HeldStep>> held_steps(sql::Connection& db, const Filter& f, std::size_t limit) {
  static const std::string kSql =
      "SELECT s.run, s.idx, s.cause " + std::string(kHeld) +
      "AND (s.cause = $3 OR s.title || ': ' || s.reason = $3) ORDER BY s.id LIMIT $4";
  std::vector<HeldStep> out;
  TRY_DONE(db.each(
      kSql, {f.team, f.workflow, f.cause, static_cast<std::int64_t>(limit)}, [&](const sql::Row& row) {
        out.push_back({RunId{row.integer(0)}, static_cast<std::uint32_t>(row.integer(1)), row.text(2)});
      }));
  return out;
}

Result<Counts> count(sql::Connection& db, Instant now) {
  Counts out;
  TRY_DONE(db.each("SELECT count(*) FROM events WHERE planned = 0", {},
                   [&](const sql::Row& row) { out.unplanned = row.integer(0); }));
  TRY_DONE(db.each("SELECT state, n FROM totals", {}, [&](const sql::Row& row) {
    out.runs[std::string(to_text(static_cast<RunState>(row.integer(0))))] = row.integer(1);
  }));
  TRY_DONE(db.each(
      "SELECT workflow, state, n FROM totals_by_workflow ORDER BY workflow", {}, [&](const sql::Row& row) {
        const bool own = out.by_workflow.size() < kWorkflowsCounted;
        const std::string workflow = row.text(0);
        auto& counts =
            own || out.by_workflow.contains(workflow) ? out.by_workflow[workflow] : out.by_workflow["other"];
        counts[std::string(to_text(static_cast<RunState>(row.integer(1))))] += row.integer(2);
      }));
  TRY_DONE(db.each("SELECT count(*) FROM steps WHERE asks = 1 AND state = 3", {},
                   [&](const sql::Row& row) { out.asking = row.integer(0); }));
  TRY_DONE(
      db.each("SELECT r.workflow, s.target, count(*) FROM steps s JOIN runs r ON r.id = s.run WHERE "
              "s.held_at IS NOT NULL AND s.state = 3 GROUP BY r.workflow, s.target",
              {}, [&](const sql::Row& row) {
                out.held[{row.text(0), row.text(1)}] = row.integer(2);
              }));
  TRY_DONE(db.each("SELECT kind, count(*) FROM pauses GROUP BY kind", {},
                   [&](const sql::Row& row) { out.paused[row.text(0)] = row.integer(1); }));
  for (const bool paused : {false, true})
    TRY_DONE(count_due(db, now, paused, out));
  out.bytes = db.bytes();
  return out;
}

}  // namespace postlude::ledger
