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

#include "model/delivery.h"
#include "model/event.h"
#include "model/run.h"
#include "rt/loop.h"
#include "store/audit.h"

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

// Why a workflow ran on an event, or did not. Stored with the event, for `explain`.
struct Planned {
  std::string workflow;
  bool runs = false;
  std::string why;  // "on[1] matched, if true" / "on: phase is Failed, wanted Succeeded" / the expression
                    // that said no
  std::string trace =
      {};  // JSON: each pattern's fields and the condition, with the values they saw; "": none
};

struct NewRun {
  std::string workflow;
  std::string text;  // lang::pin of the workflow; equal texts are stored once
  std::string queue_key;
  std::string team;       // the event's; "": none
  bool queues = true;     // waits for earlier runs of the same workflow and key
  bool replaces = false;  // cancels the unstarted steps of older runs with the same workflow and key
  bool shadow = false;    // sends only reads
  std::shared_ptr<const std::string>
      data;  // JSON of tables and calendars; equal texts are stored once; may be null
  std::optional<Duration> timeout;
  std::string vars = "{}";  // JSON; null: vars or key could not be computed, and the run cannot be retried
  std::vector<Step> steps;  // the store sets id, state and times; the first step becomes due
  std::string failed;      // not empty: the run could not begin. It is stored as failed with this reason, its
                           // steps as skipped; `retry` starts with the first step
  std::string cause = {};  // of `failed`, by which failures are grouped
};

// A claimed step, with everything that an attempt needs.
struct Work {
  Lease lease;
  std::shared_ptr<const Event> event;
  Run run;                 // all steps; for a forEach element, without the values of the other elements
  std::uint32_t step = 0;  // index into run.steps
  std::size_t kept = 0;    // bytes that the whole run stores: values_of()
  // Earlier writes that had, or may have had, their effect: of this step, and of other runs of the event.
  // Oldest first.
  std::vector<Request> before;
  std::optional<Answer> answer;             // a callback or approval that arrived for it
  std::shared_ptr<const std::string> text;  // the pinned workflow
  std::shared_ptr<const std::string> data;  // the pinned tables and calendars; null: none
  bool overdue = false;  // its run's time is over: claimed to be ended, whatever room its target has
};

struct Claim {
  Instant now;
  std::size_t steps_max = 64;
  // How many steps each target may take; other targets: `room_default`. 0: skip the target, except for steps
  // of runs whose time is over.
  std::map<std::string, std::size_t, std::less<>> room;
  std::size_t room_default = 16;
};

struct AttemptEnd {
  Lease lease;
  Instant ended_at;
  Outcome outcome;
  std::vector<Request> requests;     // committed requests with their answers (id set), and reads (id 0)
  std::optional<std::string> input;  // `with` as evaluated; for a forEach step its list
  std::optional<Instant> step_now;
  std::optional<std::string> trace = {};  // of its `if`
  bool unanswered = false;  // it timed out waiting for an answer: an answer that arrived meanwhile wins
};

// What happens to an attempt whose `key` another step holds. The attempt is given back as if it had never
// been claimed, keeping what was evaluated first. The step is shown as waiting and is tried again at `at`, or
// when the key is free.
struct IfBusy {
  Instant now, at;
  std::string why;  // begins with kBusyKey
  std::optional<std::string> input = {};
  std::optional<Instant> step_now = {};
  std::optional<std::string> trace = {};
};

// Prefix of the reason of a step that waits for a key.
constexpr std::string_view kBusyKey = "another step works on the key";

// The state of a (target, key) for the step that takes it (contract 7, `key`).
struct Keyed {
  bool busy = false;            // another step holds the key; the lease is void
  std::string outputs;          // JSON outputs of the first use; "": none yet, or unknown
  bool made = false;            // the first use created something, but its outputs are unknown
  std::int64_t generation = 0;  // number of times the key was renewed or forgotten
};

// A (target, key) as people see it.
struct KeyUse {
  enum class State : std::uint8_t {
    kKept,             // its outputs are known: the next use updates it
    kUnknown,          // it was created, its outputs are unknown
    kInUse,            // a step holds it
    kFirstUse,         // a step is creating it
    kFirstUseUnclear,  // a step tried to create it; whether it did is unclear
  };
  std::string target, key;
  std::string outputs;  // JSON; "": none are known
  State state = State::kKept;
  RunId run;         // of the last use; 0: pruned
  std::string step;  // its title
  std::optional<Instant> first_at, last_at;
};
struct KeyFilter {
  std::string target, key;  // "": any
};

