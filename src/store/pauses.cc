// What people, or a storm, hold back: runs stay where they are, intake goes on.

#include "store/commands.h"
#include "store/rows.h"

namespace postlude::store {

namespace {

// The steps of paused runs are out of the way of those that look for work.
Status move_lanes(Ledger& ledger, const std::string& kind, const std::string& name) {
  if (kind == "target" || kind == "all") return ok();  // these are asked for at each claim
  const std::string column = kind == "workflow" ? "workflow" : kind == "source" ? "source" : "team";
  struct Row {
    std::int64_t step = 0;
    std::string lane;
  };
  std::vector<Row> rows;
  TRY_DONE(ledger.db().each(
      "SELECT s.id, s.lane, s.target, r.workflow, r.source, r.team FROM runs r JOIN steps s ON s.run = r.id "
      "WHERE r." +
          column + " = $1 AND r.state <= 3 AND s.state <= 3",
      {name}, [&](const sql::Row& row) {
        std::string lane = ledger.lane_of(row.bytes(3), row.bytes(4), row.bytes(5), row.text(2));
        if (lane != row.bytes(1)) rows.push_back({row.integer(0), std::move(lane)});
      }));
  for (const Row& row : rows)
    TRY_DONE(ledger.db().run("UPDATE steps SET lane = $2 WHERE id = $1", {row.step, row.lane}));
  return ok();
}

// Time in which people held runs back counts for none of their timeouts (contract 9): those that nothing
// holds any more get it back, and so do the steps of theirs that back off.
Status give_time_back(Ledger& ledger, const std::string& kind, const std::string& name, Instant since,
                      Instant now) {
  std::string mine = "$1 = $1";
  if (kind == "target") {
    mine = "EXISTS (SELECT 1 FROM steps s WHERE s.run = runs.id AND s.target = $1 AND s.state <= 3)";
  } else if (kind != "all") {
    mine = (kind == "workflow" ? "workflow" : kind == "source" ? "source" : "team") + std::string(" = $1");
  }
  const std::string held_time = "($3 - CASE WHEN runs.created_at > $2 THEN runs.created_at ELSE $2 END)";
  const std::string free =
      " AND runs.state <= 3 AND runs.people_since IS NULL AND NOT EXISTS (SELECT 1 FROM pauses p WHERE "
      "p.kind = 'all' "
      "OR (p.kind = 'workflow' AND p.name = runs.workflow) OR (p.kind = 'source' AND p.name = runs.source) "
      "OR (p.kind "
      "= 'team' AND p.name = runs.team))";
  TRY_DONE(ledger.db().run(
      "UPDATE steps SET first_at = first_at + (SELECT " + held_time +
          " FROM runs WHERE runs.id = steps.run) WHERE state = 1 AND first_at IS NOT NULL AND run "
          "IN (SELECT id FROM runs WHERE " +
          mine + free + ")",
      {name, since, now}));
  TRY_DONE(ledger.db().run("UPDATE runs SET deadline_at = deadline_at + " + held_time +
                               " WHERE deadline_at IS NOT NULL AND " + mine + free,
                           {name, since, now}));
  ledger.forget_runs();
  return ok();
}

bool known_kind(const std::string& kind) {
  return kind == "workflow" || kind == "target" || kind == "team" || kind == "source" || kind == "all";
}

}  // namespace

Status pause(Ledger& ledger, const Pause& pause) {
  if (!known_kind(pause.kind))
    return Error(Code::kInvalid, "nothing of the kind " + pause.kind + " can be paused");
  if (ledger.paused(pause.kind, pause.name)) return Error(Code::kConflict, "it is paused already");
  TRY_DONE(ledger.db().run("INSERT INTO pauses (kind, name, at, actor, why) VALUES ($1, $2, $3, $4, $5)",
                           {pause.kind, pause.name, pause.at, pause.actor, pause.why}));
  TRY_DONE(ledger.load_pauses());
  TRY_DONE(move_lanes(ledger, pause.kind, pause.name));
  return ledger.audit(pause.at, pause.actor, "paused", pause.kind,
                      pause.name + (pause.why.empty() ? "" : ": " + pause.why));
}

Status unpause(Ledger& ledger, const std::string& kind, const std::string& name, const std::string& actor,
               Instant now) {
  if (!known_kind(kind)) return Error(Code::kInvalid, "nothing of the kind " + kind + " can be paused");
  if (!ledger.paused(kind, name)) return Error(Code::kConflict, "it is not paused");
  Instant since = now;
  TRY_DONE(ledger.db().each("SELECT at FROM pauses WHERE kind = $1 AND name = $2", {kind, name},
                            [&](const sql::Row& row) { since = row.time(0); }));
  TRY_DONE(ledger.db().run("DELETE FROM pauses WHERE kind = $1 AND name = $2", {kind, name}));
  TRY_DONE(ledger.load_pauses());
  TRY_DONE(move_lanes(ledger, kind, name));
  if (since < now) TRY_DONE(give_time_back(ledger, kind, name, since, now));
  ledger.falls_due(now);
  return ledger.audit(now, actor, "unpaused", kind, name);
}

Result<std::vector<Pause>> list_pauses(sql::Connection& db) {
  std::vector<Pause> out;
  TRY_DONE(db.each("SELECT kind, name, at, actor, why FROM pauses ORDER BY kind, name", {},
                   [&](const sql::Row& row) {
                     out.push_back({row.text(0), row.text(1), row.time(2), row.text(3), row.text(4)});
                   }));
  return out;
}

}  // namespace postlude::store
