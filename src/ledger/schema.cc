#include "ledger/schema.h"

#include <array>
#include <charconv>

#include "base/hash.h"

namespace postlude::ledger {

namespace {

// Words that the dialect fills in: @id a 64-bit primary key, @int, @blob, @keyed a table stored in its key's
// order. Integers hold enumerations by their stored values, instants in microseconds, and truth as 0 and 1.
constexpr std::string_view kVersion1 = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)@keyed;

-- Ids are handed out from blocks: `next` is the first one of no block yet. They are never used twice.
CREATE TABLE sequences (name TEXT PRIMARY KEY, next @int NOT NULL)@keyed;

-- How many runs there are in each state, so that nobody has to count them.
CREATE TABLE totals (state @int PRIMARY KEY, n @int NOT NULL)@keyed;

CREATE TABLE deliveries (id @id, source TEXT NOT NULL, cluster TEXT NOT NULL, hook TEXT NOT NULL,
  received_at @int NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL, remote TEXT NOT NULL,
  headers TEXT NOT NULL, verdict @int NOT NULL, reason TEXT NOT NULL, proof TEXT NOT NULL,
  status @int NOT NULL,
  event @int, body TEXT NOT NULL);
CREATE INDEX deliveries_repeated ON deliveries (event) WHERE verdict = 2;

-- payload: null where it is the delivery's body. known: the key in `known` that goes when the event goes.
CREATE TABLE events (id @id, nonce TEXT NOT NULL, delivery @int, source TEXT NOT NULL, cluster TEXT NOT NULL,
  hook TEXT NOT NULL, origin @int NOT NULL, received_at @int NOT NULL, team TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL, phase TEXT NOT NULL, outcome TEXT NOT NULL, checksum TEXT NOT NULL,
  planned @int NOT NULL,
  known @blob, metadata TEXT NOT NULL, plan TEXT, payload TEXT);
CREATE INDEX events_unplanned ON events (id) WHERE planned = 0;

-- Contract 4. calls: the last post-rollout of a canary; `followed`: something else came after it;
-- `opened`: there
-- are openings. openings: pre-rollout and rollout calls since. known: ids of senders, and keys made for good.
CREATE TABLE calls (source TEXT NOT NULL, cluster TEXT NOT NULL, canary TEXT NOT NULL, digest TEXT NOT NULL,
  at @int NOT NULL, event @int NOT NULL, followed @int NOT NULL, opened @int NOT NULL,
  PRIMARY KEY (source, cluster, canary))@keyed;
CREATE TABLE openings (source TEXT NOT NULL, cluster TEXT NOT NULL, canary TEXT NOT NULL, hook TEXT NOT NULL,
  key TEXT NOT NULL, at @int NOT NULL, event @int NOT NULL,
  PRIMARY KEY (source, cluster, canary, hook, key))@keyed;
CREATE TABLE known (key @blob PRIMARY KEY, digest TEXT NOT NULL, event @int NOT NULL)@keyed;

CREATE TABLE texts (id @id, hash @blob NOT NULL UNIQUE, text TEXT NOT NULL);

-- queues: waits for earlier runs of its workflow and queue_key. replay_of: null for an event's original run.
CREATE TABLE runs (id @id, event @int NOT NULL, workflow TEXT NOT NULL, text @int NOT NULL,
  queue_key TEXT NOT NULL, queues @int NOT NULL, state @int NOT NULL, reason TEXT NOT NULL,
  created_at @int NOT NULL,
  started_at @int, finished_at @int, deadline_at @int, timeout @int, stale @int NOT NULL, replay_of @int,
  vars TEXT NOT NULL);
CREATE UNIQUE INDEX runs_original ON runs (event, workflow) WHERE replay_of IS NULL;
CREATE INDEX runs_queue ON runs (workflow, queue_key, event) WHERE state <= 3 AND queues = 1;
CREATE INDEX runs_failed ON runs (id) WHERE state = 5;
CREATE INDEX runs_text ON runs (text);

-- attempts: claims since it last began anew; number: of the last attempt. attempt, token: the lease, 0
-- without.
-- held_at: since when it waits for a person. waited: its last claim found it waiting.
CREATE TABLE steps (id @id, run @int NOT NULL, idx @int NOT NULL, state @int NOT NULL, attempts @int NOT NULL,
  number @int NOT NULL, attempt @int NOT NULL, token @int NOT NULL, due_at @int, first_at @int, now @int,
  unclear @int NOT NULL, held_at @int, waited @int NOT NULL, started_at @int, finished_at @int,
  after_failure @int NOT NULL, target TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL,
  uses TEXT NOT NULL,
  reason TEXT NOT NULL, input TEXT NOT NULL, outputs TEXT NOT NULL);
CREATE UNIQUE INDEX steps_of_run ON steps (run, idx);
CREATE INDEX steps_due ON steps (target, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX steps_running ON steps (id) WHERE state = 2;

CREATE TABLE attempts (step @int NOT NULL, id @int NOT NULL, number @int NOT NULL, started_at @int NOT NULL,
  ended_at @int, outcome TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY (step, id))@keyed;

CREATE TABLE requests (id @id, step @int NOT NULL, attempt @int NOT NULL, name TEXT NOT NULL,
  effect @int NOT NULL,
  result @int NOT NULL, status @int NOT NULL, sent_at @int, ended_at @int, key TEXT NOT NULL,
  method TEXT NOT NULL,
  url TEXT NOT NULL, why TEXT NOT NULL, headers TEXT NOT NULL, body TEXT NOT NULL, response TEXT NOT NULL);
CREATE INDEX requests_of_step ON requests (step);

-- The newest event whose run has sent this step's state (protocol 3). queue_key: of the canary, whatever the
-- runs queue behind.
CREATE TABLE high_water (workflow TEXT NOT NULL, step TEXT NOT NULL, queue_key TEXT NOT NULL,
  event @int NOT NULL,
  PRIMARY KEY (workflow, step, queue_key))@keyed;

CREATE TABLE audit (seq @id, at @int NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL, chain @blob NOT NULL);
)sql";

// Workflows as graphs, people and callbacks, shadow runs, replays, pauses, shared effects.
constexpr std::string_view kVersion2 = R"sql(
-- lane: what a claim looks through: the step's target, with ! before it while it is paused. needs: indexes,
-- with commas. element_of, announces: an index. part: what effect keys and high_water know the step by.
-- asks: waits for an approval. freed: a person had it repeated. trace: why it ran or not.
ALTER TABLE steps ADD COLUMN definition @int NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN list @int NOT NULL DEFAULT 1;
ALTER TABLE steps ADD COLUMN needs TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN element_of @int;
ALTER TABLE steps ADD COLUMN announces @int;
ALTER TABLE steps ADD COLUMN item TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN part TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN continues @int NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN spread @int NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN asks @int NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN freed @int NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN trace TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN lane TEXT NOT NULL DEFAULT '';
UPDATE steps SET definition = idx, lane = target,
  needs = CASE WHEN idx = 0 THEN '' ELSE CAST(idx - 1 AS TEXT) END,
  part = CASE WHEN name <> '' THEN name ELSE uses || '#' || (SELECT CAST(count(*) AS TEXT) FROM steps s
    WHERE s.run = steps.run AND s.name = '' AND s.uses = steps.uses AND s.idx <= steps.idx) END;
DROP INDEX steps_due;
CREATE INDEX steps_due ON steps (lane, due_at, id) WHERE due_at IS NOT NULL;
DELETE FROM high_water WHERE step LIKE '%#%';

-- people_since: since when a person is waited for. data: the pinned tables, a text.
-- salt: of `replay --again`. cancel: who cancels it. cause: of its failure, as failures are grouped.
ALTER TABLE runs ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN team TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN people_since @int;
ALTER TABLE runs ADD COLUMN data @int NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN shadow @int NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN dismissed @int NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN salt TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN cancel TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN cause TEXT NOT NULL DEFAULT '';
UPDATE runs SET source = coalesce((SELECT source FROM events e WHERE e.id = runs.event), '');
UPDATE runs SET cause = reason WHERE state = 5;
CREATE INDEX runs_replays ON runs (event, workflow) WHERE replay_of IS NOT NULL;
CREATE INDEX runs_data ON runs (data) WHERE data <> 0;
CREATE INDEX runs_causes ON runs (cause, workflow, id) WHERE state = 5 AND dismissed = 0;

-- What came from outside for a step: an approval, a rejection, a callback. One each.
CREATE TABLE answers (step @int PRIMARY KEY, kind @int NOT NULL, actor TEXT NOT NULL, body TEXT NOT NULL,
  at @int NOT NULL)@keyed;

-- What is held back by people: kind is workflow, target, team, source or all.
CREATE TABLE pauses (kind TEXT NOT NULL, name TEXT NOT NULL, at @int NOT NULL, actor TEXT NOT NULL,
  why TEXT NOT NULL, PRIMARY KEY (kind, name))@keyed;

-- Effects that belong to a target and a key of the user's, not to a run: what the first use yielded, and
-- which attempt has it in hand.
CREATE TABLE keyed (target TEXT NOT NULL, key TEXT NOT NULL, outputs TEXT NOT NULL, step @int NOT NULL,
  attempt @int NOT NULL, event @int NOT NULL, PRIMARY KEY (target, key))@keyed;
)sql";

