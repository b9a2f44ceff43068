#pragma once
// Store: what has happened. The only truth; everything in memory can be lost.
//
// A write is queued, applied by the writer thread in one transaction with its neighbours, and completes when
// that transaction is on disk (WAL, synchronous=FULL). Its audit records are part of it. A full queue refuses
// at once: kOverloaded. A full disk (SQLITE_FULL) is kOverloaded too and nothing of the command is kept; any
// SQLITE_IOERR ends the process, and the next start is the recovery.
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
  std::shared_ptr<Memory> memory;  // not null: over this, on the loop's thread; `url` says nothing then
  std::size_t queue_max = 10'000;  // commands that wait for the writer
  std::size_t group_max = 128;     // measured: larger groups wait longer and commit hardly more per second
  std::int64_t bytes_max =
      0;                // the database may not grow past this: kOverloaded, as of a full disk; 0: no bound
  bool durable = true;  // false: synchronous=OFF, for the benchmark that measures the price of true
  // Whose turn it is in a run after something has changed: engine::follow. Pure; called by the writer.
  std::function<Decision(const Run& run, Instant now)> follow;
};

// Proof that a delivery is on disk. Only the store makes one, and a 202 is built from nothing else.
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

// Why a workflow ran on an event, or not: kept with the event for `explain`.
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
  std::string text;  // lang::pin of the workflow: stored once per content
  std::string queue_key;
  std::string team;       // of the event; "": none
  bool queues = true;     // waits for earlier runs of the same workflow and key
  bool replaces = false;  // older runs of the same workflow and key leave out what they have not begun
  bool shadow = false;    // nothing but reads is sent
  std::shared_ptr<const std::string>
      data;  // JSON of tables and calendars, stored once per content; may be null
  std::optional<Duration> timeout;
  std::string vars = "{}";  // null: they or the key could not be computed, and no retry goes on without them
  std::vector<Step> steps;  // id, state, times are the store's; the first becomes due
  std::string failed;      // not empty: the run could not begin; it is stored as failed with this reason, its
                           // steps skipped, and `retry` gives the first its turn
  std::string cause = {};  // of that, as failures are grouped
};

// A claimed step, with all that is needed to carry it out.
struct Work {
  Lease lease;
  std::shared_ptr<const Event> event;
  Run run;                 // with all its steps; an element's without the values of the others of its list
  std::uint32_t step = 0;  // index into run.steps
  std::size_t kept = 0;    // values_of() the whole of it
  // Writes of earlier attempts, and of other runs of the event, that had or may have had their effect; oldest
  // first.
  std::vector<Request> before;
  std::optional<Answer> answer;             // what has come from outside for it
  std::shared_ptr<const std::string> text;  // the pinned workflow
  std::shared_ptr<const std::string> data;  // the pinned tables and calendars; null: none
};

struct Claim {
  Instant now;
  std::size_t steps_max = 64;
  // Room per target; a target that is not listed has `room_default`. 0: skip it.
  std::map<std::string, std::size_t, std::less<>> room;
  std::size_t room_default = 16;
};

struct AttemptEnd {
  Lease lease;
  Instant ended_at;
  Outcome outcome;
  std::vector<Request> requests;     // answers to committed requests (id set), and reads (id 0)
  std::optional<std::string> input;  // `with` as evaluated; of a forEach step its list
  std::optional<Instant> step_now;
  std::optional<std::string> trace = {};  // of its `if`
  bool unanswered = false;  // it ended because nobody had answered: what has come meanwhile goes first
};

// What becomes of an attempt that finds its key in other hands: it is given back, as if it had never been
// claimed, with what was evaluated first; the step is shown to wait, and looks again `at`, or once it is
// free.
struct IfBusy {
  Instant now, at;
  std::string why;  // begins with kBusyKey
  std::optional<std::string> input = {};
  std::optional<Instant> step_now = {};
  std::optional<std::string> trace = {};
};

// What the reason of a step that waits for a key begins with.
constexpr std::string_view kBusyKey = "another step works on the key";

// An effect that belongs to a target and a key (contract 7, `key`).
struct Keyed {
  bool busy = false;            // another step has it in hand; the lease is void
  std::string outputs;          // JSON, of the first use; "": this is the first, or nobody knows
  bool made = false;            // nobody knows: it was made all the same
  std::int64_t generation = 0;  // how often it was gone or forgotten: which first use this is
};

