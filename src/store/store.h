#pragma once
// Store: the database of everything that has happened. State in memory may be lost; the store may not.
//
// Writes: a call queues a command. The writer thread applies queued commands in groups, one transaction per
// group. The call completes when that transaction is on disk (WAL, synchronous=FULL). The audit records of a
// command are part of its transaction.
// Errors: kOverloaded when the queue or the disk (SQLITE_FULL) is full; nothing of the command is kept then.
// Any SQLITE_IOERR ends the process; the next start is the recovery.
// Threads: call it on the loop thread only. Reads run on a reader thread, on a snapshot.
//
//   loop thread   append()  claim()  record()      run()  runs()
//                     \        |        /             |      |
//   writer thread      [ one group, one commit ]   reader thread: snapshots

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger/audit.h"
#include "ledger/records.h"
#include "model/delivery.h"
#include "model/event.h"
#include "model/run.h"
#include "rt/loop.h"

namespace postlude::store {

class Memory;

struct Options {
  std::string url = "sqlite:postlude.db";
  std::shared_ptr<Memory> memory;  // not null: use this on the loop's thread and ignore `url`
  std::size_t queue_max = 10'000;  // commands waiting for the writer
  std::size_t group_max = 128;     // measured: larger groups wait longer, with hardly more throughput
  std::int64_t bytes_max =
      0;  // maximum size of the database; beyond it kOverloaded, as for a full disk; 0: no limit
  bool durable = true;  // false: synchronous=OFF, for tests and to measure the cost of true
  // Decides which steps of a run are next after a change: engine::follow. Pure; the writer thread calls it.
  std::function<Decision(const Run& run, Instant now)> follow;
};

// Proof that a delivery is on disk. Only the store creates one; a 202 can be built only from a Receipt.
class Receipt {
 public:
  DeliveryId delivery() const { return delivery_; }
  std::optional<EventId> event() const { return event_; }
  bool duplicate() const { return duplicate_; }

 private:
  friend class Store;
  Receipt(DeliveryId delivery, std::optional<EventId> event, bool duplicate)
      : delivery_(delivery), event_(event), duplicate_(duplicate) {}
  DeliveryId delivery_;
  std::optional<EventId> event_;
  bool duplicate_;
};

using ledger::Acted;
using ledger::Attempt;
using ledger::AttemptEnd;
using ledger::AuditCheck;
using ledger::Before;
using ledger::CauseGroup;
using ledger::Claim;
using ledger::Counts;
using ledger::EventDetail;
using ledger::Filter;
using ledger::Happened;
using ledger::HeldStep;
using ledger::holds;
using ledger::IfBusy;
using ledger::kAttemptsAtLeast;
using ledger::kAttemptsInAll;
using ledger::kAttemptsShown;
using ledger::kExchangesShown;
using ledger::Keyed;
using ledger::KeyFilter;
using ledger::KeyUse;
using ledger::kListedText;
using ledger::kRefusalsTogether;
using ledger::kRepeatsShown;
using ledger::kStrangersKept;
using ledger::kUnplannedBytes;
using ledger::kWaitingListed;
using ledger::kWorkflowsCounted;
using ledger::NewRun;
using ledger::Once;
using ledger::Page;
using ledger::Pause;
using ledger::Planned;
using ledger::Resume;
using ledger::resume_as;
using ledger::ResumeAs;
using ledger::Rule;
using ledger::RunBrief;
using ledger::RunDetail;
using ledger::RunEnd;
using ledger::RunLine;
using ledger::Stats;
using ledger::StepEnd;
using ledger::StepHeld;
using ledger::word_of;
using ledger::Work;

class Store {
 public:
  // Opens the database: migrates it under a lock, checkpoints the WAL, voids all leases. A request that was
  // open becomes `unclear`, and its step becomes due again. kCorrupt: not a database of ours, a newer schema,
  // or damaged. kConflict: another process has the database.
  static Result<std::unique_ptr<Store>> open(rt::Loop& loop, Options options);
  ~Store();  // commits what is queued
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // 128 random bits, created with the database: the HMAC secret of every idempotency key.
  const std::string& secret() const;