// Counts by workflow, and who waits for people, without counting rows.
constexpr std::string_view kVersion3 = R"sql(
CREATE TABLE totals_by_workflow (workflow TEXT NOT NULL, state @int NOT NULL, n @int NOT NULL,
  PRIMARY KEY (workflow, state))@keyed;
INSERT INTO totals_by_workflow (workflow, state, n)
  SELECT workflow, state, count(*) FROM runs GROUP BY workflow, state;
CREATE INDEX steps_asking ON steps (id) WHERE asks = 1;
)sql";

// What a cluster told of an event's canary and release, as JSON; null where none did.
constexpr std::string_view kVersion4 = R"sql(
ALTER TABLE events ADD COLUMN canary TEXT;
ALTER TABLE events ADD COLUMN release TEXT;
)sql";

// over_by: until when at the latest a step waits for what it started; null before.
constexpr std::string_view kVersion5 = R"sql(
ALTER TABLE steps ADD COLUMN over_by @int;
-- What is under way is found without what has ended.
CREATE INDEX runs_live ON runs (id) WHERE state <= 3;
)sql";

// What people asked for with an Idempotency-Key. status: of the answer; 0 while there is none, -1 when there
// never will be one.
constexpr std::string_view kVersion6 = R"sql(
CREATE TABLE once (id @id, caller TEXT NOT NULL, key TEXT NOT NULL, digest @blob NOT NULL, at @int NOT NULL,
  status @int NOT NULL, answer @blob NOT NULL);
