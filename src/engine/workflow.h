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

struct StepDefinition {
  std::string name;    // its id; "" when it has none
  std::string title;   // what people read: name, else id, else what it uses
  std::string uses;    // "jira/release-version", "wait"
  std::string target;  // "jira"; "" for a built-in action
  std::string action;  // "release-version"; "wait"
  std::optional<lang::Expression> condition;
  bool after_failure = false;  // `if` asks for failure or always
  RetryPolicy retry;
  std::optional<Duration> timeout;  // of one request
  std::optional<OnUnclear> on_unclear;
  lang::Node with;  // a map, or null
  lang::Place place;

  // What the effect keys know it by: its id, else its action and ordinal. Fixed by the text alone.
  std::string key_part;
};

struct Workflow {
  // `node` has passed the configuration's schema. nullptr and problems when it cannot be used.
  static std::shared_ptr<const Workflow> read(std::string_view name, const lang::Node& node,
                                              lang::Problems& problems);
  // From what a run was pinned to.
  static Result<std::shared_ptr<const Workflow>> parse(std::string_view name, std::string_view pinned);

  std::string name;
  bool off = false;
  std::vector<Pattern> on;
  std::optional<lang::Expression> condition;
  Duration max_age = std::chrono::hours(24);
  Duration timeout = std::chrono::hours(24);
  std::vector<std::pair<std::string, lang::Template>> vars;
  std::vector<StepDefinition> steps;
  std::string pinned;  // lang::pin of its text

  // "" when one of the patterns matches; else why none does, in words.
  std::string mismatch(const Facts& facts) const;
  // The rows of a new run's steps.
  std::vector<Step> step_rows() const;
};

}  // namespace postlude::engine
