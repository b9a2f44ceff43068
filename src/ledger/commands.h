#pragma once
// commands: the functions that the writer and the reader thread run for each function of Store. For
// store/ only.
//
// A command checks before it writes. It takes its input by const reference, because it may be applied again
// after a rollback. Meaning and errors are those of the Store function with the same name.

#include "ledger/audit.h"
#include "ledger/ledger.h"
#include "ledger/records.h"
#include "ledger/rows.h"

namespace postlude::ledger {

// -- intake.cc
struct Appended {
  DeliveryId delivery;
  std::optional<EventId> event;
  bool duplicate = false;
};
Result<Appended> append(Ledger& ledger, const Delivery& delivery, const std::optional<Event>& event,
                        const Identity& identity, const std::optional<std::vector<Planned>>& nothing_runs);
Result<DeliveryId> append_rejected(Ledger& ledger, const Delivery& delivery, const Identity& identity);

// -- refusals.cc
// Whether the call had no proof, or was over the rate: it gets no audit record of its own.
bool of_a_stranger(const Delivery& delivery);
Status thin_out_strangers(Ledger& ledger);
// Counts the refusal on an earlier equal delivery, and returns that one; nullopt: there is none, so the
// caller stores and remembers this one.
Result<std::optional<DeliveryId>> counted_refusal(Ledger& ledger, const Delivery& delivery,
                                                  const std::string& canary);
Status remember_refusal(Ledger& ledger, const Delivery& delivery, const std::string& canary, DeliveryId id);
Status forget_refusal(Ledger& ledger, const Delivery& delivery,
                      const std::string& canary);  // after an accept

// -- intake.cc
// Stores an event of our own, without a delivery; 0: no workflow is on its hook.
Result<EventId> tell(Ledger& ledger, const Event& event);

// -- plan.cc
// Inserts a run with its steps: queued, or with its first steps due.
Status start_run(Ledger& ledger, StoredRun& run, const NewRun& wanted, Instant now);
Result<std::vector<Event>> unplanned(Ledger& ledger, std::size_t limit);
Status start(Ledger& ledger, EventId event, const std::vector<NewRun>& runs, const std::vector<Planned>& plan,
             Instant now);
std::vector<Planned> read_plan(std::string_view json);
std::string plan_text(const std::vector<Planned>& plan);

// -- attempts.cc
Result<std::vector<Work>> claim(Ledger& ledger, const Claim& claim);
Result<Request> commit_request(Ledger& ledger, const NewRequest& wanted, Instant now);
Result<std::optional<Work>> record(Ledger& ledger, const AttemptEnd& end, const Rule& rule, bool go_on);
Status give_back(Ledger& ledger, const Lease& lease, Instant now);
Status lapse(Ledger& ledger, Instant now);  // at start: voids all leases
Result<Keyed> take_keyed(Ledger& ledger, const Lease& lease, const std::string& target,
                         const std::string& key, const IfBusy& busy);

// -- keyed.cc
Result<std::int64_t> renew_keyed(Ledger& ledger, const Lease& lease, const std::string& target,
                                 const std::string& key, Instant now);
Status forget_keyed(Ledger& ledger, const std::string& target, const std::string& key,
                    const std::string& actor, Instant now);
Result<std::vector<KeyUse>> list_keys(sql::Connection& db, const KeyFilter& filter, const Page& page);

// -- people.cc
Status retry(Ledger& ledger, RunId run, bool stale, const std::string& actor, Instant now);
Status resume(Ledger& ledger, const Resume& wanted, const Rule& rule);
struct Replay {
  RunId of;
  NewRun run;
  bool again = false;
  bool stale = false;
  std::string actor;
  Instant now;
};
Result<RunId> replay(Ledger& ledger, const Replay& wanted);
Status cancel(Ledger& ledger, RunId run, const std::string& actor, const std::string& why, Instant now);
Status cancel_stored(Ledger& ledger, StoredRun& run, const std::string& why, Instant now);
Status skip(Ledger& ledger, RunId run, const std::string& step, const std::string& actor, Instant now);
Status dismiss(Ledger& ledger, RunId run, const std::string& actor, Instant now);
Status answer(Ledger& ledger, RunId run, std::uint32_t step, const Answer& answer);

// -- once.cc
Result<Before> begin_once(Ledger& ledger, const Once& once, Instant now);
Status end_once(Ledger& ledger, const Once& once, int status, const std::string& answer);
Status lapse_once(Ledger& ledger);

// -- pauses.cc
Status pause(Ledger& ledger, const Pause& pause);
Status unpause(Ledger& ledger, const std::string& kind, const std::string& name, const std::string& actor,
               Instant now);
Result<std::vector<Pause>> list_pauses(sql::Connection& db);

// -- prune.cc; each call does one batch and returns where the next one starts (0: done)
Result<std::int64_t> prune_runs(Ledger& ledger, Instant before, std::int64_t after);
Result<std::int64_t> prune_deliveries(Ledger& ledger, Instant before, std::int64_t after);
Result<std::int64_t> prune_events(Ledger& ledger, Instant before, std::int64_t after);
struct Mark {  // the key of a row of high_water; three empty texts sort before the first
  std::string workflow = {}, step = {}, canary = {};
};
Result<std::optional<Mark>> prune_marks(Ledger& ledger, const Mark& after);  // nullopt: done
Status prune_openings(Ledger& ledger, Instant before);
Status prune_texts(Ledger& ledger);

// -- reads.cc
Result<std::vector<Delivery>> list_deliveries(sql::Connection& db, const Filter& filter, const Page& page);
Result<Delivery> show_delivery(sql::Connection& db, DeliveryId id);
Result<std::vector<Event>> list_events(sql::Connection& db, const Filter& filter, const Page& page);
Result<EventDetail> show_event(sql::Connection& db, EventId id);
Result<std::vector<RunLine>> list_runs(sql::Connection& db, const Filter& filter, const Page& page);
Result<RunBrief> brief_run(sql::Connection& db, RunId id);
Result<std::vector<Acted>> list_acted(sql::Connection& db, const Run& run);
Result<RunDetail> show_run(sql::Connection& db, RunId id, std::size_t exchanges_max);
Result<std::vector<CauseGroup>> list_failures(sql::Connection& db, const Filter& filter);
Result<std::vector<CauseGroup>> list_held(sql::Connection& db, const Filter& filter);
Result<std::vector<HeldStep>> held_steps(sql::Connection& db, const Filter& filter, std::size_t limit);
Result<Counts> count(sql::Connection& db, Instant now);

// -- audit.cc; each call checks one portion of the chain
struct Verified {
  std::int64_t seq = 0;  // the last record that was checked
  Chain chain{};
  bool done = false;
  std::string bad;  // the first bad record; "": none so far
};
Result<Verified> verify(sql::Connection& db, const Verified& before);
AuditCheck check_of(const Verified& verified);

}  // namespace postlude::ledger