// A (target, key), for people.
struct KeyUse {
  enum class State : std::uint8_t {
    kKept,             // what it yielded is known: the next use updates it
    kUnknown,          // it was made, and nobody knows what it yielded
    kInUse,            // a step works on it
    kFirstUse,         // a step makes it just now
    kFirstUseUnclear,  // and it is unclear whether it has
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

// What holds runs back. `kind` is workflow, target, team, source or all (then `name` is "").
struct Pause {
  std::string kind, name;
  Instant at;
  std::string actor, why;
};

// A write that came with an Idempotency-Key: whose it is, and what tells one request from another.
struct Once {
  std::string caller, key, digest;
};
struct Before {
  enum class What : std::uint8_t {
    kNothing,      // carry it out
    kUnderWay,     // it is being carried out
    kNobodyKnows,  // the process ended while it was
    kOther,        // the key came with another request
    kAnswered      // by `status` and `answer`
  };
  What what = What::kNothing;
  int status = 0;
  std::string answer = {};
};

// Failed runs that nobody has retried or dismissed, with one cause.
struct FailureGroup {
  std::string cause, workflow;
  std::int64_t count = 0;
  RunId first, last;
  std::optional<Instant> last_at;
  std::string reason;  // the last one's
};

// Held steps of runs under way, with one cause.
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

// Called inside the transaction with the run as it is then. Pure, and brief: every writer waits for it.
using Rule = std::function<Decision(const Run& run)>;

// So many refused deliveries of callers without proof are kept, the newest. What they did is in the audit
// chain as a sum, see Pipeline::sum_up().
constexpr std::size_t kStrangersKept = 1'000;
// An authentic call that is refused as the one before it (its canary, hook, body, and why) is counted with
// that one, for as long.
constexpr Duration kRefusalsTogether = std::chrono::hours(1);

// Payloads in one answer of unplanned(): a list that holds as much may have been cut.
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
// Whether the pause holds such a run; `works_on(target)`: a step of that target has not ended.
template <class WorksOn>
bool holds(const Pause& pause, const Run& run, std::string_view team, WorksOn works_on) {
  return pause.kind == "all" || (pause.kind == "workflow" && pause.name == run.workflow) ||
         (pause.kind == "source" && pause.name == run.source) ||
         (pause.kind == "team" && pause.name == team) || (pause.kind == "target" && works_on(pause.name));
}

// A run as lists show it: without steps and variables, with its event's names and with what holds it.
struct RunLine : Run {
  std::string team, name_space, name;
  std::vector<Pause> paused_by;  // while it has not ended
  struct Waiting {               // a step that a person is to decide about
    std::uint32_t index = 0;
    std::string title;
    bool asks = false;  // approve or reject; else: resume
  };
  std::vector<Waiting> waiting;  // the first of them
};
// So many bytes of a text that a sender or a user wrote are in a list; all of it in what shows one thing.
constexpr std::size_t kListedText = 256;
constexpr std::size_t kWaitingListed = 3;
// So many repeats of an event are shown with it, the newest.
constexpr std::size_t kRepeatsShown = 100;

// A run, for whoever decides something about it.
struct RunBrief {
  Run run;
  std::string team;                         // of its event; "": none
  std::map<std::uint32_t, Answer> answers;  // what came from outside, by the step's index
  std::string text;                         // the pinned workflow
};

// As many attempts of one step, the newest ones, are in a RunDetail: fewer where there are many steps, so
// that all of them are no more than kAttemptsInAll, but kAttemptsAtLeast of each.
constexpr std::size_t kAttemptsShown = 100;
constexpr std::size_t kAttemptsInAll = 5'000;
constexpr std::size_t kAttemptsAtLeast = 5;
// As many bytes of headers, bodies and answers, the newest ones; the others are left out.
constexpr std::size_t kExchangesShown = 4U << 20U;

struct RunDetail : RunBrief {
  std::string name_space, name;  // of its event
  std::vector<Attempt> attempts;
  std::map<std::int64_t, std::int64_t> attempts_of;  // how many there are, by step
};
struct EventDetail {
  Event event;
  bool planned = false;
  std::vector<Planned> plan;
  std::vector<RunLine> runs;
  std::vector<Delivery> deliveries;  // that reported it, without headers and bodies; kRepeatsShown
};
// So many workflows are counted for themselves; what is left, as "other".
constexpr std::size_t kWorkflowsCounted = 500;

struct Counts {
  std::int64_t unplanned = 0;
  std::map<std::string, std::map<std::string, std::int64_t>> by_workflow;  // runs by state
  std::int64_t asking = 0;                                                 // steps that ask people
  std::map<std::pair<std::string, std::string>, std::int64_t> held;        // steps, by workflow and target
  std::map<std::string, std::int64_t> paused;                              // pauses by kind
  std::map<std::string, std::int64_t> runs;                                // by state
  std::int64_t bytes = 0;                                                  // of the database and its WAL
  std::int64_t due = 0;  // steps that could be worked on now
  std::optional<Instant> oldest_due;
};
// What a commit has brought about, told once it is on disk: to be counted and logged.
struct RunEnd {
  RunId run;
  EventId event;
  std::string workflow, canary;  // namespace/name
  RunState state = RunState::kSucceeded;
  std::string reason, cause;
  Duration took{};  // since it was made
};
struct StepEnd {
  std::string target, uses;
  StepState state = StepState::kSucceeded;
};
struct Happened {
  struct Commit {
    Duration took{};
    std::size_t commands = 0;
  };
  std::vector<RunEnd> runs;
  std::vector<StepEnd> steps;
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
  // Migrates under a lock, checkpoints the WAL, lapses all leases: a request that was open becomes `unclear`,
  // its step gets its turn again. kCorrupt: not ours, a newer schema, or damaged. kConflict: another process
  // has it.
  static Result<std::unique_ptr<Store>> open(rt::Loop& loop, Options options);
  ~Store();  // commits what is queued
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // 128 random bits made with the store: the HMAC secret of every idempotency key.
  const std::string& secret() const;