  // -- writes
  // Stores an authentic delivery, and `event` if the delivery is new; a duplicate gets that verdict.
  // kConflict: the sender's id was used with another body (422); the delivery is stored as rejected.
  // `nothing_runs`: set if no workflow runs on the event, with the reasons; start() is then not called.
  rt::Task<Result<Receipt>> append(Authentic proof, Delivery delivery, std::optional<Event> event,
                                   Identity identity,
                                   std::optional<std::vector<Planned>> nothing_runs = std::nullopt);
  // Stores a delivery that creates no event: rejected, unreadable, filtered, or without proof. `identity` is
  // noted for its canary: the call counts as "in between" two equal calls, and may end a release. Returns the
  // id of an earlier delivery if this one is only counted there.
  rt::Task<Result<DeliveryId>> append_rejected(Delivery delivery, Identity identity);
  // Stores all runs of an event, and its plan, or nothing. kConflict: the event was planned before.
  rt::Task<Status> start(EventId event, std::vector<NewRun> runs, std::vector<Planned> plan, Instant now);
  // Takes due steps: each becomes running, with a new attempt and a new lease.
  rt::Task<Result<std::vector<Work>>> claim(Claim claim);
  // Stores a request that is not a read, and the requests that ended before it. Must complete before the
  // request is handed to a connection. Sets id and sent_at. kConflict: the lease is void. kDenied:
  // superseded, a newer release of that canary has sent the same step (state, upsert, `ordered`; Run::stale
  // passes).
  using NewRequest = ledger::NewRequest;
  // kUnavailable: another run of the event has a request with this key in flight, or has had its effect since
  // the attempt looked.
  rt::Task<Result<Request>> commit_request(NewRequest request);
  // Stores how an attempt ended, and what `rule` decides. kConflict: the lease is void; drop the outcome.
  rt::Task<Status> record(AttemptEnd end, Rule rule);
  // As record(). In the same commit it claims the run's next step, if that is due now and uses the same
  // target (whose room this attempt frees).
  rt::Task<Result<std::optional<Work>>> record_and_go_on(AttemptEnd end, Rule rule);
  // Returns a claimed step of which nothing was sent, as if it had never been claimed; used on shutdown.
  rt::Task<Status> give_back(Lease lease, Instant now);
  // Continues a failed run. `stale`: also send steps that a newer release superseded. kConflict: not failed.
  rt::Task<Status> retry(RunId run, bool stale, std::string actor, Instant now);
  // Answers for a held step. `rule` decides what follows kDone and kFail; kRepeat needs none. kDone with
  // outputs, of a step that waits for what it starts: these are what its request in doubt was answered, and
  // it goes on from there. kConflict: the step is not held (for that cause). kInvalid: the run has no room
  // for the outputs.
  rt::Task<Status> resume(Resume wanted, Rule rule);
  // Creates a new run of the event of run `of`, with the text in `run`. The new run reuses what was evaluated
  // then, if the text is the same or an effect may have happened. `again`: its effects get new idempotency
  // keys.
  rt::Task<Result<RunId>> replay(RunId of, NewRun run, bool again, bool stale, std::string actor,
                                 Instant now);
  // Cancels the steps that have not begun; a step in flight ends first. kConflict: the run has ended.
  rt::Task<Status> cancel(RunId run, std::string actor, std::string why, Instant now);
  // Skips a step that has not ended, or a failed step of a failed run, which then goes on. kConflict: the
  // step is in flight.
  rt::Task<Status> skip(RunId run, std::string step, std::string actor, Instant now);
  // Removes a failed run from the list of failures. kConflict: it has not failed.
  rt::Task<Status> dismiss(RunId run, std::string actor, Instant now);
  // Stores a callback or an approval; the step takes it when it waits. `step`: an index. kConflict: there is
  // one already, or the step or run has ended. kNotFound: no such step.
  rt::Task<Status> answer(RunId run, std::uint32_t step, Answer answer);
  // Make and remove a pause; `kind` and `name` as in Pause. kConflict: it is so already.
  rt::Task<Status> pause(Pause pause);
  rt::Task<Status> unpause(std::string kind, std::string name, std::string actor, Instant now);
  // Takes the (target, key) for the step with this lease, before its requests. The step holds it until it has
  // ended. kConflict: the lease is void.
  rt::Task<Result<Keyed>> take_keyed(Lease lease, std::string target, std::string key, IfBusy busy);
  // Tells that the object of the key no longer exists. The step, which holds the key, makes a first use of
  // the returned generation. kConflict: the lease is void, or another step holds the key.
  rt::Task<Result<std::int64_t>> renew_keyed(Lease lease, std::string target, std::string key, Instant now);
  // Makes the next use of the key a first use. kConflict: a step holds it, or its first use is unclear.
  // kNotFound: no such key.
  rt::Task<Status> forget_key(std::string target, std::string key, std::string actor, Instant now);
  // begin_once() looks an Idempotency-Key up. kNothing: this caller now owns the request and must call
  // end_once() with the HTTP status and body of the answer. A 5xx is forgotten, so the request may be sent
  // again. Kept for 24 hours: the last 1,000 requests, and 4 MiB of answers.
  rt::Task<Result<Before>> begin_once(Once once, Instant now);
  rt::Task<Status> end_once(Once once, int status, std::string answer);
  // Stores an event of our own (source postlude), if a workflow is on its hook; 0 otherwise.
  rt::Task<Result<EventId>> tell(Event event);
  // Sets which of our own hooks have workflows. Call it before tell(), and after each configuration change.
  rt::Task<Status> set_told(std::set<std::string, std::less<>> hooks);
  // Appends an audit record.
  rt::Task<Status> note(std::string actor, std::string action, std::string subject, std::string detail,
                        Instant now);
  // Deletes old rows in batches: runs that have ended before `runs_before`; events, with their deliveries,
  // that no run refers to; other deliveries.
  rt::Task<Status> prune(Instant deliveries_before, Instant runs_before);

