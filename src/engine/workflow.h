#pragma once
// Workflow: a user's workflow as read from YAML: which events, which steps (contract 7). Immutable once read.

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

// A step's `wait`, for an action that starts a job and waits for it.
constexpr Duration kWaitTimeout = std::chrono::hours(1);
struct WaitLimits {
  std::optional<Duration> timeout;  // from the first poll that found the job running; nullopt: kWaitTimeout
  std::optional<Duration> every;    // poll interval; nullopt: the action's
};

// The actions without a target.
enum class BuiltIn : std::uint8_t { kNone, kWait, kApproval, kCallback, kAssert, kSet, kTeamNotify };

struct StepDefinition {
  std::string name;    // its id; "" when it has none
  std::string title;   // what people read: name, else id, else `uses`
  std::string uses;    // "jira/release-version", "wait"
  std::string target;  // "jira"; "" for a built-in action
  std::string action;  // "release-version"; "wait"
  BuiltIn built_in = BuiltIn::kNone;
  StepList list = StepList::kSteps;
  std::vector<std::uint32_t> needs;        // indexes in Workflow::steps
  std::optional<std::uint32_t> announces;  // the step whose wait it announces
  std::optional<lang::Expression> condition;
  bool condition_per_item = false;  // `if` reads `.item`: evaluate it for each element
  bool after_failure = false;       // `if` calls failure or always
  std::optional<lang::Template> for_each;
  std::optional<lang::Template> key;
  bool continues = false;   // continueOnError
  bool any_result = false;  // `expect: any`: a failed job does not fail the step
  std::optional<OnUnclear> on_unclear;
  RetryPolicy retry;
  std::optional<Duration> timeout;  // of one request
  WaitLimits wait;
  // Places of `wait` and `expect`, for the error if the action does not wait.
  std::vector<std::pair<std::string, lang::Place>> waiting_keys;
  lang::Node with;  // a map, or null
  lang::Place place;

  // The step's part of idempotency keys: its id, else its action and ordinal. Depends on the text alone.
  std::string key_part;
};

struct Workflow {
  enum class Mode : std::uint8_t { kLive, kShadow, kOff };
  enum class Policy : std::uint8_t { kQueue, kReplace, kParallel };

  // Reads a workflow; `node` has passed the configuration's schema. nullptr, with problems, if it cannot be
  // used.
  static std::shared_ptr<const Workflow> read(std::string_view name, const lang::Node& node,
                                              lang::Problems& problems);
  // As read(), but returns what could be read despite errors, so that `check` can find more. A step that
  // could not be read has neither action nor target.
  static std::shared_ptr<const Workflow> read_in_part(std::string_view name, const lang::Node& node,
                                                      lang::Problems& problems);
  // Reads the text that a run was pinned to.
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
  // The steps of `steps`, `onFailure` and `finally` in order, then the announcements.
  std::vector<StepDefinition> steps;
  std::string pinned;  // lang::pin of its text
  bool graph = false;  // some step has `needs`: order in the list does not count then

  // "" if one of the patterns matches; else the reason, for people.
  std::string mismatch(const Facts& facts) const;
  // The steps of a new run.
  std::vector<Step> step_rows() const;
  // The ids that `.steps` may name in this step: steps that have certainly ended, or been skipped, by then.
  std::vector<std::string> earlier(std::uint32_t step) const;
};

}  // namespace postlude::engine