  // -- writes
  // Stores the delivery (verdict accepted becomes duplicate where it is one) and, when it is new, `event`.
  // kConflict: the sender's id was used with another body (422); the delivery is kept as rejected then.
  // `nothing_runs`: it is known already that no workflow runs on the event, and why; start() has nothing left
  // to do.
  rt::Task<Result<Receipt>> append(Authentic proof, Delivery delivery, std::optional<Event> event,
                                   Identity identity,
                                   std::optional<std::vector<Planned>> nothing_runs = std::nullopt);
  // A delivery that made no event: rejected, unreadable, filtered, or without proof. What `identity` tells of
  // a canary is noted: the call stands between two equal ones, and may end a release. The id is that of an
  // earlier one where it is only counted there.
  rt::Task<Result<DeliveryId>> append_rejected(Delivery delivery, Identity identity);
  // All of them or none, and once per event: kConflict after that.
  rt::Task<Status> start(EventId event, std::vector<NewRun> runs, std::vector<Planned> plan, Instant now);
  // Due steps become running, each with a new attempt (the intent) and token.
  rt::Task<Result<std::vector<Work>>> claim(Claim claim);
  // Before a request that is not a read is handed to a connection: its row, and those that ended before it.
  // kConflict: the lease is void. kDenied: superseded, a newer release of that canary has sent the same step
  // (state, upsert, `ordered`; Run::stale passes). kUnavailable: another run of the event has one with this
  // key under way. Fills in id and sent_at.
  struct NewRequest {
    Lease lease;
    Request request;
    std::vector<Request> ended;
    std::optional<std::string> input;
    std::optional<Instant> step_now;
    std::optional<std::string> trace;
    bool ordered = false;   // an older release must not send it after a newer one, whatever its effect
    std::int64_t seen = 0;  // the newest request of other runs of the event that the attempt knows of
  };
  // kUnavailable: another run of the event has it under way, or has had its effect without the attempt's
  // knowing.
  rt::Task<Result<Request>> commit_request(NewRequest request);
  rt::Task<Status> record(AttemptEnd end, Rule rule);  // kConflict: the lease is void; forget the outcome
  // The same, and in the same commit the claim of the run's next step, if it is due at once and of the same
  // target: the room is there.
  rt::Task<Result<std::optional<Work>>> record_and_go_on(AttemptEnd end, Rule rule);
  rt::Task<Status> give_back(Lease lease, Instant now);  // stopping, nothing was sent: as if never claimed
  rt::Task<Status> retry(RunId run, bool stale, std::string actor, Instant now);  // kConflict: not failed
  // `step`: its id, title or index; "" where only one is held. `rule` says what follows a step that is done
  // or failed; kRepeat needs none. `cause`: it is held for that; "": for whatever it is. kConflict: it is
  // not.
  rt::Task<Status> resume(RunId run, std::string step, ResumeAs as, std::string actor, Instant now, Rule rule,
                          std::string cause = "");
  // A new run of the replayed run's event, with the text in `run`. Where the text is the same, or an effect
  // may have been made, it takes over what was evaluated then. `again`: its effects get keys of their own.
  rt::Task<Result<RunId>> replay(RunId of, NewRun run, bool again, bool stale, std::string actor,
                                 Instant now);
  // What has not begun is left out; what is under way ends first. kConflict: it has ended.
  rt::Task<Status> cancel(RunId run, std::string actor, std::string why, Instant now);
  // A step that has not ended, or a failed one of a failed run, which then goes on. kConflict: it is under
  // way.
  rt::Task<Status> skip(RunId run, std::string step, std::string actor, Instant now);
  rt::Task<Status> dismiss(RunId run, std::string actor, Instant now);  // kConflict: it has not failed
  // Kept for the step, which takes it when it waits. `step`: an index. kConflict: there is one already, or
  // the step or run has ended; kNotFound.
  rt::Task<Status> answer(RunId run, std::uint32_t step, Answer answer);
  // kConflict: it is so already. `kind` and `name` as in Pause.
  rt::Task<Status> pause(Pause pause);
  rt::Task<Status> unpause(std::string kind, std::string name, std::string actor, Instant now);
  // Before the requests of a step with `key`. Held until the step has ended. kConflict: the lease is void.
  rt::Task<Result<Keyed>> take_keyed(Lease lease, std::string target, std::string key, IfBusy busy);
  // What belongs to the key, which the lease's step has in its hands, is gone: what follows is a first use,
  // of the generation that is returned. kConflict: the lease is void, or the key is in other hands.
  rt::Task<Result<std::int64_t>> renew_keyed(Lease lease, std::string target, std::string key, Instant now);
  // kConflict: a step works on it, or it is unclear what became of its first use; kNotFound.
  rt::Task<Status> forget_key(std::string target, std::string key, std::string actor, Instant now);
  // Kept for 24 hours: the last 1,000, and 4 MiB of answers. What is kNothing is under way from then on,
  // until it ends with the HTTP status and body of its answer; with 5xx it is forgotten, and may be asked
  // again.
  rt::Task<Result<Before>> begin_once(Once once, Instant now);
  rt::Task<Status> end_once(Once once, int status, std::string answer);
  // An event of our own (source postlude), if some workflow is on its hook: 0 otherwise.
  rt::Task<Result<EventId>> tell(Event event);
  // The hooks of our own that workflows are on; before that, and after each change of the configuration.
  rt::Task<Status> set_told(std::set<std::string, std::less<>> hooks);
  rt::Task<Status> note(std::string actor, std::string action, std::string subject, std::string detail,
                        Instant now);  // audit
  // A run goes when it has ended; an event, with the delivery that made it, when no run refers to it.
  rt::Task<Status> prune(Instant deliveries_before, Instant runs_before);

  // -- reads: a caller sees its own completed writes. Lists are newest first, without headers, bodies,
  // metadata and payloads; texts in them are cut at kListedText.
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
                                             Page page);  // by target and key; `after`: how many to leave out
  rt::Task<Result<std::vector<HeldGroup>>> held(Filter filter);  // newest first; 500 at most
  rt::Task<Result<std::vector<HeldStep>>> held_steps(Filter filter,
                                                     std::size_t limit);  // of one cause; oldest first
  rt::Task<Result<std::vector<Pause>>> pauses();
  rt::Task<Result<Counts>> counts();
  rt::Task<Result<AuditCheck>> verify_audit();
  rt::Task<Status> writable();  // /readyz: a write transaction can be committed

  // When the next step falls due; completes at once when a commit made work or freed a target's room (start,
  // record, give_back, retry, resume), at the latest after `at_most`.
  rt::Task<> woken(Duration at_most);
  bool take_made_event();  // an event of Postlude's own was made since the last call: it is to be planned
  void wake();             // loop thread: completes woken()
  // Loop thread: called after each group of commits, before whoever waits for one of them goes on.
  void listen(std::function<void(const Happened&)> listener);
  Stats stats() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::store
