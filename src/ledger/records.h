#pragma once
// Records: what callers give to the store and get from it: plans, claims, ends of attempts, lists, details.

#include <cstdint>
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

namespace postlude::ledger {

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
  std::string vars = "{}";  // JSON
  bool uncomputed = false;  // vars or key could not be computed: `failed` says why, and no retry can go on
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

// A request that is about to be sent, and what was evaluated and ended before it.
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

// What happens to an attempt whose `key` another step holds. The attempt is given back as if it had never
// been claimed, keeping what was evaluated first. The step is shown as waiting and is tried again at `at`, or
// when the key is free.
struct IfBusy {
  Instant now, at;
  std::string why;
  std::optional<std::string> input = {};
  std::optional<Instant> step_now = {};
  std::optional<std::string> trace = {};
};

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

// The runs of one workflow that failed, or that hold a step, for one cause.
struct CauseGroup {
  std::string cause, workflow;
  std::int64_t count = 0;  // of runs that failed, or of held steps
  RunId first, last;
  std::optional<Instant> at;  // when the last run failed, or since when the first step is held
  std::string reason;         // the last one's
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
  struct Due {                   // a step that an attempt comes for, now or later
    std::uint32_t index = 0;
    std::string title, target, reason;  // the reason: of the attempt before
    std::uint32_t attempts = 0;
    std::optional<Instant> due_at;  // nullopt: an attempt is under way
  };
  std::vector<Due> due;  // the first of them
};
// Lists cut texts of senders and users at this many bytes; a single object shows them whole.
constexpr std::size_t kListedText = 256;
constexpr std::size_t kWaitingListed = 3;
constexpr std::size_t kDueListed = 10;
// Number of repeats that are shown with an event, the newest ones.
constexpr std::size_t kRepeatsShown = 100;

// A run with what is needed to decide something about it.
struct RunBrief {
  Run run;
  std::string team;                         // of its event; "": none
  std::map<std::uint32_t, Answer> answers;  // callbacks and approvals, by step index
  std::string text;                         // the pinned workflow
};

// A text of a workflow with the steps of it, by index, that have made, or may have made, what a repetition
// could make twice.
struct Acted {
  std::string text;
  std::set<std::uint32_t> steps;
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

// A person's answer for a held step.
struct Resume {
  RunId run;
  std::string step;  // its id, title or number; "": the only one that is held
  ResumeAs as = ResumeAs::kRepeat;
  std::string actor;
  Instant now;
  std::string cause = {};              // only if it is held for that cause; "": for any
  std::string outputs = {};            // with kDone: what it yielded, as JSON; "": not known
  std::set<std::uint32_t> polls = {};  // the definitions of steps that wait for what they start
};

}  // namespace postlude::ledger