// A pause: holds runs back. `kind` is workflow, target, team, source or all (`name` is "" for all).
struct Pause {
  std::string kind, name;
  Instant at;
  std::string actor, why;
};

// An API write with an Idempotency-Key: the caller, the key, and a digest of the request.
struct Once {
  std::string caller, key, digest;
};
struct Before {
  enum class What : std::uint8_t {
    kNothing,      // new: this caller now owns the request and carries it out
    kUnderWay,     // another call is carrying it out
    kNobodyKnows,  // the process ended while it was carried out
    kOther,        // the key was used with another request
    kAnswered      // done: answer with `status` and `answer`
  };
  What what = What::kNothing;
  int status = 0;
  std::string answer = {};
};

// Failed runs of one cause that nobody has retried or dismissed.
struct FailureGroup {
  std::string cause, workflow;
  std::int64_t count = 0;
  RunId first, last;
  std::optional<Instant> last_at;
  std::string reason;  // the last one's
};

// Held steps of one cause, in runs that have not ended.
struct HeldGroup {
  std::string cause, workflow;
  std::int64_t count = 0;
  RunId first, last;
  std::optional<Instant> since;  // the first one's
  std::string reason;            // the last one's
};
struct HeldStep {
  RunId run;
  std::uint32_t index = 0;
  std::string cause;
};

// A decision about a run. The writer calls it inside the transaction, with the run's current state. Must be
// pure and fast: all writes wait for it.
using Rule = std::function<Decision(const Run& run)>;

// Number of refused deliveries without proof that are kept, the newest ones. The audit chain has only their
// sum, see Pipeline::sum_up().
constexpr std::size_t kStrangersKept = 1'000;
// For this long, an authentic call that is refused like the one before it (same canary, hook, body and
// reason) is only counted on that one.
constexpr Duration kRefusalsTogether = std::chrono::hours(1);

// Maximum bytes of payloads in one result of unplanned(); a list of that size may be incomplete.
constexpr std::size_t kUnplannedBytes = 8U << 20U;

struct Page {
  std::size_t limit = 50;
  std::int64_t after = 0;  // list rows older than this id; 0: from the newest
};
struct Filter {  // empty: any
  std::string source, hook, verdict, name_space, name, phase, workflow, state, team, cause;
  std::int64_t event = 0;
  std::optional<bool> dismissed;
  bool asks = false;  // runs that wait for an approval
};

struct Attempt {
  AttemptId id;
  std::int64_t step = 0;
  std::uint32_t number = 0;
  Instant started_at;
  std::optional<Instant> ended_at;
  std::string outcome;  // as kind_of(), "crashed" when nothing was recorded
  std::string why;
  std::vector<Request> requests;
};
// Whether the pause holds the run. `works_on(target)`: a step of that target has not ended.
template <class WorksOn>
bool holds(const Pause& pause, const Run& run, std::string_view team, WorksOn works_on) {
  return pause.kind == "all" || (pause.kind == "workflow" && pause.name == run.workflow) ||
         (pause.kind == "source" && pause.name == run.source) ||
         (pause.kind == "team" && pause.name == team) || (pause.kind == "target" && works_on(pause.name));
}

// A run as lists show it: no steps, no variables; with the names of its event and the pauses that hold it.
struct RunLine : Run {
  std::string team, name_space, name;
  std::vector<Pause> paused_by;  // while it has not ended
  struct Waiting {               // a step that waits for a person
    std::uint32_t index = 0;
    std::string title;
    bool asks = false;  // true: approve or reject; false: resume
  };
  std::vector<Waiting> waiting;  // the first of them
};
// Lists cut texts of senders and users at this many bytes; a single object shows them whole.
constexpr std::size_t kListedText = 256;
constexpr std::size_t kWaitingListed = 3;
// Number of repeats that are shown with an event, the newest ones.
constexpr std::size_t kRepeatsShown = 100;

// A run with what is needed to decide something about it.
struct RunBrief {
  Run run;
  std::string team;                         // of its event; "": none
  std::map<std::uint32_t, Answer> answers;  // callbacks and approvals, by step index
  std::string text;                         // the pinned workflow
};

