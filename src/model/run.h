#pragma once
// Run, Step, Attempt, Request: what an event has caused so far (contract 1, 7, 9).
//
//   run:   queued --> running <--> waiting --> succeeded | failed | cancelled
//
//   step:  pending --> running --> succeeded | failed | skipped
//            ^            |
//            +--(retry)---+---> waiting --> running | succeeded | failed
//   any of these that is not terminal --> cancelled
//
// A step before its turn is pending without a due time; one that backs off is pending with a due time. A step
// in `wait`, or one that polls a job that it started, is waiting with a due time; one that is held for a
// person is waiting without. A `forEach` step is running while its elements are, and has no lease.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/id.h"
#include "base/time.h"

namespace postlude {

// Values are stored. Never renumber; add at the end.
enum class RunState : std::uint8_t { kQueued = 1, kRunning, kWaiting, kSucceeded, kFailed, kCancelled };
enum class StepState : std::uint8_t {
  kPending = 1,
  kRunning,
  kWaiting,
  kSucceeded,
  kFailed,
  kSkipped,
  kCancelled
};
std::string_view to_text(RunState state);
std::string_view to_text(StepState state);
std::optional<RunState> run_state_named(std::string_view name);
inline bool terminal(RunState state) {
  return state >= RunState::kSucceeded;
}
inline bool terminal(StepState state) {
  return state >= StepState::kSucceeded;
}

// What a request does, and so whether it may be repeated (contract 9). Values are stored.
enum class Effect : std::uint8_t { kRead = 1, kState, kUpsert, kKey, kLookup, kNone };
std::string_view to_text(Effect effect);
std::optional<Effect> effect_named(std::string_view name);

enum class OnUnclear : std::uint8_t { kRepeat = 1, kHold, kFail };
std::string_view to_text(OnUnclear on_unclear);
std::optional<OnUnclear> on_unclear_named(std::string_view name);

// How a request ended. Values are stored. kOpen: committed, its end is not known yet. kShadow: built by a run
// in shadow mode, and not sent.
enum class RequestResult : std::uint8_t {
  kOpen = 1,
  kSucceeded,
  kExists,
  kRefused,
  kRetryable,
  kUnclear,
  kShadow
};
std::string_view to_text(RequestResult result);

// One exchange of an attempt, as stored: secrets masked, bodies cut at 64 KiB. Of a call that is not HTTP the
// method, the URL and the body are its text form (connector/kind.h).
struct Request {
  std::int64_t id = 0;  // 0 until stored
  AttemptId attempt;
  std::string name;  // the id in the connector file; "request" for http/request; "lookup.x" in a lookup
  Effect effect = Effect::kRead;
  std::string key;  // the idempotency key; "" for reads
  std::string method;
  std::string url;                 // masked
  std::string headers;             // JSON object, masked
  std::string body;                // masked
  std::optional<Instant> sent_at;  // when the intent to send it was committed
  std::optional<Instant> ended_at;
  RequestResult result = RequestResult::kOpen;
  int status = 0;  // of the answer; 0: no answer
  // JSON {"status","headers","body","text"} as expressions see it; "" if there was none.
  std::string response;
  std::string why;            // why it did not succeed, for people
  std::string settled_by;     // the person who settled it when it was unclear; "": nobody
  bool cut = false;           // the answer's body was longer than what `response` has of it
  bool left_out = false;      // headers, body and response are left out of the record that is shown
  bool of_other_run = false;  // another run of the same event sent it, so its effect concerns this run too
};

// The list of the workflow that a step belongs to. Values are stored.
enum class StepList : std::uint8_t { kSteps = 1, kOnFailure, kFinally };

// Why a step ended as it did, or waits, as far as later decisions depend on it; `reason` says it in words.
// Values are stored. Never renumber; add at the end.
enum class Because : std::uint8_t {
  kOther = 0,
  kCondition,      // its `if` is false
  kStepFailed,     // a step that it needs failed
  kNoFailure,      // it belongs to onFailure, and no step failed
  kSuperseded,     // a newer release sent it
  kKeyInUse,       // another step holds its `key`
  kPersonSkipped,  // `runs skip`
  kPersonFailed,   // `runs resume --as fail`
  kRejected,       // an approver rejected it
  kUnanswered,     // nobody approved or called back in time, whatever follows from that
  kJobFailed,      // the job that it started failed
  kJobNotEnded,    // the job that it started did not end in time
};
std::string_view to_text(Because because);     // "" for kOther
Because because_named(std::string_view name);  // kOther where there is no such name

struct Step {
  std::int64_t id = 0;
  std::uint32_t index = 0;       // in the run, from 0
  std::uint32_t definition = 0;  // which of the workflow's steps it is
  StepList list = StepList::kSteps;
  std::vector<std::uint32_t> needs;         // indexes of the steps that must end first
  std::optional<std::uint32_t> element_of;  // the `forEach` step to which this element belongs
  std::optional<std::uint32_t> announces;   // the step whose wait it announces
  std::string item;                         // JSON of the element; "" outside forEach
  std::string part;        // identifies the step in effect keys and in the order of releases: fixed by the
                           // workflow's text and the element
  bool continues = false;  // continueOnError: its failure fails neither the run nor later steps
  bool spread = false;     // its elements were created
  std::string name;        // the workflow's step id; "" if it gave none
  std::string title;       // for people: its name, else its id, else TARGET/ACTION
  std::string target;      // its limits apply; "" for built-in actions
  std::string uses;
  bool after_failure = false;  // its `if` calls failure or always: it is evaluated although a step failed
  StepState state = StepState::kPending;
  std::string reason;  // why it failed, was skipped, is held or waits, for people
  Because because = Because::kOther;
  std::uint32_t attempts = 0;  // claims so far; counted before a request is sent
  std::optional<Instant> due_at;
  std::optional<Instant> first_at;  // when its first attempt began: `retry.for` counts from here
  std::optional<Instant> now;       // the step's stored time: what `now` is in its expressions
  bool unclear = false;     // sticky: a request may have had its effect, and nothing has settled it yet
  bool held = false;        // waits for a person: `runs resume`
  bool asks = false;        // waits for a person: `runs approve` or `runs reject`
  bool freed = false;       // a person had it repeated: what other runs of the event did is settled
  std::uint32_t round = 0;  // of onFailure and finally: how often the run was retried since they first ran
  std::string cause;        // while held: why, as held steps are grouped; of a failure: if not its `reason`
  std::string shared_key;   // its `key` as it was last evaluated, for people; "": none
  std::optional<Instant>
      over_by;          // it waits for what it started, until then at the latest: it only reads now
  std::string input;    // JSON of `with` as first evaluated; "" until then
  std::string outputs;  // JSON; "" until it succeeds
  std::string trace;    // JSON {"if": {expression, values, result}}: why it ran or not; "" without `if`
  std::optional<Instant> started_at;
  std::optional<Instant> finished_at;
};

struct Run {
  RunId id;
  EventId event;
  std::string workflow;
  std::int64_t text = 0;  // the pinned workflow text: store::texts
  std::string queue_key;
  RunState state = RunState::kQueued;
  bool waits_turn = false;  // queued behind another run; one whose turn has come is queued until it begins
  std::string reason;       // why it failed or was cancelled
  std::string source;       // of its event
  Instant created_at;
  std::optional<Instant> started_at;
  std::optional<Instant> finished_at;
  std::optional<Instant> deadline_at;  // from `timeout`; moves on by the time that the run waits for people
  // Since when the run waits for people; its deadline is suspended meanwhile.
  std::optional<Instant> people_since;
  std::string vars = "{}";         // JSON, computed once
  bool uncomputed = false;         // its vars or its queue's key could not be computed: no retry can go on
  std::int64_t data = 0;           // the pinned tables and calendars: store::texts; 0: none
  bool stale = false;              // `--stale`: sends writes although a newer release superseded them
  bool shadow = false;             // sends only reads
  bool dismissed = false;          // a person removed it from the list of failures
  std::optional<RunId> replay_of;  // the run that was replayed
  std::string salt;                // `replay --again`: gives its effects other keys; "" in all other runs
  std::string cancel;  // who cancelled it and why: steps that have not begun are left out; "": nobody
  // Cause of a failure, without the parts that differ between runs: failures are grouped by it.
  std::string cause;
  std::vector<Step> steps;
};

// Bytes of the values that a run stores: its variables, and the elements, inputs and outputs of its steps.
// The outputs of a list are those of its elements.
std::size_t values_of(const Run& run);
constexpr std::size_t kRunValuesMax = 16U << 20U;

// The right to record one outcome. A later claim of the step has another token, and voids this lease.
struct Lease {
  std::int64_t step = 0;
  AttemptId attempt;
  std::uint64_t token = 0;
  RunId run = {};
};

// How one attempt ended.
struct Succeeded {
  std::string outputs;  // JSON
  Because because = Because::kOther;
};
struct Skipped {
  std::string why;
  Because because = Because::kOther;
};
struct Waits {                   // something else decides, at the latest at `until`
  std::optional<Instant> until;  // nullopt: the run's timeout decides; without limit while people are asked
  std::string why;
  bool asks = false;                    // people are asked
  std::optional<Instant> over_by = {};  // the job that it started is still running: poll again at `until`
};
struct Spread {  // a `forEach` step created its elements, each given as JSON
  std::vector<std::string> items;
  std::string why = {};
};
// `cause`: what such outcomes are grouped by, where `why` differs from one to the next; "": `why`.
struct Held {  // a person decides
  std::string why;
  std::string cause = {};
};
struct Retryable {  // the receiver certainly did not act
  std::string why;
  std::optional<Duration> after = {};  // the delay that the receiver asked for
  bool counts_for_breaker = true;
  bool uncounted = false;  // nothing was sent, so the attempt does not count
};
struct Refused {  // the receiver refused, or the request could not be built; repeating does not help
  std::string why;
  Because because = Because::kOther;
  std::string cause = {};  // as it is grouped; "": by `why`
};
struct Unclear {  // the receiver may have acted
  std::string why;
  Effect effect = Effect::kNone;
  OnUnclear then = OnUnclear::kHold;  // for kNone
  Duration not_before{};              // how long to wait at least before the next attempt
  bool looked = false;                // it was looked for, and not found; but that counts only later
  bool answered = false;              // by a whole 2xx, which did not say whether it worked: not repeated
  bool misread = false;  // by a rule that yields neither true nor false: not even where that is safe
  std::string cause = {};
};
using Outcome = std::variant<Succeeded, Skipped, Waits, Held, Retryable, Refused, Unclear, Spread>;
std::string_view kind_of(
    const Outcome& outcome);  // succeeded skipped waiting held retryable refused unclear spread
std::string_view why_of(const Outcome& outcome);  // "" for Succeeded

// What to write because an attempt ended. The store applies it as it is.
struct StepChange {
  std::uint32_t index = 0;
  StepState state = StepState::kPending;
  std::optional<Instant> due_at = {};
  std::string reason = {};
  bool held = false;
  std::optional<bool> unclear = {};  // nullopt: stays as it is
  std::optional<std::string> outputs = {};
  bool uncounted = false;  // what has just ended was no attempt
  bool no_input = false;   // its input is not kept
  bool asks = false;
  bool spread = false;                  // it has elements now: running, without a lease
  std::optional<Instant> over_by = {};  // what it started is waited for: what was tried so far counts no more
  std::string cause = {};               // of a held or failed step, as they are grouped; "": by `reason`
  Because because = Because::kOther;
};
struct Decision {
  std::vector<StepChange> changes;  // at most one per step
  RunState run = RunState::kRunning;
  std::string reason = {};       // of the run: why it failed, was cancelled, or is held
  std::vector<Step> added = {};  // elements, with their announcements; indexes follow the run's last
  std::string cause = {};        // of a failed run
  bool begins_list = false;      // onFailure or finally has begun: a time limit of its own begins
};

// What came from outside for a step that waits, or will wait, for it. Values are stored.
enum class AnswerKind : std::uint8_t { kApproved = 1, kRejected, kCallback };
struct Answer {
  AnswerKind kind = AnswerKind::kApproved;
  std::string by;    // a token's name, "link", or the caller's address
  std::string body;  // JSON: a callback's body, or {"comment": …}
  Instant at;
};

}  // namespace postlude
