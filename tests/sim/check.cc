#include "sim/check.h"

#include "base/json.h"
#include "rt/loop.h"
#include "sim/world.h"

namespace postlude::sim {

namespace {

constexpr const char* kTriggers[] = {
    "CREATE TEMP TABLE sim_log (n INTEGER PRIMARY KEY, what TEXT, id INT, before INT, after INT, of INT, "
    "word TEXT)",
    "CREATE TEMP TRIGGER sim_event AFTER INSERT ON events BEGIN INSERT INTO sim_log (what, id, before, "
    "after, of, "
    "word) VALUES ('event', NEW.id, 0, NEW.planned, 0, ''); END",
    "CREATE TEMP TRIGGER sim_plan AFTER UPDATE OF planned ON events BEGIN INSERT INTO sim_log (what, id, "
    "before, "
    "after, of, word) VALUES ('plan', NEW.id, OLD.planned, NEW.planned, 0, ''); END",
    "CREATE TEMP TRIGGER sim_event_gone AFTER DELETE ON events BEGIN INSERT INTO sim_log (what, id, before, "
    "after, "
    "of, word) VALUES ('event-gone', OLD.id, OLD.planned, 0, 0, ''); END",
    "CREATE TEMP TRIGGER sim_run AFTER INSERT ON runs BEGIN INSERT INTO sim_log (what, id, before, after, "
    "of, word) "
    "VALUES (CASE WHEN NEW.replay_of IS NULL THEN 'run' ELSE 'replay' END, NEW.id, 0, NEW.state, NEW.event, "
    "NEW.workflow); END",
    "CREATE TEMP TRIGGER sim_run_state AFTER UPDATE OF state ON runs WHEN OLD.state <> NEW.state BEGIN "
    "INSERT INTO "
    "sim_log (what, id, before, after, of, word) VALUES ('run-state', NEW.id, OLD.state, NEW.state, "
    "NEW.event, "
    "NEW.workflow); END",
    "CREATE TEMP TRIGGER sim_run_gone AFTER DELETE ON runs BEGIN INSERT INTO sim_log (what, id, before, "
    "after, of, "
    "word) VALUES ('run-gone', OLD.id, OLD.state, 0, OLD.event, OLD.workflow); END",
    "CREATE TEMP TRIGGER sim_step AFTER UPDATE OF state ON steps WHEN OLD.state <> NEW.state BEGIN INSERT "
    "INTO "
    "sim_log (what, id, before, after, of, word) VALUES ('step', NEW.id, OLD.state, NEW.state, NEW.run, "
    "NEW.uses); "
    "END",
    "CREATE TEMP TRIGGER sim_request AFTER UPDATE OF result ON requests WHEN OLD.result <> NEW.result BEGIN "
    "INSERT "
    "INTO sim_log (what, id, before, after, of, word) VALUES ('request', NEW.id, OLD.result, NEW.result, "
    "NEW.step, "
    "NEW.name); END",
};

Because because_of(const sql::Row& row, int column) {
  return static_cast<Because>(row.integer(column));
}

bool ended(std::int64_t state) {
  return state >= static_cast<std::int64_t>(StepState::kSucceeded);
}

std::string id_of(std::int64_t id) {
  return std::to_string(id);
}

// How long the steps of flows/job.yaml wait.
Duration patience_of(const std::string& uses) {
  return std::chrono::hours(uses == "sim/build" ? 4 : 2);
}

}  // namespace

void Check::install() {
  for (const char* sql : kTriggers)
    world_.query(sql, {}, [](const auto&) {});
}

void Check::committed() {
  std::vector<Change> changes;
  world_.query("SELECT what, id, before, after, of, word FROM sim_log ORDER BY n", {}, [&](const auto& row) {
    changes.push_back(
        {row.text(0), row.text(5), row.integer(1), row.integer(2), row.integer(3), row.integer(4)});
  });
  if (changes.empty()) return;
  world_.query("DELETE FROM sim_log", {}, [](const auto&) {});
  touched_.clear();
  begun_.clear();
  for (const Change& change : changes) {
    world_.note([&] {
      return "  commit " + std::to_string(world_.memory->commits()) + ": " + change.what + " " +
             id_of(change.id) + (change.of != 0 ? " of " + id_of(change.of) : "") + " " + change.text + " " +
             id_of(change.before) + "->" + id_of(change.after);
    });
    apply(change);
  }
  for (const std::int64_t run : begun_)
    run_begins(run);
  for (const std::int64_t run : touched_)
    look_at_run(run);
}

void Check::apply(const Change& change) {
  if (change.what == "plan") {
    planned_at_[change.id] = world_.now();
  } else if (change.what == "event-gone") {
    gone_.insert(change.id);
    if (!pruning_) world_.breaks("1", "event " + id_of(change.id) + " is gone, and nobody pruned");
    if (change.before == 0)
      world_.breaks("23", "event " + id_of(change.id) + " was pruned before it was planned");
  } else if (change.what == "run" || change.what == "replay") {
    revision_of_run_[change.id] = revision_;
    if (change.what == "replay") replays_.insert(change.id);
    touched_.insert(change.id);
    if (change.after != 1) begun_.insert(change.id);
    const bool again = change.what == "run" && ++originals_[{change.of, change.text}] > 1;
    if (again) world_.breaks("7", "event " + id_of(change.of) + " has two original runs of " + change.text);
  } else if (change.what == "run-state") {
    run_changed(change);
  } else if (change.what == "run-gone") {
    runs_gone_.insert(change.id);
    touched_.erase(change.id);
    if (!ended(change.before))
      world_.breaks("23", "run " + id_of(change.id) + " was pruned, and had not ended");
  } else if (change.what == "step") {
    step_changed(change);
  } else if (change.what == "request") {
    result_of_[change.id] = change.after;
  }
  if (change.what == "request" && change.after == static_cast<std::int64_t>(RequestResult::kRetryable)) {
    const auto asked = asked_.find(change.of);
    if (asked != asked_.end()) not_before_[change.of] = asked->second;
    asked_.erase(change.of);
  }
}

void Check::run_changed(const Change& change) {
  touched_.insert(change.id);
  if (ended(change.before) && !reopened_.contains(change.id))
    world_.breaks("17", "run " + id_of(change.id) + " had ended, and changed to " + id_of(change.after));
  if (change.before == 1 && !ended(change.after)) begun_.insert(change.id);
}

void Check::step_changed(const Change& change) {
  touched_.insert(change.of);
  if (change.after == static_cast<std::int64_t>(StepState::kWaiting)) waited_.insert(change.id);
  const bool begins = change.after == static_cast<std::int64_t>(StepState::kRunning);
  if (ended(change.before) && !reopened_.contains(change.of)) {
    world_.breaks("17", "step " + id_of(change.id) + " (" + change.text + ") had ended, and changed to " +
                            id_of(change.after));
  }
  if (change.text == "sim/card" && change.after > static_cast<std::int64_t>(StepState::kSucceeded))
    ++cards_failed_;
  if (change.text == "sim/job" || change.text == "sim/build") job_ended(change.id, change.after);
  const bool asks = change.text == "approval" || change.text == "callback";
  if (asks && ended(change.before)) wait_began_.erase(change.id);  // it asks anew
  if (change.text != "wait" && !asks) return;
  if (begins) wait_began_.emplace(change.id, world_.steady());
  if (ended(change.after)) wait_ended(change.id);
}

// 18: no timer fires before its duration. What the wall clock was set forward by is forgiven.
void Check::wait_ended(std::int64_t step) {
  const auto began = wait_began_.find(step);
  if (began == wait_began_.end()) return;  // skipped, or resumed, by a person
  Duration wanted{};
  world_.query("SELECT input, uses, state, because FROM steps WHERE id = $1", {step}, [&](const auto& row) {
    const bool waits = row.bytes(1) == "wait";
    const bool over = waits ? row.integer(2) == static_cast<std::int64_t>(StepState::kSucceeded)
                            : because_of(row, 3) == Because::kUnanswered;
    if (!over) return;
    const auto with = parse_json(row.bytes(0));
    const std::string_view text = with ? find_text(*with, waits ? "for" : "timeout") : std::string_view();
    // `until: now + 60`, and `now` is whole seconds.
    const auto parsed =
        text.empty() ? Result<Duration>(Duration(std::chrono::seconds(59))) : parse_duration(text);
    if (parsed) wanted = *parsed;
  });
  const Duration took = world_.steady() - began->second;
  if (took + world_.jumped_ahead < wanted) {
    world_.breaks("18", "the wait of step " + id_of(step) + " was over after " + to_text(took) +
                            " instead of " + to_text(wanted));
  }
}

// 18: who has seen that it is not over, and that the time is, does not look again.
void Check::saw_job(std::int64_t attempt, bool over, bool green) {
  world_.query(
      "SELECT s.id, s.uses, s.over_by IS NULL FROM attempts a JOIN steps s ON s.id = a.step WHERE a.id = $1",
      {attempt}, [&](const auto& row) {
        const Duration now = world_.steady();
        Job& job = jobs_[row.integer(0)];
        if (row.flag(2)) job = Job{now, now, over, green, false};
        if (job.overdue)
          world_.breaks("18", "step " + id_of(row.integer(0)) + " looks although its time is over");
        job.seen = now;
        job.over = over;
        job.green = green;
        const Duration end =
            job.first_seen + patience_of(row.text(1)) + std::chrono::minutes(1) + world_.jumped_back;
        job.overdue = world_.calm && !over && now > end;
      });
}

// waits: how a step ends that waited for a job is what was seen of it last.
void Check::job_ended(std::int64_t step, std::int64_t state) {
  const auto found = jobs_.find(step);
  if (!ended(state)) {
    if (found != jobs_.end() && state == static_cast<std::int64_t>(StepState::kPending) &&
        world_.number("SELECT over_by IS NULL FROM steps WHERE id = $1", {step}) != 0)
      jobs_.erase(found);  // it begins anew
    return;
  }
  if (settled_.contains(step)) return;
  std::string reason;
  std::string uses;
  Because as{};
  world_.query("SELECT reason, uses, because FROM steps WHERE id = $1", {step}, [&](const auto& row) {
    reason = row.text(0);
    uses = row.text(1);
    as = because_of(row, 2);
  });
  const Job seen = found == jobs_.end() ? Job() : found->second;
  const bool any = uses == "sim/build";
  const auto because = [&](const char* what) {
    world_.breaks("waits", "step " + id_of(step) + " (" + uses + ") " + what + ": " + reason);
  };
  if (state == static_cast<std::int64_t>(StepState::kSucceeded) && !(seen.over && (seen.green || any)))
    because("succeeded before its job did");
  if (as == Because::kJobFailed && (any || !seen.over || seen.green)) because("has seen no red result");
  if (as != Because::kJobNotEnded) return;
  world_.tally.met("job: not over in time");
  if (seen.over) because("was over");
  // What is seen here is seen when it is asked: its answer arrives within the request's timeout, and then it
  // is judged.
  if (seen.seen - seen.first_seen + kTimeout + world_.jumped_ahead < patience_of(uses))
    because("had more time");
}

// 8: it begins when what comes before it has been planned, has begun, and has no request under way.
void Check::run_begins(std::int64_t run) {
  world_.query(
      "SELECT r.workflow, r.queue_key, r.event, r.replay_of IS NULL, e.source, e.namespace, e.name FROM runs "
      "r JOIN "
      "events e ON e.id = r.event WHERE r.id = $1 AND r.queues = 1",
      {run}, [&](const auto& row) {
        const std::string workflow = row.text(0);
        const std::string key = row.text(1);
        const std::int64_t event = row.integer(2);
        const bool original = row.flag(3) && !reopened_.contains(run);
        const std::int64_t open = world_.number(
            "SELECT count(*) FROM requests q JOIN steps s ON s.id = q.step JOIN runs r ON r.id = s.run WHERE "
            "q.result "
            "= 1 AND r.workflow = $1 AND r.queue_key = $2 AND r.id <> $3 AND r.queues = 1",
            {workflow, key, run});
        if (open > 0)
          world_.breaks("8", "run " + id_of(run) + " begins while a request of another is under way");
        if (!original) return;
        const bool by_canary = key.find('/') != std::string::npos;
        const std::int64_t unplanned =
            by_canary ? world_.number(
                            "SELECT count(*) FROM events WHERE planned = 0 AND id < $1 AND source = $2 AND "
                            "namespace = $3 AND name = $4",
                            {event, row.bytes(4), row.bytes(5), row.bytes(6)})
                      : 0;
        if (unplanned > 0)
          world_.breaks("8", "run " + id_of(run) + " begins before an earlier event is planned");
        world_.query(
            "SELECT id FROM runs WHERE workflow = $1 AND queue_key = $2 AND queues = 1 AND state = 1 AND "
            "replay_of IS "
            "NULL AND event < $3",
            {workflow, key, event}, [&](const auto& earlier) {
              if (reopened_.contains(earlier.integer(0))) return;
              world_.breaks("8", "run " + id_of(run) + " begins before run " + earlier.text(0) +
                                     " of an earlier event");
            });
      });
}

// 17: a run has ended when all its steps have. 8: one at a time.
void Check::look_at_run(std::int64_t run) {
  world_.query(
      "SELECT r.state, (SELECT min(s.state) FROM steps s WHERE s.run = r.id), r.workflow, r.queue_key, "
      "r.queues, r.waits_turn FROM "
      "runs r WHERE r.id = $1",
      {run}, [&](const auto& row) {
        const bool over = ended(row.integer(0));
        if (row.flag(5) && row.integer(0) != 1)
          world_.breaks("8", "run " + id_of(run) + " waits for its turn in state " + id_of(row.integer(0)));
        if (over != ended(row.integer(1))) {
          world_.breaks("17", "run " + id_of(run) + " is in state " + id_of(row.integer(0)) +
                                  ", the least of its "
                                  "steps in " +
                                  id_of(row.integer(1)));
        }
        if (over || row.integer(0) == 1 || !row.flag(4)) return;
        const std::int64_t active = world_.number(
            "SELECT count(*) FROM runs WHERE workflow = $1 AND queue_key = $2 AND queues = 1 AND state IN "
            "(2, 3)",
            {row.bytes(2), row.bytes(3)});
        if (active > 1) world_.breaks("8", id_of(active) + " runs of " + row.text(2) + " are active at once");
      });
}

// 1, 2: a 2xx names an event that is there; a duplicate, one of the same hook and body.
void Check::acknowledged(std::int64_t event, bool duplicate, const std::string& hook,
                         const std::string& body) {
  acknowledged_.insert(event);
  bool found = false;
  world_.query(
      "SELECT e.hook, coalesce(e.payload, d.body) FROM events e LEFT JOIN deliveries d ON d.id = e.delivery "
      "WHERE e.id "
      "= $1",
      {event}, [&](const auto& row) {
        found = true;
        if (row.bytes(0) != hook || row.bytes(1) != body)
          world_.breaks("2", "event " + id_of(event) + " was answered for another call than its own");
      });
  if (!found && !gone_.contains(event))
    world_.breaks("1", "a 2xx names event " + id_of(event) + ", which does not exist");
  world_.tally.met(duplicate ? "delivery.duplicate" : "delivery.accepted");
}

void Check::now_uses(std::size_t revision) {
  revision_before_ = revision_;
  revision_ = revision;
  revision_since_ = world_.steady();
}

// -- requests

std::optional<Arrival> Check::row_of(const rehearsal::Sent& sent) {
  const auto attempt = AttemptId::parse(sent.attempt);
  if (!attempt) return std::nullopt;
  std::optional<Arrival> out;
  world_.query(
      "SELECT q.id, q.step, s.run, r.event, q.key, r.workflow, s.part, e.source || e.cluster || e.namespace "
      "|| "
      "e.name, r.stale, r.salt, "
      "r.shadow, "
      "s.announces, coalesce(a.id, 0), s.round, coalesce(k.generation, 0) FROM requests q JOIN steps s ON "
      "s.id = q.step JOIN runs r ON r.id = "
      "s.run JOIN events e ON e.id = r.event LEFT "
      "JOIN steps a ON a.run = s.run AND a.idx = s.announces LEFT JOIN keyed k ON k.step = s.id WHERE "
      "q.attempt = $1 AND q.name = $2 AND "
      "q.result = 1",
      {attempt->value, sent.request}, [&](const auto& row) {
        Arrival a;
        a.request = row.integer(0);
        a.step = row.integer(1);
        a.run = row.integer(2);
        a.event = row.integer(3);
        a.key = row.text(4);
        a.workflow = row.text(5);
        a.part = row.text(6);
        a.canary = row.text(7);
        a.stale = row.flag(8);
        a.salt = row.text(9);
        a.name = sent.request;
        a.logical = id_of(a.event) + "|" + a.salt + "|" + a.workflow + "|" + a.part;
        // Each failure of a run, and each first use of a key, is an effect of its own.
        a.time = "|" + row.text(13) + "|" + row.text(14);
        if (row.integer(13) > 0) world_.tally.met("sent for a later failure");
        if (row.flag(10)) world_.breaks("shadow", "a write left for shadow run " + id_of(a.run));
        if (!row.null(11) && !waited_.contains(row.integer(12)))
          world_.breaks("announce", "step " + id_of(a.step) + " announces a wait that is not committed");
        out = std::move(a);
      });
  return out;
}

Arrival Check::arrived(const rehearsal::Sent& sent) {
  Arrival a;
  const bool write = sent.effect != "read";
  if (write) {
    auto row = row_of(sent);
    if (!row) world_.breaks("9", sent.http().method + " " + sent.http().target + " has no committed row");
    if (row) a = *std::move(row);
  }
  a.write = write;
  const auto attempt = AttemptId::parse(sent.attempt);
  a.attempt = attempt ? attempt->value : 0;
  a.number = sent.number;
  a.at = world_.steady();
  const std::string_view url = sent.http().path();
  const std::size_t host = url.find("//");
  const std::size_t slash = url.find('/', host == std::string_view::npos ? 0 : host + 2);
  a.path = slash == std::string_view::npos ? "/" : url.substr(slash);
  const auto body = parse_json(sent.http().body);
  if (body && body->is_object()) {
    a.by = find_text(*body, "by");
    a.rev = find_text(*body, "rev");
    a.items = find_text(*body, "items");
    a.card = find_text(*body, "card");
  }
  if (!sent_.emplace(sent.attempt, sent.request).second)
    world_.breaks("10", sent.attempt + " has sent " + sent.request + " twice");
  if (!write || a.request == 0) return a;
  asked_.erase(a.step);  // what an answer said that never arrived
  keys_agree(a);
  if (world_.number("SELECT over_by IS NOT NULL FROM steps WHERE id = $1", {a.step}) != 0)
    world_.breaks("waits", a.path + " of " + a.by + " is sent by a step that waits for what it started");
  alone(a);
  in_order(a, sent.effect);
  may_repeat(a, sent.effect);
  sends_[a.key].push_back(a);
  effect_of_.emplace(a.key, sent.effect);
  path_of_.emplace(a.key, a.path);
  return a;
}

// 15: one effect, one key; two effects, two keys. And one run, one text.
void Check::keys_agree(const Arrival& a) {
  const std::string logical = a.logical + a.time + "|" + a.name;
  if (key_of_.emplace(logical, a.key).first->second != a.key) world_.breaks("15", "two keys for " + logical);
  if (logical_of_.emplace(a.key, logical).first->second != logical)
    world_.breaks("15", "one key for " + logical + " and " + logical_of_[a.key]);
  if (step_of_logical_.emplace(std::pair(a.run, logical), a.step).first->second != a.step)
    world_.breaks("15", "two steps of run " + id_of(a.run) + " share the key of " + logical);
  const std::string by = a.by + "|" + a.salt + a.time + "|" + a.name;
  if (by_of_key_.emplace(a.key, by).first->second != by)
    world_.breaks("15", "one key for " + by + " and " + by_of_key_[a.key]);
  std::size_t equal = 1;  // elements that look the same
  if (!a.items.empty()) {
    equal = 0;
    const std::string item = "," + a.by.substr(a.by.rfind('/') + 1) + ",";
    const std::string all = "," + a.items + ",";
    for (std::size_t at = all.find(item); at != std::string::npos; at = all.find(item, at + 1))
      ++equal;
  }
  auto& keys = keys_of_by_[by];
  keys.insert(a.key);
  if (keys.size() > equal) world_.breaks("15", std::to_string(keys.size()) + " keys for " + by);
  // A replay takes over what was worked out for effects that may have been made.
  if (!replays_.contains(a.run) && rev_sent_.emplace(a.run, a.rev).first->second != a.rev)
    world_.breaks("pinned", "run " + id_of(a.run) + " changed its text while it was under way: '" +
                                rev_sent_[a.run] + "', '" + a.rev + "' for " + a.by);
  const auto revision = revision_of_run_.find(a.run);
  if (revision != revision_of_run_.end() && a.rev == id_of(static_cast<std::int64_t>(revision->second + 1)) &&
      revision->second != revision_)
    world_.tally.met("sent by a text that was edited since");
}

// 11: nobody else has this key under way.
void Check::alone(const Arrival& a) {
  if (!a.card.empty()) {
    const std::int64_t beside = world_.number(
        "SELECT count(*) FROM requests WHERE result = 1 AND id <> $2 AND body LIKE '%\"card\":\"' || $1 || "
        "'\"%'",
        {a.card, a.request});
    if (beside > 0) world_.breaks("11", "two requests for " + a.card + " are under way");
    world_.tally.met(a.name.starts_with("update.") ? "card edited" : "card put up");
  }
  const std::int64_t others = world_.number(
      "SELECT count(*) FROM requests WHERE result = 1 AND key = $1 AND id <> $2", {a.key, a.request});
  if (others > 0) world_.breaks("11", "two requests with the key of " + a.logical + " are under way");
}

// 21: an older release of a canary does not write after a newer one.
void Check::in_order(const Arrival& a, const std::string& effect) {
  const bool ordered = effect == "state" || effect == "upsert" || a.name.starts_with("update.");
  std::int64_t& newest = newest_sent_[a.workflow + "|" + a.part + "|" + a.canary];
  if (ordered && a.event < newest && !a.stale)
    world_.breaks("21", "event " + id_of(a.event) + " sends " + a.by + " after event " + id_of(newest));
  if (a.event < newest) world_.tally.met("sent although stale");
  newest = std::max(newest, a.event);
}

bool Check::may_have_acted(std::int64_t request) const {
  const auto found = result_of_.find(request);  // also of one that was pruned since
  const auto result =
      found == result_of_.end() ? RequestResult::kOpen : static_cast<RequestResult>(found->second);
  return result != RequestResult::kRefused && result != RequestResult::kRetryable;
}

bool Check::freed_since(const std::string& logical, Duration at) const {
  const auto found = freed_.find(logical);
  return found != freed_.end() && !found->second.empty() && found->second.back() >= at;
}

// 13: what may have been done is sent again only as its effect allows.
void Check::may_repeat(const Arrival& a, const std::string& effect) {
  const auto wait = not_before_.find(a.step);
  if (wait != not_before_.end() && a.at + world_.jumped_ahead < wait->second)
    world_.breaks("18", "step " + id_of(a.step) + " was asked to wait until " + to_text(wait->second));
  const auto before = sends_.find(a.key);
  if (before == sends_.end()) return;
  const Arrival* first = nullptr;
  const Arrival* last = nullptr;
  for (const Arrival& past : before->second) {
    if (!may_have_acted(past.request) || freed_since(a.logical, past.at)) continue;
    if (first == nullptr) first = &past;
    last = &past;
  }
  if (last == nullptr) return;
  world_.tally.met("repeated: " + effect);
  const auto because = [&](const char* why) {
    world_.breaks("13", a.path + " of " + a.by + " is sent again " + why + "; first at " +
                            to_text(first->at) + ", last at " + to_text(last->at) + ", now " + to_text(a.at));
  };
  if (effect == "none") {
    if (a.path != "/plain/repeat") because("and nobody said so");
  } else if (effect == "lookup") {
    const std::vector<Duration>& looked = looked_[a.key];
    const Duration earliest = last->at + kTimeout + kIndexLag - world_.jumped_ahead;
    if ((looked.empty() || looked.back() < earliest)) because("without looking");
  } else if (effect == "key") {
    const Duration window = a.path == "/short" ? kShortWindow : kLongWindow;
    // A slow commit lies between the decision and the first byte.
    if (a.at - first->at > window - kTimeout / 2 + world_.jumped_back) because("after its window");
  }
}

void Check::looked(const std::string& key, Duration at) {
  looked_[key].push_back(at);
}

void Check::asked_to_wait(std::int64_t step, Duration until) {
  asked_[step] = until;
}

void Check::reopens(std::int64_t run) {
  reopened_.insert(run);
  world_.query("SELECT id FROM steps WHERE run = $1", {run}, [&](const auto& row) {
    not_before_.erase(row.integer(0));
    asked_.erase(row.integer(0));
  });
}

void Check::freed(std::int64_t step) {
  not_before_.erase(step);
  asked_.erase(step);
  world_.query(
      "SELECT r.event, r.salt, r.workflow, s.part FROM steps s JOIN runs r ON r.id = s.run WHERE s.id = $1",
      {step}, [&](const auto& row) {
        freed_[row.text(0) + "|" + row.text(1) + "|" + row.text(2) + "|" + row.text(3)].push_back(
            world_.steady());
      });
}

}  // namespace postlude::sim