CREATE UNIQUE INDEX once_key ON once (caller, key);

-- key: the one in `keyed` that the step has taken; '': none. made: what belongs to the key was made, and
-- nobody knows what it yielded.
ALTER TABLE steps ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE keyed ADD COLUMN made @int NOT NULL DEFAULT 0;

-- Who is under way comes first, then those that wait for their turn, the oldest first: whose turn it is, is
-- the first row.
DROP INDEX runs_queue;
CREATE INDEX runs_queue ON runs (workflow, queue_key, (state = 1 AND deadline_at IS NULL), event)
  WHERE state <= 3 AND queues = 1;
)sql";

// refusals: of calls with proof that were refused as the one before: how many followed this delivery.
// last_refusals: which delivery that is, by canary and hook. An index of what callers without proof left.
constexpr std::string_view kVersion7 = R"sql(
CREATE TABLE refusals (delivery @int PRIMARY KEY, n @int NOT NULL, last_at @int NOT NULL)@keyed;
CREATE TABLE last_refusals (source TEXT NOT NULL, cluster TEXT NOT NULL, canary TEXT NOT NULL,
  hook TEXT NOT NULL, digest @blob NOT NULL, since @int NOT NULL, delivery @int NOT NULL,
  PRIMARY KEY (source, cluster, canary, hook))@keyed;
CREATE INDEX deliveries_unproved ON deliveries (id) WHERE verdict = 4 AND (proof = '' OR status = 429);
)sql";

// Who is held for a person, without looking at all steps.
constexpr std::string_view kVersion8 = R"sql(
CREATE INDEX steps_held ON steps (run) WHERE held_at IS NOT NULL;
)sql";

// checksum: another one closes the opening.
constexpr std::string_view kVersion9 = R"sql(
ALTER TABLE openings ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
UPDATE openings SET checksum = coalesce((SELECT e.checksum FROM events e WHERE e.id = openings.event), '');
)sql";

