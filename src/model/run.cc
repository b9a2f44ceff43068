#include "model/run.h"

#include "model/damaged.h"

#include <algorithm>
#include <array>

namespace postlude {

namespace {

constexpr std::array<std::string_view, 6> kRunStates{"queued",    "running", "waiting",
                                                     "succeeded", "failed",  "cancelled"};
constexpr std::array<std::string_view, 7> kStepStates{"pending", "running", "waiting",  "succeeded",
                                                      "failed",  "skipped", "cancelled"};
constexpr std::array<std::string_view, 6> kEffects{"read", "state", "upsert", "key", "lookup", "none"};
constexpr std::array<std::string_view, 3> kOnUnclear{"repeat", "hold", "fail"};
constexpr std::array<std::string_view, 12> kBecause{
    "",           "condition",  "stepFailed",    "noFailure",
    "superseded", "keyInUse",   "personSkipped", "personFailed",
    "rejected",   "unanswered", "jobFailed",     "jobNotEnded"};
constexpr std::array<std::string_view, 7> kResults{"open",      "succeeded", "exists", "refused",
                                                   "retryable", "unclear",   "shadow"};

// All these enumerations count from 1, but for Because.
template <class Enum, std::size_t N>
std::string_view name_of(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value) - 1;
  return index < N ? names[index] : kDamaged;
}

template <class Enum, std::size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i + 1);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_text(RunState state) {
  return name_of(kRunStates, state);
}
std::string_view to_text(StepState state) {
  return name_of(kStepStates, state);
}
std::string_view to_text(Effect effect) {
  return name_of(kEffects, effect);
}
std::string_view to_text(OnUnclear on_unclear) {
  return name_of(kOnUnclear, on_unclear);
}
std::string_view to_text(Because because) {
  const auto index = static_cast<std::size_t>(because);
  return index < kBecause.size() ? kBecause[index] : kDamaged;
}
std::string_view to_text(RequestResult result) {
  return name_of(kResults, result);
}
Because because_named(std::string_view name) {
  const auto* const found = std::find(kBecause.begin(), kBecause.end(), name);
  return found == kBecause.end() ? Because::kOther : static_cast<Because>(found - kBecause.begin());
}
std::optional<RunState> run_state_named(std::string_view name) {
  return named<RunState>(kRunStates, name);
}
std::optional<Effect> effect_named(std::string_view name) {
  return named<Effect>(kEffects, name);
}
std::optional<OnUnclear> on_unclear_named(std::string_view name) {
  return named<OnUnclear>(kOnUnclear, name);
}

std::size_t values_of(const Run& run) {
  std::size_t bytes = run.vars.size();
  for (const Step& step : run.steps)
    bytes += step.item.size() + step.input.size() + (step.spread ? 0 : step.outputs.size());
  return bytes;
}

std::string_view kind_of(const Outcome& outcome) {
  constexpr std::array<std::string_view, 8> kKinds{"succeeded", "skipped", "waiting", "held",
                                                   "retryable", "refused", "unclear", "spread"};
  return kKinds[outcome.index()];
}

std::string_view why_of(const Outcome& outcome) {
  return std::visit(
      [](const auto& o) -> std::string_view {
        if constexpr (requires { o.why; }) {
          return o.why;
        } else {
          return {};
        }
      },
      outcome);
}

}  // namespace postlude
