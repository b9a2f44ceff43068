#pragma once
// Run, Step, Attempt, Request: what happens because of an event, and what has happened so far (contract 1, 7,
// 9).
//
//   run:   queued --> running <--> waiting --> succeeded | failed | cancelled
//
//   step:  pending --> running --> succeeded | failed | skipped
//            ^            |
//            +--(retry)---+---> waiting --> running | succeeded | failed
//   any of these that is not terminal --> cancelled
//
// A step whose turn has not come is pending without a due time; one that backs off is pending with one; one
// in `wait` is waiting with a due time; one that is held for a person is waiting without.

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

// What may be done after a request whose effect nobody knows (contract 9). Values are stored.
enum class Effect : std::uint8_t { kRead = 1, kState, kUpsert, kKey, kLookup, kNone };
std::string_view to_text(Effect effect);
std::optional<Effect> effect_named(std::string_view name);

enum class OnUnclear : std::uint8_t { kRepeat = 1, kHold, kFail };
std::string_view to_text(OnUnclear on_unclear);
std::optional<OnUnclear> on_unclear_named(std::string_view name);

// How a request ended. Values are stored. kOpen: committed, and no end known yet.
enum class RequestResult : std::uint8_t { kOpen = 1, kSucceeded, kExists, kRefused, kRetryable, kUnclear };
std::string_view to_text(RequestResult result);

// One HTTP exchange of an attempt, as stored: secrets masked, bodies cut at 64 KiB.
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
  std::optional<Instant> sent_at;  // when it was committed to be sent
  std::optional<Instant> ended_at;
  RequestResult result = RequestResult::kOpen;
  int status = 0;  // of the answer; 0: there was none
  std::string
      response;     // JSON {"status","headers","body","text"} as expressions see it; "" if there was none
  std::string why;  // the text to show when it did not succeed
};

struct Step {
  std::int64_t id = 0;
  std::uint32_t index = 0;  // in the run, from 0
  std::string name;         // the workflow's step id; "" if it gave none
  std::string title;        // what people read: its name, else its id, else TARGET/ACTION
  std::string target;       // whose limits it falls under; "" for built-in actions
  std::string uses;
  bool after_failure = false;  // its `if` asks for failure or always: it gets its turn although a step failed
  StepState state = StepState::kPending;
  std::string reason;          // why failed, skipped, held or waiting
  std::uint32_t attempts = 0;  // claims so far: counted before a request leaves, not after
  std::optional<Instant> due_at;
  std::optional<Instant> first_at;  // when its first attempt began: `retry.for` counts from here
  std::optional<Instant> now;       // the step's stored time: what `now` is in its expressions
  bool unclear = false;  // sticky: a request may have had its effect, and nothing has settled it yet
  bool held = false;     // waits for a person: `runs resume`
  std::string input;     // JSON of `with` as first evaluated; "" until then
  std::string outputs;   // JSON; "" until it succeeded
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
  std::string reason;  // why it failed or was cancelled
  Instant created_at;
  std::optional<Instant> started_at;
  std::optional<Instant> finished_at;
  std::optional<Instant> deadline_at;  // `timeout`; moves on by the time spent held
  std::string vars = "{}";             // JSON, computed once
  bool stale = false;                  // `--stale`: superseded writes are sent all the same
  std::vector<Step> steps;
};

// The right to record one outcome. A later claim of the step carries another token, and voids this one.
struct Lease {
  std::int64_t step = 0;
  AttemptId attempt;
  std::uint64_t token = 0;
};

// How one attempt ended.
struct Succeeded {
  std::string outputs;  // JSON
};
struct Skipped {
  std::string why;
};
struct Waits {  // something else decides, at the latest at `until`
  Instant until;
  std::string why;
};
struct Held {  // a person decides
  std::string why;
};
struct Retryable {  // the receiver certainly did not act
  std::string why;
  std::optional<Duration> after = {};  // what the receiver asked for
  bool counts_for_breaker = true;
};
struct Refused {  // the receiver said no, or we could not ask; repeating will not help
  std::string why;
};
struct Unclear {  // the receiver may have acted
  std::string why;
  Effect effect = Effect::kNone;
  OnUnclear then = OnUnclear::kHold;  // for kNone
  Duration not_before{};              // for kLookup: how long to wait before looking
  bool too_early = false;             // nothing was tried: it is too early to look
};
using Outcome = std::variant<Succeeded, Skipped, Waits, Held, Retryable, Refused, Unclear>;
std::string_view kind_of(const Outcome& outcome);  // succeeded skipped waiting held retryable refused unclear
std::string_view why_of(const Outcome& outcome);   // "" for Succeeded

// What to write because an attempt ended. The store applies it as it is.
struct StepChange {
  std::uint32_t index = 0;
  StepState state = StepState::kPending;
  std::optional<Instant> due_at;
  std::string reason;
  bool held = false;
  std::optional<bool> unclear = {};  // nullopt: stays as it is
  std::optional<std::string> outputs;
  bool uncounted = false;  // what has just ended was no attempt
};
struct Decision {
  std::vector<StepChange> changes;
  RunState run = RunState::kRunning;
  std::string reason;  // of the run: why it failed, or is held
};

}  // namespace postlude
