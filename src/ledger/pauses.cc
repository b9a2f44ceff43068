// Pauses by people or by a storm: runs stay where they are, intake goes on.

#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

namespace {

// The steps of paused runs are out of the way of those that look for work.
Status mark_paused(Ledger& ledger, const std::string& kind, const std::string& name) {
  if (kind == "target" || kind == "all") return ok();  // these are asked for at each claim
  const std::string column = kind == "workflow" ? "workflow" : kind == "source" ? "source" : "team";
  struct Row {
    std::int64_t run = 0;
    bool paused = false;
  };
  std::vector<Row> rows;
  TRY_DONE(ledger.db().each(
      "SELECT r.id, r.workflow, r.source, r.team FROM runs r WHERE r." + column + " = $1 AND r.state <= 3",
      {name}, [&](const sql::Row& row) {
        rows.push_back({row.integer(0), ledger.run_paused(row.bytes(1), row.bytes(2), row.bytes(3))});
      }));
  for (const Row& row : rows) {
    TRY_DONE(ledger.db().run("UPDATE steps SET paused = $2 WHERE run = $1 AND state <= 3 AND paused <> $2",
                             {row.run, row.paused}));
  }
  return ok();
}

// Time in which people held runs back counts for none of their timeouts (contract 9), nor for steps of theirs
// that back off. What several of them held at once is given back once: the part before the others by the one
// that ends, the rest when these end. So it is with a person who is waited for.
Status give_time_back(Ledger& ledger, const std::string& kind, const std::string& name, Instant since,
                      Instant now) {
  struct Row {
    std::int64_t id = 0;
    Instant from, until;
    std::string workflow, source, team;
  };
  std::string mine = "$1 = $1";
  if (kind == "target") {
    mine = "EXISTS (SELECT 1 FROM steps s WHERE s.run = r.id AND s.target = $1 AND s.state <= 3)";
  } else if (kind != "all") {
    mine = "r." + kind + " = $1";
  }
  std::vector<Row> rows;
  TRY_DONE(
      ledger.db().each("SELECT r.id, r.created_at, r.people_since, r.workflow, r.source, r.team FROM runs r "
                       "WHERE r.state <= 3 "
                       "AND " +
                           mine,
                       {name}, [&](const sql::Row& row) {
                         rows.push_back({row.integer(0), std::max(since, row.time(1)),
                                         std::min(now, row.maybe_time(2).value_or(now)), row.text(3),
                                         row.text(4), row.text(5)});
                       }));
  for (const Row& row : rows) {
    Status asked = ok();
    const auto has = [&](const std::string& target) {
      bool found = false;
      const Status done =
          ledger.db().each("SELECT 1 FROM steps WHERE run = $1 AND target = $2 AND state <= 3 LIMIT 1",
                           {row.id, target}, [&](const sql::Row&) { found = true; });
      if (!done) asked = done;
      return found;
    };
    const auto held = ledger.held_since(row.workflow, row.source, row.team, has);
    TRY_DONE(asked);
    const Duration given = std::min(row.until, held.value_or(row.until)) - row.from;
    if (given <= Duration(0)) continue;
    const auto by = static_cast<std::int64_t>(given.count());
    TRY_DONE(ledger.db().run(
        "UPDATE steps SET first_at = first_at + $2 WHERE run = $1 AND state = 1 AND first_at IS NOT NULL",
        {row.id, by}));
    TRY_DONE(ledger.db().run(
        "UPDATE runs SET deadline_at = deadline_at + $2 WHERE id = $1 AND deadline_at IS NOT NULL",
        {row.id, by}));
  }
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
  TRY_DONE(mark_paused(ledger, pause.kind, pause.name));
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
  TRY_DONE(mark_paused(ledger, kind, name));
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

}  // namespace postlude::ledger
