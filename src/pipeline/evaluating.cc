#include "pipeline/evaluating.h"

#include "engine/decide.h"
#include "pipeline/context.h"

namespace postlude::pipeline {

namespace {

constexpr std::size_t kElementsMax = 1'000;

std::string without_place(const lang::Expression& e) {
  return "`" + e.text + "`";
}

}  // namespace

rt::Task<std::optional<Outcome>> Evaluating::carry_out() {
  if (state_.definition().for_each && !state_.row.element_of) {
    AWAIT(std::optional<Outcome> elements, spread());
    co_return elements;
  }
  // Evaluated by an earlier attempt: never again, whatever has changed since.
  if (!state_.row.input.empty() && !asks_condition()) {
    if (state_.step->with) state_.seen()["with"] = parsed(state_.row.input, json::object());
    co_return std::nullopt;
  }
  AWAIT(std::optional<Outcome> early, evaluate_with(asks_condition()));
  co_return early;
}

// An element asks only what looks at it; the rest was asked of its step. A yes is not asked for again.
bool Evaluating::asks_condition() const {
  const engine::StepDefinition& definition = state_.definition();
  if (!definition.condition) return false;
  const bool list = definition.for_each && !state_.row.element_of;
  if (list && definition.condition_per_item) return false;
  if (state_.row.element_of && !state_.row.announces && !definition.condition_per_item) return false;
  const json::value before = parsed(state_.row.trace, nullptr);
  const json::value* judged = find(before, "if");
  const json::value* result = judged == nullptr ? nullptr : find(*judged, "result");
  return result == nullptr || *result != true;
}

// Whether `values` begin with a yes; takes that value off.
std::optional<Outcome> Evaluating::judge_condition(Values& values) {
  const lang::Expression& condition = *state_.definition().condition;
  const lang::Evaluated answer = std::move(values.front());
  values.erase(values.begin());
  json::object why = trace_of(condition, *state_.context, answer, state_.masker);
  state_.end.trace = state_.masker.mask_json(json::serialize(json::object{{"if", std::move(why)}}));
  if (answer && shadow_.stands_in(*answer)) return std::nullopt;  // it is shown what the step would do
  if (!answer) return Refused{lang::failure(condition, answer.error().message)};
  if (*answer == "false")
    return Skipped{"if: " + without_place(condition) + " is false", Because::kCondition};
  if (*answer != "true")
    return Refused{
        lang::blame(condition, "must yield true or false, not " + shown_value(*answer, state_.masker))};
  return std::nullopt;
}

rt::Task<std::optional<Outcome>> Evaluating::spread() {
  const engine::StepDefinition& definition = state_.definition();
  json::value list;
  const bool ask = asks_condition();
  if (!state_.row.input.empty() && !ask) {
    list = parsed(state_.row.input, nullptr);
  } else {
    std::vector<lang::Expression> expressions = state_.step->each;
    if (ask) expressions.insert(expressions.begin(), *definition.condition);
    AWAIT(Values values, state_.evaluate(expressions));
    if (auto not_now = later(values)) co_return not_now;
    shadow_.stand_in(expressions, values);
    if (ask) {
      if (auto early = judge_condition(values)) co_return early;
    }
    if (!state_.row.input.empty()) {
      list = parsed(state_.row.input, nullptr);
    } else {
      auto made = definition.for_each->assemble(values);
      if (!made) co_return Refused{"forEach: " + made.error().message};
      list = std::move(*made);
      if (shadow_.stands_in(list)) list = json::array{std::move(list)};  // one element stands for all
    }
  }
  if (!list.is_array())
    co_return Refused{"forEach needs a list, not " + shown_value(to_text(list), state_.masker)};
  if (list.get_array().size() > kElementsMax) {
    co_return Refused{"forEach: a list of " + std::to_string(list.get_array().size()) +
                      " elements; at most " + std::to_string(kElementsMax) + " are allowed"};
  }
  state_.end.input = to_text(list);
  if (auto full = no_room()) co_return full;
  Spread elements;
  for (const json::value& item : list.get_array())
    elements.items.push_back(to_text(item));
  co_return elements;
}

rt::Task<std::optional<Outcome>> Evaluating::evaluate_with(bool condition) {
  const engine::StepDefinition& definition = state_.definition();
  std::vector<lang::Expression> expressions;
  if (condition) expressions.push_back(*definition.condition);
  const bool anew = state_.row.input.empty();
  if (anew) expressions.insert(expressions.end(), state_.step->leaves.begin(), state_.step->leaves.end());
  AWAIT(Values values, state_.evaluate(expressions));
  if (auto not_now = later(values)) co_return not_now;
  shadow_.stand_in(expressions, values);
  if (condition) {
    if (auto early = judge_condition(values)) co_return early;
  }
  json::object& context = state_.seen();
  if (!anew) {
    if (state_.step->with) context["with"] = parsed(state_.row.input, json::object());
    co_return std::nullopt;
  }
  if (!state_.step->with) {
    state_.end.input = "{}";
    co_return std::nullopt;
  }
  // An input that could not be made is not kept: a retry makes it anew, and never goes on with half of it.
  auto with = state_.step->with->assemble(values);
  if (!with) co_return Refused{with.error().message};
  if (with->is_null()) *with = json::object();
  if (state_.step->action != nullptr) {
    json::value unchecked = shadow_.shadows() ? *with : json::value();
    auto valid = connector::validate_input(*state_.step->action, std::move(*with), &definition.with);
    if (!valid && !shadow_.stands_in(unchecked)) co_return Refused{valid.error().message};
    *with = valid ? std::move(*valid) : std::move(unchecked);
  }
  state_.end.input = to_text(*with);
  if (auto full = no_room()) co_return full;
  context["with"] = std::move(*with);
  co_return std::nullopt;
}

// Before anything is sent. What else the run has come to keep since the claim is seen when this is recorded.
std::optional<Outcome> Evaluating::no_room() {
  const std::size_t before = state_.row.input.size();
  std::string why = engine::no_room(state_.work.kept - before, state_.row, "input", state_.end.input->size());
  if (why.empty()) return std::nullopt;
  state_.end.input.reset();
  return Refused{std::move(why)};
}

}  // namespace postlude::pipeline
