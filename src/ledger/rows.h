#pragma once
// rows: converts rows to values and back, and holds the functions that several commands share. For
// store/ only.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/stored_run.h"
#include "model/damaged.h"
#include "model/delivery.h"
#include "model/event.h"
#include "model/run.h"
#include "model/transition.h"
#include "sql/sql.h"

namespace postlude::ledger {

// Reads an enum. A number that is not one of its values means a damaged page.
template <class Enum>
Enum enum_of(const sql::Row& row, int column) {
  const auto value = static_cast<Enum>(row.integer(column));
  if constexpr (requires { to_text(value); }) {
    if (to_text(value) == kDamaged) row.spoil();
  }
  return value;
}

// Beginnings of SELECT statements. `whole` false: what lists show, that is without headers and body of
// deliveries, and without metadata, plan, payload and cluster data of events.
std::string select_deliveries(bool whole);  // "SELECT … FROM deliveries d "
std::string select_events(bool whole);      // "SELECT … FROM events e … "
std::string select_runs();                  // "SELECT … FROM runs r "
std::string select_run_lines();  // select_runs() without variables, plus the event's namespace and name
std::pair<std::string, std::string> canary_of_line(const sql::Row& row);  // that namespace and name
Delivery delivery_of(const sql::Row& row);
Event event_of(const sql::Row& row);
StoredRun run_of(const sql::Row& row);

// Loads an event or run by its id; nullopt: there is none.
Result<std::optional<Event>> load_event(sql::Connection& db, EventId id);
Result<std::optional<StoredRun>> load_run(sql::Connection& db, RunId id);  // with its steps

// Loads the requests of a step, from attempt `from` on, oldest first, without headers, bodies and answers.
Result<std::vector<Request>> load_requests(sql::Connection& db, std::int64_t step, AttemptId from);
// Adds headers, bodies and answer to one request and subtracts their bytes from `room`. false: they do not
// fit.
Result<bool> load_exchange(sql::Connection& db, Request& request, std::size_t& room);
// Loads the requests that later attempts must know: writes that had, or may have had, their effect.
Result<std::vector<Request>> load_effects(sql::Connection& db, std::int64_t step);
Result<std::optional<Answer>> load_answer(sql::Connection& db, std::int64_t step);

// "FROM runs r JOIN steps s …": the step with part $5 in all runs of event $1, workflow $2 and salt $3,
// except run $4. The two halves of the UNION each have their own index.
constexpr std::string_view kSameStep =
    "FROM (SELECT id, text, shadow FROM runs WHERE event = $1 AND workflow = $2 AND replay_of IS NULL AND "
    "salt = $3 AND id <> $4 UNION ALL SELECT id, text, shadow FROM runs WHERE event = $1 AND workflow = $2 "
    "AND replay_of IS NOT NULL AND salt = $3 AND id <> $4) r JOIN steps s ON s.run = r.id AND s.part = $5 ";

// Condition on a row of `requests`: a write that had, or may have had, its effect; open ones included.
constexpr std::string_view kMayHaveActed = "effect <> 1 AND result IN (1, 2, 3, 6)";

// -- for the writer only

// Finds the run and the step of a lease. kConflict: the lease is void.
struct Leased {
  StoredRun stored;
  std::size_t index = 0;
};
Result<Leased> load_leased(Ledger& ledger, const Lease& lease);
// Returns a claimed step as if it had never been claimed. Keeps what was evaluated first, due time and
// reason.
Status put_back(Ledger& ledger, Leased leased, Instant now);
void keep_first(Step& step, const std::optional<std::string>& input, std::optional<Instant> now,
                const std::optional<std::string>& trace);
// Releases `key` when its step has ended, or takes another key: stores what the next use finds (outputs, or
// that something was created). No-op if the step does not hold the key.
Status settle_key(Ledger& ledger, const Run& run, const Step& step, const std::string& key);
// As settle_key(), after `resume --as done`. Sets the step's outputs to those of the key, if known.
Status settle_key_as_done(Ledger& ledger, const Run& run, Step& step, const std::string& key);
// Makes the steps due that waited for a key of `holder`, which has ended.
Status free_waiters(Ledger& ledger, RunId run, const Step& holder);

// Gets a run with its steps: from the ledger's cache (and removes it there), else from its rows. After
// writing all changes, the caller may put it back with Ledger::remember(). nullopt: there is no such run.
Result<std::optional<StoredRun>> take_run(Ledger& ledger, RunId id);

Status insert_run(Ledger& ledger, StoredRun& run);  // with its steps; sets their ids
Status save_run(Ledger& ledger, const StoredRun& run);
Status save_step(Ledger& ledger, StoredRun& run, std::size_t index);
// As save_step() with less to write: only the lease has changed; only what was evaluated first has changed.
Status save_lease(Ledger& ledger, const StoredRun& run, std::size_t index);
Status save_first(Ledger& ledger, const StoredRun& run, std::size_t index);
Status insert_request(Ledger& ledger, std::int64_t step, Request& request);     // sets its id
Status save_answer(Ledger& ledger, std::int64_t step, const Request& request);  // `request` has an id

// Applies a decision to the run in memory (model/transition.h), and takes the leases of the steps that it
// changes. The caller saves what Applied names.
Applied take(const Ledger& ledger, StoredRun& run, const Decision& decision, Instant at);
// Time from `since` to `now` in which the run waited for people, without the part that a pause which holds
// the run will give back when it ends.
Duration waited_for_people(const Ledger& ledger, const StoredRun& run, Instant since, Instant now);
// Starts the run at `now`, in memory: its deadline begins, and its first steps become due.
Decision activate(Ledger& ledger, StoredRun& run, Instant now);
// Changes the run's state, with totals, audit record, and the next run of its queue.
Status change_state(Ledger& ledger, StoredRun& run, RunState to, std::string reason, Instant at);
// Applies a decision and writes the run, the steps that it changed and those in `also`. `take_up` may name
// one step, given the run after the decision, that this function leaves unwritten, because the caller changes
// and writes it.
using TakeUp = std::function<std::optional<std::size_t>(const StoredRun& run, RunState to)>;
Status apply_decision(Ledger& ledger, StoredRun& run, const Decision& decision,
                      const std::vector<std::size_t>& also, Instant at, const TakeUp& take_up = nullptr);
Status insert_step(Ledger& ledger, StoredRun& run, std::size_t index);  // sets its id
// Creates a `run-failed` event, unless an event of our own started the run.
Status tell_of_failure(Ledger& ledger, const StoredRun& stored, Instant at);
// For the log and the metrics, after the commit: that the run ended, and which steps the decision holds.
Status tell_of_end(Ledger& ledger, const Run& run, Instant at);
Status tell_of_holds(Ledger& ledger, const Run& run, const Decision& decision);
// Whether an earlier run of the same workflow and key has to end first.
Result<bool> must_queue(Ledger& ledger, const StoredRun& run);

}  // namespace postlude::ledger