// Limits of a RunDetail: the newest kAttemptsShown attempts of each step; with many steps fewer, so that all
// are at most kAttemptsInAll, but at least kAttemptsAtLeast of each step.
constexpr std::size_t kAttemptsShown = 100;
constexpr std::size_t kAttemptsInAll = 5'000;
constexpr std::size_t kAttemptsAtLeast = 5;
// Maximum bytes of headers, bodies and answers in a RunDetail; older ones are left out.
constexpr std::size_t kExchangesShown = 4U << 20U;

struct RunDetail : RunBrief {
  std::string name_space, name;  // of its event
  std::vector<Attempt> attempts;
  std::map<std::int64_t, std::int64_t> attempts_of;  // total number, by step
  // While it is queued: the run right before it in its queue, and how many there are.
  std::optional<RunId> behind;
  std::size_t before = 0;
  std::map<std::string, std::size_t> under_way;  // attempts of all runs, by target of a step that is due
};
struct EventDetail {
  Event event;
  bool planned = false;
  std::vector<Planned> plan;
  std::vector<RunLine> runs;
  std::vector<Delivery> deliveries;  // of this event, without headers and bodies; at most kRepeatsShown
};
// Number of workflows that are counted separately; the rest is "other".
constexpr std::size_t kWorkflowsCounted = 500;

struct Counts {
  std::int64_t unplanned = 0;
  std::map<std::string, std::map<std::string, std::int64_t>> by_workflow;  // runs by state
  std::int64_t asking = 0;                                                 // steps that wait for an approval
  std::map<std::pair<std::string, std::string>, std::int64_t> held;        // steps, by workflow and target
  std::map<std::string, std::int64_t> paused;                              // pauses by kind
  std::map<std::string, std::int64_t> runs;                                // by state
  std::int64_t bytes = 0;                                                  // of the database and its WAL
  std::int64_t due = 0;  // steps that could be worked on now
  std::optional<Instant> oldest_due;
};
// What commits changed, reported after they are on disk, for metrics and the log.
struct RunEnd {
  RunId run;
  EventId event;
  std::string workflow, canary;  // namespace/name
  RunState state = RunState::kSucceeded;
  std::string reason, cause;
  Duration took{};  // from creation to end
};
struct StepEnd {
  std::string target, uses;
  StepState state = StepState::kSucceeded;
};
struct StepHeld {  // a person is to decide about it
  RunId run;
  std::string workflow, canary;  // namespace/name
  std::string step, target;      // its title
  std::uint32_t number = 0;      // of the step, from 1
  std::string reason, cause;
};
struct Happened {
  struct Commit {
    Duration took{};
    std::size_t commands = 0;
  };
  std::vector<RunEnd> runs;
  std::vector<StepEnd> steps;
  std::vector<StepHeld> held;
  std::vector<Commit> commits;
};
struct Stats {  // since the start
  std::uint64_t commits = 0, commands = 0, queue_high = 0;
};

enum class ResumeAs : std::uint8_t { kDone, kRepeat, kFail };
std::optional<ResumeAs> resume_as(std::string_view word);  // done, repeat, fail
std::string_view word_of(ResumeAs as);

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
  struct NewRequest {
    Lease lease;
    Request request;
    std::vector<Request> ended;
    std::optional<std::string> input;
    std::optional<Instant> step_now;
    std::optional<std::string> trace;
    bool ordered = false;   // whatever its effect: never sent after a newer release has sent it
    std::int64_t seen = 0;  // id of the newest request of the event's other runs that the attempt has seen
  };
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
  // Answers for a held step. `step`: its id, title or index; "" if only one is held. `rule` decides what
  // follows kDone and kFail; kRepeat needs none. `cause`: only if the step is held for that cause; "": for
  // any. kConflict: the step is not held (for that cause).
  rt::Task<Status> resume(RunId run, std::string step, ResumeAs as, std::string actor, Instant now, Rule rule,
                          std::string cause = "");
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
  rt::Task<Result<RunDetail>> run(RunId id, std::size_t exchanges_max = kExchangesShown);
  rt::Task<Result<std::vector<FailureGroup>>> failures(Filter filter);  // newest first; 500 at most
  rt::Task<Result<std::vector<KeyUse>>> keys(KeyFilter filter,
                                             Page page);  // by target and key; `after`: how many to skip
  rt::Task<Result<std::vector<HeldGroup>>> held(Filter filter);  // newest first; 500 at most
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
