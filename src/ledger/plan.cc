// From an event to its runs: once per event, all of them or none.

#include "base/check.h"
#include "base/json.h"
#include "base/quoted.h"
#include "ledger/commands.h"
#include "ledger/rows.h"

namespace postlude::ledger {

namespace {

// Kept as failed, and nobody's turn: it has never had one, so none follows from its end.
Status fail_at_once(Ledger& ledger, StoredRun& stored, const NewRun& wanted, Instant now) {
  stored.leases.resize(stored.run.steps.size());
  for (std::size_t i = 0; i < stored.run.steps.size(); ++i) {
    Step& step = stored.run.steps[i];
    step.state = StepState::kSkipped;
    step.reason = "the run could not begin";
    step.finished_at = now;
    TRY_DONE(save_step(ledger, stored, i));
  }
  stored.queues = false;
  stored.run.cause = wanted.cause;
  return change_state(ledger, stored, RunState::kFailed, wanted.failed, now);
}

// `replace`: what older releases have not begun is left out. A newer one is never replaced.
Status replace_older(Ledger& ledger, const StoredRun& newer, Instant now) {
  std::vector<RunId> older;
  TRY_DONE(
      ledger.db().each("SELECT id FROM runs WHERE workflow = $1 AND queue_key = $2 AND state <= 3 AND queues "
                       "= 1 AND event < $3 "
                       "AND cancel = ''",
                       {newer.run.workflow, newer.run.queue_key, newer.run.event.value},
                       [&](const sql::Row& row) { older.push_back(RunId{row.integer(0)}); }));
  for (const RunId id : older) {
    TRY(auto stored, take_run(ledger, id));
    CHECK(stored.has_value());
    if (terminal(stored->run.state)) continue;
    TRY_DONE(cancel_stored(ledger, *stored, "replaced by " + newer.run.event.text(), now));
    TRY_DONE(
        ledger.audit(now, "postlude", "run.replaced", id.text(), "by a run on " + newer.run.event.text()));
  }
  return ok();
}

Status start_one(Ledger& ledger, EventId event, std::string_view source, const NewRun& wanted, Instant now) {
  StoredRun stored;
  stored.run.event = event;
  stored.run.source = source;
  if (wanted.replaces && wanted.queues && wanted.failed.empty()) {
    stored.run.workflow = wanted.workflow;
    stored.run.queue_key = wanted.queue_key;
    TRY_DONE(replace_older(ledger, stored, now));
  }
  TRY_DONE(start_run(ledger, stored, wanted, now));
  stored.leases.resize(stored.run.steps.size());
  ledger.remember(std::move(stored));
  return ok();
}

}  // namespace

Status start_run(Ledger& ledger, StoredRun& stored, const NewRun& wanted, Instant now) {
  stored.queues = wanted.queues;
  stored.timeout = wanted.timeout;
  stored.team = wanted.team;
  Run& run = stored.run;
  run.workflow = wanted.workflow;
  run.queue_key = wanted.queue_key;
  run.created_at = now;
  run.vars = wanted.vars;
  run.uncomputed = wanted.uncomputed;
  run.steps = wanted.steps;
  run.shadow = wanted.shadow;
  TRY(run.text, ledger.pin(wanted.workflow, wanted.text));
  // Under a name that no workflow can have.
  if (wanted.data != nullptr && !wanted.data->empty()) {
    TRY(run.data, ledger.pin(" data", *wanted.data));
  }
  for (Step& step : run.steps) {
    step.state = StepState::kPending;
    step.due_at = std::nullopt;
  }
  const bool begins = wanted.failed.empty();
  if (begins) {
    TRY(run.waits_turn, must_queue(ledger, stored));
    if (!run.waits_turn)
      CHECK(!terminal(activate(ledger, stored, now).run));  // it has steps, and none has ended
  }
  TRY_DONE(insert_run(ledger, stored));
  TRY_DONE(ledger.audit(now, "postlude", "run.created", run.id.text(),
                        wanted.workflow + " on " + run.event.text()));
  return begins ? ok() : fail_at_once(ledger, stored, wanted, now);
}

// Copies values that are JSON already without parsing them.
std::string plan_text(const std::vector<Planned>& plan) {
  std::string out = "[";
  for (const Planned& p : plan) {
    if (out.size() > 1) out += ',';
    out += R"({"workflow":)" + json_quoted(p.workflow) + R"(,"runs":)" + (p.runs ? "true" : "false") +
           R"(,"why":)" + json_quoted(p.why);
    if (!p.trace.empty()) out += R"(,"trace":)" + p.trace;
    out += '}';
  }
  return out + "]";
}

Result<std::vector<Event>> unplanned(Ledger& ledger, std::size_t limit) {
  static const std::string kSql =
      select_events(true) + "WHERE e.planned = 0 AND e.id > $1 ORDER BY e.id LIMIT 1";
  // One by one, so that a few large payloads do not meet in memory.
  std::vector<Event> out;
  std::size_t bytes = 0;
  std::int64_t after = 0;
  while (out.size() < limit && bytes < kUnplannedBytes) {
    const std::size_t before = out.size();
    TRY_DONE(ledger.db().each(kSql, {after}, [&](const sql::Row& row) { out.push_back(event_of(row)); }));
    if (out.size() == before) break;
    after = out.back().id.value;
    bytes += bytes_of(out.back());
  }
  return out;
}

Status start(Ledger& ledger, EventId event, const std::vector<NewRun>& runs, const std::vector<Planned>& plan,
             Instant now) {
  bool found = false;
  bool planned = false;
  std::string source;
  TRY_DONE(ledger.db().each("SELECT planned, source FROM events WHERE id = $1", {event.value},
                            [&](const sql::Row& row) {
                              found = true;
                              planned = row.flag(0);
                              source = row.text(1);
                            }));
  if (!found) return Error(Code::kNotFound, "no event " + event.text());
  if (planned) return Error(Code::kConflict, event.text() + " has its runs already");
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].steps.empty()) return Error(Code::kInvalid, "workflow " + runs[i].workflow + " has no steps");
    for (std::size_t j = 0; j < i; ++j) {
      if (runs[j].workflow == runs[i].workflow) {
        return Error(Code::kInvalid, "workflow " + runs[i].workflow + " is named twice");
      }
    }
  }
  TRY_DONE(ledger.db().run("UPDATE events SET planned = 1, plan = $2 WHERE id = $1",
                           {event.value, plan_text(plan)}));
  for (const NewRun& run : runs)
    TRY_DONE(start_one(ledger, event, source, run, now));
  return ok();
}

std::vector<Planned> read_plan(std::string_view text) {
  std::vector<Planned> out;
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_array()) return out;
  for (const json::value& entry : parsed->get_array()) {
    const json::value* runs = find(entry, "runs");
    const json::value* trace = find(entry, "trace");
    out.push_back(Planned{std::string(find_text(entry, "workflow")), runs != nullptr && *runs == true,
                          std::string(find_text(entry, "why")), trace == nullptr ? "" : to_text(*trace)});
  }
  return out;
}

}  // namespace postlude::ledger