// round: of onFailure and finally, how often the run was retried since they first ran. cause: of a held step,
// as they are grouped.
constexpr std::string_view kVersion10 = R"sql(
ALTER TABLE steps ADD COLUMN round @int NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN cause TEXT NOT NULL DEFAULT '';
UPDATE steps SET cause = title || ': ' || reason WHERE held_at IS NOT NULL;
CREATE INDEX steps_by_cause ON steps (cause, id) WHERE held_at IS NOT NULL;

-- generation: how often what belongs to the key was gone, or a person had it forgotten; each has keys of its
-- own. last_step: that has had the key in its hands.
ALTER TABLE keyed ADD COLUMN generation @int NOT NULL DEFAULT 0;
ALTER TABLE keyed ADD COLUMN first_at @int;
ALTER TABLE keyed ADD COLUMN last_at @int;
ALTER TABLE keyed ADD COLUMN last_step @int NOT NULL DEFAULT 0;
)sql";

// canary: as the call named it. Whose time is over, is found without looking at all runs.
constexpr std::string_view kVersion11 = R"sql(
ALTER TABLE deliveries ADD COLUMN canary TEXT NOT NULL DEFAULT '';
UPDATE deliveries SET canary = coalesce((SELECT e.namespace || '/' || e.name FROM events e
  WHERE e.id = deliveries.event AND e.name <> ''), '') WHERE event IS NOT NULL;
CREATE INDEX runs_deadline ON runs (deadline_at) WHERE state <= 3 AND people_since IS NULL;
)sql";

// raw: the body where it is no text; `body` is empty then.
constexpr std::string_view kVersion12 = R"sql(
ALTER TABLE deliveries ADD COLUMN raw @blob;
)sql";

// because: why it was skipped or waits, as `reason` says it to people (Because).
constexpr std::string_view kVersion13 = R"sql(
ALTER TABLE steps ADD COLUMN because @int NOT NULL DEFAULT 0;
UPDATE steps SET because = CASE WHEN reason LIKE 'superseded%' THEN 4 WHEN reason LIKE 'if: %' THEN 1
  WHEN reason = 'no step failed' THEN 3 WHEN trace = '' AND reason LIKE '% failed' THEN 2 ELSE 0 END
  WHERE state = 6;
UPDATE steps SET because = 5 WHERE state <= 3 AND reason LIKE 'another step works on the key%';
)sql";

// because: also of what people decided, or nobody did in time, and of jobs. settled_by: who said what became
// of a request that was unclear. cut: the answer's body was longer than what is stored of it.
constexpr std::string_view kVersion14 = R"sql(
UPDATE steps SET because = CASE WHEN state = 6 AND reason LIKE 'skipped by %' THEN 6
  WHEN state = 5 AND target <> '' AND reason LIKE 'failed by %' THEN 7
  WHEN state = 5 AND uses = 'approval' AND reason LIKE 'rejected by %' THEN 8
  WHEN uses = 'approval' AND reason LIKE 'nobody approved within %' THEN 9
  WHEN state = 5 AND uses = 'callback' AND reason LIKE 'nobody called back within %' THEN 9
  WHEN state = 4 AND uses = 'approval' AND outputs LIKE '%"comment":"nobody approved within %'
    AND outputs LIKE '%"by":null%' THEN 9
  WHEN state = 5 AND target <> '' AND reason LIKE 'the job failed: %' THEN 10
  WHEN state = 5 AND target <> '' AND reason LIKE 'the job did not end within %' THEN 11
  ELSE because END WHERE state IN (4, 5, 6) AND because = 0;
ALTER TABLE requests ADD COLUMN settled_by TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN cut @int NOT NULL DEFAULT 0;
UPDATE requests SET settled_by = CASE WHEN why LIKE 'settled by %' THEN substr(why, 12) ELSE '' END,
  cut = CASE WHEN response LIKE '%… (cut)"%' THEN 1 ELSE 0 END
  WHERE why LIKE 'settled by %' OR response LIKE '%… (cut)"%';
)sql";

