#include "app/ends.h"

#include <algorithm>

#include "model/pattern.h"

namespace postlude::app {

using lang::Node;

namespace {

constexpr std::string_view kEnd = "post-rollout";

std::vector<std::string> globs_of(const Node& node) {
  std::vector<std::string> globs;
  if (node.is_scalar()) globs.push_back(node.scalar);
  for (const Node& item : node.items)
    globs.push_back(item.scalar);
  return globs;
}

bool names_how_it_ended(const Node& pattern) {
  return pattern.find("phase") != nullptr || pattern.find("outcome") != nullptr;
}

bool matches_both(const Node& pattern, std::string_view field, std::string_view good, std::string_view bad) {
  const Node* globs = pattern.find(field);
  return globs == nullptr || (globs_match(globs_of(*globs), good) && globs_match(globs_of(*globs), bad));
}

// Whether both ends come from that source: it may accept only one of them.
bool sends_both(const Node& source) {
  const Node* accept = source.find("accept");
  const Node* ends = accept == nullptr ? nullptr : accept->find(kEnd);
  if (ends == nullptr) return true;
  const auto both = [](const Node& pattern) {
    return matches_both(pattern, "phase", "Succeeded", "Failed") &&
           matches_both(pattern, "outcome", "promoted", "failed");
  };
  return ends->is_map() ? both(*ends) : std::any_of(ends->items.begin(), ends->items.end(), both);
}

bool means_both(const Node& pattern, const Config& config) {
  if (!pattern.is_map() || names_how_it_ended(pattern)) return false;
  const Node* hook = pattern.find("hook");
  if (hook != nullptr && !globs_match(globs_of(*hook), kEnd)) return false;
  const Node* source = pattern.find("source");
  const auto& sources = config.sources.members;
  return std::any_of(sources.begin(), sources.end(), [&](const auto& one) {
    return (source == nullptr || globs_match(globs_of(*source), one.first.scalar)) && sends_both(one.second);
  });
}

// It reads the phase or the outcome, or hands on the whole event or what its sender wrote.
bool may_read_how_it_ended(const lang::Expression& expression) {
  for (const char* word : {"phase", "outcome", "payload"}) {
    if (expression.text.find(word) != std::string::npos) return true;
  }
  const auto paths = lang::paths_of(expression);
  return std::any_of(paths.begin(), paths.end(),
                     [](const std::string& path) { return path == ".event" || path == "$event"; });
}

// What is done after a failure or at the end is meant for failures as well.
bool changes_something(const pipeline::BoundStep& step) {
  if (step.action == nullptr || step.definition->list != StepList::kSteps) return false;
  const auto& calls = step.action->plan().calls();
  return std::any_of(calls.begin(), calls.end(),
                     [](const connector::Call& call) { return call.effect() != Effect::kRead; });
}

}  // namespace

void check_ends(const pipeline::BoundWorkflow& bound, const Node& written, const Config& config,
                lang::Problems& problems) {
  const Node* on = written.find("on");
  if (on == nullptr || bound.workflow->mode == engine::Workflow::Mode::kOff) return;
  if (std::none_of(bound.steps.begin(), bound.steps.end(), changes_something)) return;
  const auto all = bound.expressions();
  if (std::any_of(all.begin(), all.end(), may_read_how_it_ended)) return;
  const auto check = [&](const Node& pattern) {
    if (!means_both(pattern, config)) return;
    problems.push_back(
        {pattern.place,
         "this pattern matches rollouts that failed as well, and no expression of the workflow looks at "
         "`.event.phase`: add `phase: Succeeded` (or Failed); for both write `phase: [Succeeded, Failed]`",
         true});
  };
  if (on->is_map()) check(*on);
  for (const Node& pattern : on->items)
    check(pattern);
}

}  // namespace postlude::app
