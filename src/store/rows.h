#pragma once
// rows: how rows become values and values rows; what the commands share. Private to store/.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/damaged.h"
#include "model/delivery.h"
#include "model/event.h"
#include "model/run.h"
#include "store/ledger.h"
#include "store/sql.h"
#include "store/stored_run.h"

namespace postlude::store {

// A value that has no name was never written by us.
template <class Enum>
Enum enum_of(const sql::Row& row, int column) {
  const auto value = static_cast<Enum>(row.integer(column));
  if constexpr (requires { to_text(value); }) {
    if (to_text(value) == kDamaged) row.spoil();
  }
  return value;
}

// Whole rows, or what lists show of them: without headers and body, and without metadata, plan, payload and
// what a cluster told.
std::string select_deliveries(bool whole);  // "SELECT … FROM deliveries d ", to be completed
std::string select_events(bool whole);      // "SELECT … FROM events e … "
std::string select_runs();                  // "SELECT … FROM runs r "
std::string select_run_lines();  // the same without its variables, then namespace and name of its event
Delivery delivery_of(const sql::Row& row);
Event event_of(const sql::Row& row);
StoredRun run_of(const sql::Row& row);

// Some event, delivery or run by its id; nullopt: there is none.
Result<std::optional<Event>> load_event(sql::Connection& db, EventId id);
Result<std::optional<StoredRun>> load_run(sql::Connection& db, RunId id);  // with its steps

// What attempts of this step have sent, from that attempt on, oldest first: left out are headers, bodies and
// answers.
Result<std::vector<Request>> load_requests(sql::Connection& db, std::int64_t step, AttemptId from);
// Those of one of them, if they have room; takes it from `room`. false: they have not.
Result<bool> load_exchange(sql::Connection& db, Request& request, std::size_t& room);
// Those of them that later attempts must know: writes that had, or may have had, their effect.
Result<std::vector<Request>> load_effects(sql::Connection& db, std::int64_t step);
Result<std::optional<Answer>> load_answer(sql::Connection& db, std::int64_t step);

// "FROM runs r JOIN steps s …": the step of the part $5 in the runs of the event $1, the workflow $2 and the
// salt $3 but for the run $4. Each half of the runs has an index of its own.
constexpr std::string_view kSameStep =
    "FROM (SELECT id, text, shadow FROM runs WHERE event = $1 AND workflow = $2 AND replay_of IS NULL AND "
    "salt = $3 AND id <> $4 UNION ALL SELECT id, text, shadow FROM runs WHERE event = $1 AND workflow = $2 "
    "AND replay_of IS NOT NULL AND salt = $3 AND id <> $4) r JOIN steps s ON s.run = r.id AND s.part = $5 ";

// Of a row of requests: a write that had its effect or may have had it, open ones among them.
constexpr std::string_view kMayHaveActed = "effect <> 1 AND result IN (1, 2, 3, 6)";

// -- the writer's

// The run whose step has this lease, and which step it is. kConflict: nobody has it any more.
struct Leased {
  StoredRun stored;
  std::size_t index = 0;
};
Result<Leased> load_leased(Ledger& ledger, const Lease& lease);
// As if it had never been claimed, but for what was evaluated first, the step's due time and its reason.
Status put_back(Ledger& ledger, Leased leased, Instant now);
void keep_first(Step& step, const std::optional<std::string>& input, std::optional<Instant> now,
                const std::optional<std::string>& trace);
// The step has ended, or goes on under another key: what others will find there. Nothing, where it has none
// of it in its hands.
Status settle_key(Ledger& ledger, const Run& run, const Step& step, const std::string& key);
// The same, where a person says that it was done. The step's outputs are those of the key, if any are known.
Status settle_key_as_done(Ledger& ledger, const Run& run, Step& step, const std::string& key);
// Whoever waits for what the step, which has ended, had in its hands: now is the time.
Status free_waiters(Ledger& ledger, RunId run, const Step& holder);

// A run with its steps: from what the ledger remembers, which then forgets it, or from its rows. Whoever has
// written all that was changed may let the ledger remember it again.
Result<std::optional<StoredRun>> take_run(Ledger& ledger, RunId id);

Status insert_run(Ledger& ledger, StoredRun& run);  // with its steps; fills in their ids
Status save_run(Ledger& ledger, const StoredRun& run);
Status save_step(Ledger& ledger, StoredRun& run, std::size_t index);
// The same where nothing but its lease has changed, or nothing but what was first evaluated: less to write.
Status save_lease(Ledger& ledger, const StoredRun& run, std::size_t index);
Status save_first(Ledger& ledger, const StoredRun& run, std::size_t index);
Status insert_request(Ledger& ledger, std::int64_t step, Request& request);     // fills in its id
Status save_answer(Ledger& ledger, std::int64_t step, const Request& request);  // to one with an id

// What a decision makes of the run and its steps, in memory; `changed` gets the indexes of the steps to be
// saved. The run's own state is left to change_state().
struct Applied {
  std::vector<std::size_t> changed;
  std::size_t added_from = 0;  // rows from here on are new
  bool run_changed = false;    // beside its state
};
Applied take(const Ledger& ledger, StoredRun& run, const Decision& decision, Instant at);
// Time that ends now, and in which people were waited for, but for what a pause that holds the run will give
// back when it ends.
Duration waited_for_people(const Ledger& ledger, const StoredRun& run, Instant since, Instant now);
// The run is active from `now` on: its deadline begins, and whose turn it is, is due. In memory.
Decision activate(Ledger& ledger, StoredRun& run, Instant now);
// Changes the state, with everything that hangs on it: totals, audit, the next run of the queue.
Status change_state(Ledger& ledger, StoredRun& run, RunState to, std::string reason, Instant at);
// The rule's decision, on the run as it is now; writes the steps it changed and those in `also`, and the run.
// `take_up`: names a step that the caller will change and write at once, of the run as it is after the
// decision.
using TakeUp = std::function<std::optional<std::size_t>(const StoredRun& run, RunState to)>;
Status apply_decision(Ledger& ledger, StoredRun& run, const Decision& decision,
                      const std::vector<std::size_t>& also, Instant at, const TakeUp& take_up = nullptr);
Status insert_step(Ledger& ledger, StoredRun& run, std::size_t index);  // fills in its id
// Another run of its workflow and key goes before it.
Result<bool> must_queue(Ledger& ledger, const StoredRun& run);

}  // namespace postlude::store
