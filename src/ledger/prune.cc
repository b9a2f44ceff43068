// Forgetting what is old, a portion at a time, so that nobody waits long behind it.
//
// Ids are in the order of their making, so a walk goes up from the oldest, portion by portion, and stops when
// a whole one is young: a few that were stamped by a clock ahead of its time keep nothing behind them.

#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

namespace {

constexpr int kPortion = 200;

struct Candidate {
  std::int64_t id = 0;
  Instant at;
  bool goes = false;
  std::int64_t other = 0;
  std::string workflow = {};
};

// Deletes the rows that go; returns the last id looked at, 0 when the walk is over.
template <class Delete>
Result<std::int64_t> walk(const std::vector<Candidate>& rows, Instant before, Delete remove) {
  bool old = false;
  for (const Candidate& row : rows) {
    if (row.at >= before) continue;
    old = true;
    if (row.goes) TRY_DONE(remove(row));
  }
  return rows.size() < kPortion || !old ? 0 : rows.back().id;
}

}  // namespace

Result<std::int64_t> prune_runs(Ledger& ledger, Instant before, std::int64_t after) {
  std::vector<Candidate> rows;
  TRY_DONE(ledger.db().each(
      "SELECT id, created_at, finished_at, state, workflow, "
      "EXISTS (SELECT 1 FROM runs o WHERE o.event = runs.event AND o.workflow = runs.workflow AND "
      "o.replay_of IS "
      "NULL AND (o.finished_at IS NULL OR o.finished_at >= $3)) OR "
      "EXISTS (SELECT 1 FROM runs o WHERE o.event = runs.event AND o.workflow = runs.workflow AND "
      "o.replay_of IS NOT "
      "NULL AND (o.finished_at IS NULL OR o.finished_at >= $3)) FROM runs WHERE id > $1 ORDER BY id LIMIT $2",
      {after, kPortion, before}, [&](const sql::Row& row) {
        // What one run of an event has done, the others meet: they go together.
        const bool goes = !row.null(2) && row.time(2) < before && !row.flag(5);
        rows.push_back({row.integer(0), row.time(1), goes, row.integer(3), row.text(4)});
      }));
  return walk(rows, before, [&](const Candidate& row) -> Status {
    sql::Connection& db = ledger.db();
    TRY_DONE(db.run("DELETE FROM requests WHERE step IN (SELECT id FROM steps WHERE run = $1)", {row.id}));
    TRY_DONE(db.run("DELETE FROM attempts WHERE step IN (SELECT id FROM steps WHERE run = $1)", {row.id}));
    TRY_DONE(db.run("DELETE FROM answers WHERE step IN (SELECT id FROM steps WHERE run = $1)", {row.id}));
    TRY_DONE(db.run("DELETE FROM steps WHERE run = $1", {row.id}));
    TRY_DONE(db.run("DELETE FROM runs WHERE id = $1", {row.id}));
    ledger.forget_run(RunId{row.id});
    ledger.count_run(row.workflow, static_cast<RunState>(row.other), std::nullopt);
    return ok();
  });
}

// Deliveries that made no event, and repeats. The one that made an event is its payload, and goes with it.
Result<std::int64_t> prune_deliveries(Ledger& ledger, Instant before, std::int64_t after) {
  std::vector<Candidate> rows;
  TRY_DONE(ledger.db().each(
      "SELECT id, received_at, event, verdict FROM deliveries WHERE id > $1 ORDER BY id LIMIT $2",
      {after, kPortion}, [&](const sql::Row& row) {
        const bool repeat = static_cast<Verdict>(row.integer(3)) == Verdict::kDuplicate;
        rows.push_back({row.integer(0), row.time(1), row.null(2) || repeat, 0});
      }));
  return walk(rows, before, [&](const Candidate& row) -> Status {
    TRY_DONE(ledger.db().run("DELETE FROM refusals WHERE delivery = $1", {row.id}));
    return ledger.db().run("DELETE FROM deliveries WHERE id = $1", {row.id});
  });
}