// waits_turn: queued behind another run; until now, queued without a deadline. uncomputed: its vars or its
// queue's key could not be computed; until now, vars that are null. paused: its run's workflow, source or
// team is; until now, a ! before the lane, which was the target otherwise.
constexpr std::string_view kVersion15 = R"sql(
ALTER TABLE runs ADD COLUMN waits_turn @int NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN uncomputed @int NOT NULL DEFAULT 0;
UPDATE runs SET waits_turn = 1 WHERE state = 1 AND deadline_at IS NULL;
UPDATE runs SET uncomputed = 1 WHERE vars = 'null';
DROP INDEX runs_queue;
CREATE INDEX runs_queue ON runs (workflow, queue_key, waits_turn, event) WHERE state <= 3 AND queues = 1;
ALTER TABLE steps ADD COLUMN paused @int NOT NULL DEFAULT 0;
UPDATE steps SET paused = 1 WHERE lane LIKE '!%';
DROP INDEX steps_due;
ALTER TABLE steps DROP COLUMN lane;
CREATE INDEX steps_due ON steps (paused, target, due_at, id) WHERE due_at IS NOT NULL;
)sql";

constexpr std::array<std::string_view, 15> kSteps{kVersion1,  kVersion2,  kVersion3,  kVersion4,  kVersion5,
                                                  kVersion6,  kVersion7,  kVersion8,  kVersion9,  kVersion10,
                                                  kVersion11, kVersion12, kVersion13, kVersion14, kVersion15};

std::string in_dialect(std::string_view text, const Words& words) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '@') {
      out.push_back(text[at]);
      continue;
    }
    std::size_t end = at + 1;
    while (end < text.size() && text[end] >= 'a' && text[end] <= 'z')
      ++end;
    out += words(text.substr(at + 1, end - at - 1));
    at = end - 1;
  }
  return out;
}

// A comment may stand before a statement, and none of them holds a semicolon inside.
std::vector<std::string> split(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    if (!text.starts_with("--")) clean += text.substr(0, end + 1);
    text.remove_prefix(end + 1);
  }
  std::vector<std::string> out;
  std::size_t from = 0;
  for (std::size_t at = clean.find(';'); at != std::string::npos; at = clean.find(';', from)) {
    out.push_back(clean.substr(from, at - from));
    from = at + 1;
  }
  return out;
}

Status apply(sql::Connection& db, std::size_t from) {
  for (const std::string& statement : schema_statements(from, [&db](auto name) { return db.word(name); }))
    TRY_DONE(db.run(statement));
  if (from == 0) {
    TRY_DONE(db.run("INSERT INTO meta (key, value) VALUES ('secret', $1)", {to_hex(random_bytes(16))}));
    for (int state = 1; state <= 6; ++state) {
      TRY_DONE(db.run("INSERT INTO totals (state, n) VALUES ($1, 0)", {state}));
    }
  }
  return db.run(
      "INSERT INTO meta (key, value) VALUES ('schema', $1) ON CONFLICT (key) DO UPDATE SET value = "
      "excluded.value",
      {std::to_string(kSteps.size())});
}

}  // namespace

std::vector<std::string> schema_statements(std::size_t from, const Words& words) {
  std::vector<std::string> out;
  for (std::size_t version = from; version < kSteps.size(); ++version) {
    for (std::string& statement : split(in_dialect(kSteps[version], words)))
      out.push_back(std::move(statement));
  }
  return out;
}

Result<Schemas> schemas(sql::Connection& db) {
  Schemas out;
  out.known = kSteps.size();
  TRY(const bool exists, db.has_schema());
  if (!exists) return out;
  std::string text;
  TRY_DONE(db.each("SELECT value FROM meta WHERE key = 'schema'", {},
                   [&](const sql::Row& r) { text = r.text(0); }));
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out.stored);
  if (read.ec != std::errc() || out.stored == 0)
    return Error(Code::kCorrupt, "the store has no schema version");
  if (out.stored > out.known) {
    return Error(Code::kCorrupt, "the store has schema " + std::to_string(out.stored) +
                                     " and this postlude knows " + std::to_string(out.known) +
                                     ": it was written by a newer one");
  }
  return out;
}

Status migrate(sql::Connection& db) {
  TRY(const Schemas schema, schemas(db));
  if (schema.stored == schema.known) return ok();
  TRY_DONE(db.begin());
  const Status done = apply(db, schema.stored);
  if (!done) {
    db.roll_back();
    return done.error();
  }
  return db.commit();
}

}  // namespace postlude::ledger
