// What must hold when the faults are over, people have answered what was waiting for them, and all is quiet.

#include "base/json.h"
#include "sim/check.h"
#include "sim/world.h"

namespace postlude::sim {

namespace {

std::string id_of(std::int64_t id) {
  return std::to_string(id);
}

}  // namespace

void Check::answered(std::int64_t step, const std::string& body, bool certain) {
  const auto before = given_.find(step);
  if (certain && before != given_.end() && before->second.certain)
    world_.breaks("22", "step " + id_of(step) + " has accepted two callbacks");
  given_[step] = {body, certain};
}

// 23: nothing that unfinished work refers to is pruned.
void Check::pruned() {
  const std::int64_t orphans = world_.number(
      "SELECT count(*) FROM runs r WHERE r.state <= 3 AND (NOT EXISTS (SELECT 1 FROM events e WHERE e.id = "
      "r.event) OR "
      "NOT EXISTS (SELECT 1 FROM texts t WHERE t.id = r.text) OR NOT EXISTS (SELECT 1 FROM steps s WHERE "
      "s.run = "
      "r.id))");
  if (orphans > 0) world_.breaks("23", id_of(orphans) + " unfinished runs miss what they refer to");
  const std::int64_t bodies = world_.number(
      "SELECT count(*) FROM events e WHERE e.payload IS NULL AND NOT EXISTS (SELECT 1 FROM deliveries d "
      "WHERE d.id = "
      "e.delivery)");
  if (bodies > 0) world_.breaks("23", id_of(bodies) + " events miss their payload");
}

void Check::at_rest() {
  rest_of_rest();
  plans_at_rest();
  effects_at_rest();
  cards_at_rest();
  successes_at_rest();
  answers_at_rest();
  lists_at_rest();
}

// 24, 18: nothing is unplanned, leased, open or overdue; every run has ended.
void Check::rest_of_rest() {
  const auto none = [&](const char* invariant, const char* what, const char* sql) {
    const std::int64_t count = world_.number(sql);
    if (count > 0) world_.breaks(invariant, id_of(count) + " " + what);
  };
  none("24", "events are not planned", "SELECT count(*) FROM events WHERE planned = 0");
  none("24", "steps are leased", "SELECT count(*) FROM steps WHERE state = 2");
  none("24", "requests are open", "SELECT count(*) FROM requests WHERE result = 1");
  none("24", "runs have not ended", "SELECT count(*) FROM runs WHERE state <= 3");
  none("18", "timers are left", "SELECT count(*) FROM steps WHERE due_at IS NOT NULL");
  none("11", "keys are held by nobody",
       "SELECT count(*) FROM keyed k JOIN steps s ON s.id = k.step WHERE k.step <> 0 AND s.state < 4");
  for (const std::int64_t event : acknowledged_) {
    if (gone_.contains(event)) continue;
    if (world_.number("SELECT count(*) FROM events WHERE id = $1", {event}) == 0)
      world_.breaks("1", "acknowledged event " + id_of(event) + " is not there");
  }
}

// 7: each event has one original run of each workflow that is on it, or was too old for it.
void Check::plans_at_rest() {
  world_.query("SELECT id, hook, phase, namespace, metadata, received_at, plan FROM events ORDER BY id", {},
               [&](const auto& row) {
                 const Fact fact{row.text(1), row.text(2), row.text(3)};
                 const auto metadata = parse_json(row.bytes(4));
                 const bool production = metadata && find_text(*metadata, "environment") == "production";
                 for (const Flow* flow : world_.setting->flows) {
                   bool wanted = flow->runs_on(fact) && (flow->name != "dag" || production);
                   const auto planned = planned_at_.find(row.integer(0));
                   const Duration age =
                       planned == planned_at_.end() ? Duration(0) : planned->second - row.time(5);
                   const auto made = originals_.find({row.integer(0), flow->name});
                   const int runs = made == originals_.end() ? 0 : made->second;
                   if (wanted && runs == 0 && age > flow->max_age) {
                     world_.tally.met("stale, not run");
                     continue;
                   }
                   if (runs != (wanted ? 1 : 0)) {
                     world_.breaks("7", "event " + row.text(0) + " has " + std::to_string(runs) +
                                            " original runs of " + flow->name + ": " + row.text(6));
                   }
                 }
               });
}

// 12: no more effects than the class allows.
void Check::effects_at_rest() {
  for (const auto& [key, count] : effects) {
    const auto sends = sends_.find(key);
    if (sends == sends_.end()) continue;
    const Arrival& first = sends->second.front();
    const std::string& effect = effect_of_[key];
    world_.tally.met("effect made: " + effect);
    if (effect == "state") continue;
    std::size_t allowed = 1;
    // Over a restart the wall clock counts: set ahead before it, it makes a look come too early by as much.
    if (effect == "lookup" && world_.jumped_ahead > Duration(0)) ++allowed;
    const auto freed = freed_.find(first.logical);
    if (freed != freed_.end()) allowed += freed->second.size();
    if (effect == "none" && first.path == "/plain/repeat") {
      for (const Arrival& past : sends->second)
        allowed += may_have_acted(past.request) ? 1U : 0U;
    }
    if (static_cast<std::size_t>(count) > allowed) {
      world_.breaks("12", first.by + " (" + effect + " " + first.path + ") was done " +
                              std::to_string(count) + " times; " + std::to_string(allowed) + " are allowed");
    }
  }
}

// 12, for steps that share a key: the first use creates, later ones update. One that did not succeed may have
// created without anybody's knowing.
void Check::cards_at_rest() {
  for (const auto& [card, count] : cards) {
    const auto gone = cards_gone.find(card);
    std::int64_t allowed = 1 + (gone == cards_gone.end() ? 0 : gone->second) + cards_failed_ +
                           (world_.jumped_ahead > Duration(0) ? 1 : 0);  // as above
    for (const auto& [logical, times] : freed_)
      allowed += static_cast<std::int64_t>(times.size());
    if (count > allowed && runs_gone_.empty())
      world_.breaks("12", card + " was put up " + std::to_string(count) + " times");
  }
}

// 14: what succeeded was done.
void Check::successes_at_rest() {
  world_.query(
      "SELECT r.event, r.workflow, s.part, s.item, s.id FROM steps s JOIN runs r ON r.id = s.run WHERE "
      "s.state = 4 AND "
      "s.target <> '' AND s.announces IS NULL AND s.spread = 0 AND r.shadow = 0 AND s.name <> 'read'",
      {}, [&](const auto& row) {
        if (settled_.contains(row.integer(4))) return;
        const std::string part = row.text(2);
        std::string by =
            EventId{row.integer(0)}.text() + "/" + row.text(1) + "/" + part.substr(0, part.find('['));
        const auto item = parse_json(row.bytes(3));
        if (item && item->is_string()) by += "/" + std::string(item->get_string());
        world_.tally.met("writing step succeeded");
        if (effects_by.contains(by)) return;
        bool there = false;
        world_.query("SELECT key FROM requests WHERE step = $1 AND effect <> 1", {row.integer(4)},
                     [&](const auto& request) { there = there || exists.contains(request.text(0)); });
        if (!there)
          world_.breaks("14", "step " + row.text(4) + " (" + by + ") succeeded, and nobody did anything");
      });
}

// 22: an accepted callback reaches its step.
void Check::answers_at_rest() {
  for (const auto& [step, given] : given_) {
    world_.query(
        "SELECT s.state, s.outputs, s.reason, r.cancel FROM steps s JOIN runs r ON r.id = s.run WHERE s.id = "
        "$1",
        {step}, [&, &g = given](const auto& row) {
          const bool succeeded = row.integer(0) == static_cast<std::int64_t>(StepState::kSucceeded);
          if (succeeded && g.certain && row.text(1) != g.body) {
            world_.breaks("22", "step " + id_of(step) + " was given " + g.body + " and has " + row.text(1));
          }
          // `certain`: a yes that had its 202 while the step could take it. It does not fail any more.
          if (g.certain && row.integer(0) == static_cast<std::int64_t>(StepState::kFailed) &&
              row.text(3).empty())
            world_.breaks("22",
                          "step " + id_of(step) + " was given " + g.body + " and failed: " + row.text(2));
        });
  }
}

// Contract 7: `finally` is taken by each run that began; onFailure by those that failed.
void Check::lists_at_rest() {
  world_.query(
      "SELECT s.run, s.id, s.state, s.because, s.list, (SELECT count(*) FROM steps f WHERE f.run = s.run AND "
      "f.list = 1 "
      "AND f.state = 5 AND f.continues = 0 AND f.element_of IS NULL), r.cancel, s.finished_at < (SELECT "
      "max(f.finished_at) FROM steps f WHERE f.run = s.run AND f.list = 1 AND f.state = 5), s.reason FROM "
      "steps s JOIN runs r ON "
      "r.id = s.run "
      "WHERE s.list <> 1 AND s.element_of IS NULL AND s.announces IS NULL AND r.state >= 4 AND r.started_at "
      "IS NOT NULL",
      {}, [&](const auto& row) {
        const std::int64_t state = row.integer(2);
        const auto because = static_cast<Because>(row.integer(3));
        const bool person = because == Because::kPersonSkipped;
        const bool superseded = because == Because::kSuperseded;
        const bool taken = state == 4 || state == 5 || person || superseded;
        const bool last = row.integer(4) == static_cast<std::int64_t>(StepList::kFinally);
        const bool wanted = last || (row.integer(5) > 0 && row.bytes(6).empty());
        if (wanted && !taken && !reopened_.contains(row.integer(0)))
          world_.breaks("lists",
                        "step " + row.text(1) + " of run " + row.text(0) + " was left out: " + row.text(8));
        if (!last && row.integer(5) == 0 && state == 4 && !reopened_.contains(row.integer(0)))
          world_.breaks("lists", "onFailure of run " + row.text(0) + " was taken, and nothing failed");
        if (wanted && taken && !row.null(7) && row.flag(7) && !person)
          world_.breaks("lists",
                        "step " + row.text(1) + " of run " + row.text(0) + " tells of an earlier failure");
        if (taken) world_.tally.met(last ? "finally taken" : "onFailure taken");
      });
}

}  // namespace postlude::sim