// Events that no run needs, with what tells a repeat of them from a new one.
Result<std::int64_t> prune_events(Ledger& ledger, Instant before, std::int64_t after) {
  std::vector<Candidate> rows;
  TRY_DONE(ledger.db().each(
      "SELECT e.id, e.received_at, e.planned = 1 AND "
      "NOT EXISTS (SELECT 1 FROM runs r WHERE r.event = e.id AND r.replay_of IS NULL) AND "
      "NOT EXISTS (SELECT 1 FROM runs r WHERE r.event = e.id AND r.replay_of IS NOT NULL), e.delivery "
      "FROM events e WHERE e.id > $1 ORDER BY e.id LIMIT $2",
      {after, kPortion}, [&](const sql::Row& row) {
        rows.push_back({row.integer(0), row.time(1), row.flag(2), row.integer(3)});
      }));
  return walk(rows, before, [&](const Candidate& row) -> Status {
    sql::Connection& db = ledger.db();
    TRY_DONE(db.run("DELETE FROM known WHERE key IN (SELECT known FROM events WHERE id = $1)", {row.id}));
    // Repeats that outlive it get back what they shared with it.
    TRY_DONE(
        db.run("UPDATE deliveries SET body = coalesce((SELECT b.body FROM deliveries b WHERE b.id = $2), '') "
               "WHERE event = $1 AND verdict = 2 AND body = ''",
               {row.id, row.other}));
    TRY_DONE(db.run("UPDATE deliveries SET event = NULL WHERE event = $1 AND verdict = 2", {row.id}));
    TRY_DONE(db.run("DELETE FROM deliveries WHERE id = $1", {row.other}));
    ledger.forget_events();
    return db.run("DELETE FROM events WHERE id = $1", {row.id});
  });
}

// Who sent a step last is asked by older releases: by the events before it, in any of their runs. Where none
// is left, nobody asks any more.
Result<std::optional<Mark>> prune_marks(Ledger& ledger, const Mark& after) {
  sql::Connection& db = ledger.db();
  std::int64_t oldest = 0;  // no event at all: all go
  TRY_DONE(db.each("SELECT coalesce(min(id), 9223372036854775807) FROM events", {},
                   [&](const sql::Row& row) { oldest = row.integer(0); }));
  std::vector<Mark> gone;
  std::optional<Mark> last;
  int seen = 0;
  TRY_DONE(db.each(
      "SELECT workflow, step, queue_key, event FROM high_water WHERE (workflow, step, queue_key) > ($1, $2, "
      "$3) ORDER BY workflow, step, queue_key LIMIT $4",
      {after.workflow, after.step, after.canary, kPortion}, [&](const sql::Row& row) {
        last = Mark{row.text(0), row.text(1), row.text(2)};
        if (row.integer(3) < oldest) gone.push_back(*last);
        ++seen;
      }));
  for (const Mark& mark : gone) {
    TRY_DONE(db.run("DELETE FROM high_water WHERE workflow = $1 AND step = $2 AND queue_key = $3",
                    {mark.workflow, mark.step, mark.canary}));
  }
  return seen < kPortion ? std::nullopt : last;
}

// Canaries that call before and during a rollout, and never after it. A call that old is no repeat's.
Status prune_openings(Ledger& ledger, Instant before) {
  TRY_DONE(ledger.db().run("DELETE FROM last_refusals WHERE since < $1", {before}));
  return ledger.db().run("DELETE FROM openings WHERE at < $1", {before});
}

Status prune_texts(Ledger& ledger) {
  TRY_DONE(ledger.db().run(
      "DELETE FROM texts WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.text = texts.id) AND "
      "NOT EXISTS (SELECT 1 FROM runs WHERE runs.data = texts.id AND runs.data <> 0)"));
  ledger.forget_texts();
  return ok();
}

}  // namespace postlude::ledger