  // -- reads: a caller sees its own completed writes. Lists are newest first, unless said otherwise, and have
  // no headers, bodies, metadata and payloads; texts in them are cut at kListedText.
  rt::Task<Result<std::vector<Event>>> unplanned(std::size_t limit);  // oldest first; kUnplannedBytes
  rt::Task<Result<std::vector<Delivery>>> deliveries(Filter filter, Page page);
  rt::Task<Result<Delivery>> delivery(DeliveryId id);
  rt::Task<Result<std::vector<Event>>> events(Filter filter, Page page);
  rt::Task<Result<EventDetail>> event(EventId id);
  rt::Task<Result<std::vector<RunLine>>> runs(Filter filter, Page page);
  rt::Task<Result<RunBrief>> brief(RunId id);
  // Of all runs of its event and workflow whose effects it shares: `run` and its replays.
  rt::Task<Result<std::vector<Acted>>> acted(Run run);
  rt::Task<Result<RunDetail>> run(RunId id, std::size_t exchanges_max = kExchangesShown);
  rt::Task<Result<std::vector<CauseGroup>>> failures(Filter filter);  // newest first; 500 at most
  rt::Task<Result<std::vector<KeyUse>>> keys(KeyFilter filter,
                                             Page page);  // by target and key; `after`: how many to skip
  rt::Task<Result<std::vector<CauseGroup>>> held(Filter filter);  // newest first; 500 at most
  rt::Task<Result<std::vector<HeldStep>>> held_steps(Filter filter,
                                                     std::size_t limit);  // of one cause; oldest first
  rt::Task<Result<std::vector<Pause>>> pauses();
  rt::Task<Result<Counts>> counts();
  rt::Task<Result<AuditCheck>> verify_audit();
  rt::Task<Status> writable();  // for /readyz: a small write was committed lately

  // Completes when the next step falls due, when a commit creates work or frees a target's room (start,
  // record, give_back, retry, resume), and after `at_most` at the latest.
  rt::Task<> woken(Duration at_most);
  bool take_made_event();  // whether an event of our own was stored since the last call; it needs planning
  void wake();             // loop thread: completes woken()
  // Loop thread: `listener` is called after each group of commits, before the calls in it complete.
  void listen(std::function<void(const Happened&)> listener);
  Stats stats() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::store
