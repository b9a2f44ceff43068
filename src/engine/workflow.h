#pragma once
// Workflow: a rule a user wrote: which events, which steps (contract 7). Immutable once read.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/decide.h"
#include "lang/expression.h"
#include "lang/template.h"
#include "model/event.h"
#include "model/pattern.h"

namespace postlude::engine {

// What a step's `wait` says of an action that starts something and waits for it.
constexpr Duration kWaitTimeout = std::chrono::hours(1);
struct WaitLimits {
  std::optional<Duration>
      timeout;                    // counted from the first look that found it not over; nullopt: kWaitTimeout
  std::optional<Duration> every;  // nullopt: as the action says
};

// The actions that need no target.
enum class BuiltIn : std::uint8_t { kNone, kWait, kApproval, kCallback, kAssert, kSet, kTeamNotify };

struct StepDefinition {
  std::string name;    // its id; "" when it has none
  std::string title;   // what people read: name, else id, else what it uses
  std::string uses;    // "jira/release-version", "wait"
  std::string target;  // "jira"; "" for a built-in action
  std::string action;  // "release-version"; "wait"
  BuiltIn built_in = BuiltIn::kNone;
  StepList list = StepList::kSteps;
  std::vector<std::uint32_t> needs;        // indexes in Workflow::steps
  std::optional<std::uint32_t> announces;  // the step whose wait it announces
  std::optional<lang::Expression> condition;
  bool condition_per_item = false;  // `if` looks at `.item`: it is asked for each element
  bool after_failure = false;       // `if` asks for failure or always
  std::optional<lang::Template> for_each;
  std::optional<lang::Template> key;
  bool continues = false;   // continueOnError
  bool any_result = false;  // `expect: any`: a red result does not fail it
  std::optional<OnUnclear> on_unclear;
  RetryPolicy retry;
  std::optional<Duration> timeout;  // of one request
  WaitLimits wait;
  // Where it says `wait` and `expect`, which only actions that wait understand.
  std::vector<std::pair<std::string, lang::Place>> waiting_keys;
  lang::Node with;  // a map, or null
  lang::Place place;

  // What the effect keys know it by: its id, else its action and ordinal. Fixed by the text alone.
  std::string key_part;
};

struct Workflow {
  enum class Mode : std::uint8_t { kLive, kShadow, kOff };
  enum class Policy : std::uint8_t { kQueue, kReplace, kParallel };

  // `node` has passed the configuration's schema. nullptr and problems when it cannot be used.
  static std::shared_ptr<const Workflow> read(std::string_view name, const lang::Node& node,
                                              lang::Problems& problems);
  // The same, whatever is wrong with it: what could be read of it, for `check`, which goes on to find more. A
  // step that cannot be read has neither an action nor a target.
  static std::shared_ptr<const Workflow> read_in_part(std::string_view name, const lang::Node& node,
                                                      lang::Problems& problems);
  // From what a run was pinned to.
  static Result<std::shared_ptr<const Workflow>> parse(std::string_view name, std::string_view pinned);

  std::string name;
  Mode mode = Mode::kLive;
  std::vector<Pattern> on;
  std::optional<lang::Expression> condition;
  Duration max_age = std::chrono::hours(24);
  Duration timeout = std::chrono::hours(24);
  Policy policy = Policy::kQueue;
  std::optional<lang::Expression> queue_key;  // nullopt: source/cluster/namespace/name
  std::vector<std::pair<std::string, lang::Template>> vars;
  // Those of `steps`, `onFailure` and `finally` in order, then what announces waits.
  std::vector<StepDefinition> steps;
  std::string pinned;  // lang::pin of its text
  bool graph = false;  // some step has `needs`: then a step comes after what it needs, and after nothing else

  // "" when one of the patterns matches; else why none does, in words.
  std::string mismatch(const Facts& facts) const;
  // The rows of a new run's steps; their targets are the definitions'.
  std::vector<Step> step_rows() const;
  // The ids that `.steps` may name in this step: what is certain to have ended, or to have been left out, by
  // then.
  std::vector<std::string> earlier(std::uint32_t step) const;
};

}  // namespace postlude::engine
