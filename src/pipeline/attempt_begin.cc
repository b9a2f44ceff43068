// The part of an attempt before its requests: `if`, `forEach`, `with`, `key`; and actions without requests.

#include <algorithm>

#include "base/calendar.h"
#include "base/check.h"
#include "base/text.h"
#include "engine/decide.h"
#include "pipeline/attempt.h"

namespace postlude::pipeline {

namespace {

using engine::BuiltIn;

constexpr std::size_t kElementsMax = 1'000;
constexpr double kYear10000 = 253'402'300'800;

std::string without_place(const lang::Expression& e) {
  return "`" + e.text + "`";
}

// A built-in's duration as evaluated, and its text; nullopt where it is not written. One that has come out as
// nothing, or as a number of who knows what, is not taken for none.
Result<std::optional<Duration>> duration_in(const json::value& with, std::string_view key, std::string& text,
                                            const connector::Masker& masker) {
  const json::value* written = find(with, key);
  if (written == nullptr) return std::optional<Duration>();
  if (!written->is_string())
    return Error(Code::kInvalid, "`" + std::string(key) + "` must be a duration such as 30m, not " +
                                     shown_value(to_text(*written), masker));
  text = view(written->get_string());
  TRY(const Duration duration, parse_duration(text));
  return std::optional<Duration>(duration);
}

}  // namespace

rt::Task<std::optional<Outcome>> Attempting::begin() {
  const engine::StepDefinition& definition = *step_->definition;
  const bool list = definition.for_each && !row_.element_of;
  if (list) {
    AWAIT(std::optional<Outcome> elements, spread());
    co_return elements;
  }
  // Evaluated by an earlier attempt: never again, whatever has changed since.
  json::object& context = context_->as_object();
  if (!row_.input.empty() && !asks_condition()) {
    if (step_->with) context["with"] = parsed(row_.input, json::object());
  } else {
    AWAIT(std::optional<Outcome> early, evaluate_with(asks_condition()));
    if (early) co_return early;
  }
  if (!step_->unusable.empty()) co_return Refused{"the workflow it began with: " + step_->unusable};
  if (definition.built_in == BuiltIn::kTeamNotify) {
    co_return Refused{work_.event->team.empty() ? "the event belongs to no team"
                                                : "the team '" + work_.event->team + "' has no `notify`"};
  }
  if (definition.built_in != BuiltIn::kNone) co_return built_in();

  target_ = rules_->target(definition.target);
  if (target_ == nullptr)
    co_return Refused{"there is no target '" + definition.target + "' in the configuration any more"};
  context["target"] = connector::target_context(*target_);
  context["requests"] = json::object();
  AWAIT(std::optional<Outcome> busy, take_key());
  co_return busy;
}

// An element asks only what looks at it; the rest was asked of its step. A yes is not asked for again.
bool Attempting::asks_condition() const {
  const engine::StepDefinition& definition = *step_->definition;
  if (!definition.condition) return false;
  const bool list = definition.for_each && !row_.element_of;
  if (list && definition.condition_per_item) return false;
  if (row_.element_of && !row_.announces && !definition.condition_per_item) return false;
  const json::value before = parsed(row_.trace, nullptr);
  const json::value* judged = find(before, "if");
  const json::value* result = judged == nullptr ? nullptr : find(*judged, "result");
  return result == nullptr || *result != true;
}

// Whether `values` begin with a yes; takes that value off.
std::optional<Outcome> Attempting::judge_condition(Values& values) {
  const lang::Expression& condition = *step_->definition->condition;
  const lang::Evaluated answer = std::move(values.front());
  values.erase(values.begin());
  json::object why = trace_of(condition, *context_, answer, masker_);
  trace = masker_.mask_json(json::serialize(json::object{{"if", std::move(why)}}));
  if (answer && stands_in(*answer)) return std::nullopt;  // it is shown what the step would do
  if (!answer) return Refused{lang::failure(condition, answer.error().message)};
  if (*answer == "false")
    return Skipped{"if: " + without_place(condition) + " is false", Because::kCondition};
  if (*answer != "true")
    return Refused{lang::blame(condition, "must yield true or false, not " + shown_value(*answer, masker_))};
  return std::nullopt;
}

rt::Task<std::optional<Outcome>> Attempting::spread() {
  const engine::StepDefinition& definition = *step_->definition;
  json::value list;
  const bool ask = asks_condition();
  if (!row_.input.empty() && !ask) {
    list = parsed(row_.input, nullptr);
  } else {
    std::vector<lang::Expression> expressions = step_->each;
    if (ask) expressions.insert(expressions.begin(), *definition.condition);
    AWAIT(Values values, evaluate(expressions));
    if (auto not_now = later(values)) co_return not_now;
    stand_in(expressions, values);
    if (ask) {
      if (auto early = judge_condition(values)) co_return early;
    }
    if (!row_.input.empty()) {
      list = parsed(row_.input, nullptr);
    } else {
      auto made = definition.for_each->assemble(values);
      if (!made) co_return Refused{"forEach: " + made.error().message};
      list = std::move(*made);
      if (stands_in(list)) list = json::array{std::move(list)};  // one element stands for all
    }
  }
  if (!list.is_array()) co_return Refused{"forEach needs a list, not " + shown_value(to_text(list), masker_)};
  if (list.get_array().size() > kElementsMax) {
    co_return Refused{"forEach: a list of " + std::to_string(list.get_array().size()) +
                      " elements; at most " + std::to_string(kElementsMax) + " are allowed"};
  }
  input = to_text(list);
  if (auto full = no_room()) co_return full;
  Spread elements;
  for (const json::value& item : list.get_array())
    elements.items.push_back(to_text(item));
  co_return elements;
}

rt::Task<std::optional<Outcome>> Attempting::evaluate_with(bool condition) {
  const engine::StepDefinition& definition = *step_->definition;
  std::vector<lang::Expression> expressions;
  if (condition) expressions.push_back(*definition.condition);
  const bool anew = row_.input.empty();
  if (anew) expressions.insert(expressions.end(), step_->leaves.begin(), step_->leaves.end());
  AWAIT(Values values, evaluate(expressions));
  if (auto not_now = later(values)) co_return not_now;
  stand_in(expressions, values);
  if (condition) {
    if (auto early = judge_condition(values)) co_return early;
  }
  json::object& context = context_->as_object();
  if (!anew) {
    if (step_->with) context["with"] = parsed(row_.input, json::object());
    co_return std::nullopt;
  }
  if (!step_->with) {
    input = "{}";
    co_return std::nullopt;
  }
  // An input that could not be made is not kept: a retry makes it anew, and never goes on with half of it.
  auto with = step_->with->assemble(values);
  if (!with) co_return Refused{with.error().message};
  if (with->is_null()) *with = json::object();
  if (step_->action != nullptr) {
    json::value unchecked = shadows() ? *with : json::value();
    auto valid = connector::validate_input(*step_->action, std::move(*with), &definition.with);
    if (!valid && !stands_in(unchecked)) co_return Refused{valid.error().message};
    *with = valid ? std::move(*valid) : std::move(unchecked);
  }
  input = to_text(*with);
  if (auto full = no_room()) co_return full;
  context["with"] = std::move(*with);
  co_return std::nullopt;
}

// This step, or the same of another run of the event, has made what its key stands for: it goes on from
// there.
bool Attempting::has_made() const {
  std::set<std::string> keys;
  for (const connector::Call& call : step_->action->plan().calls())
    keys.insert(key_of(call));
  return std::any_of(work_.before.begin(), work_.before.end(), [&](const Request& q) {
    const bool proved = q.result == RequestResult::kSucceeded || q.result == RequestResult::kExists;
    const bool once = q.effect == Effect::kKey || q.effect == Effect::kLookup || q.effect == Effect::kNone;
    return proved && once && keys.contains(q.key);
  });
}

// The object of the first use no longer exists, so this use becomes the first. That is on disk before
// anything is sent for it.
rt::Task<std::optional<Outcome>> Attempting::begin_anew() {
  AWAIT(auto generation, parts_.store.renew_keyed(work_.lease, target_->name, use_of_, rt::now()));
  if (!generation) {
    void_ = generation.error().code == Code::kConflict;
    co_return Retryable{"the store did not answer: " + generation.error().message, std::nullopt, false, true};
  }
  generation_ = *generation;
  gone_ = updating_ = false;
  kept_.clear();
  json::object& context = context_->as_object();
  context.erase("outputs");
  context["requests"] = json::object();
  co_return std::nullopt;
}

// Before anything is sent. What else the run has come to keep since the claim is seen when this is recorded.
std::optional<Outcome> Attempting::no_room() {
  const std::size_t before = row_.input.size();
  std::string why = engine::no_room(work_.kept - before, row_, "input", input->size());
  if (why.empty()) return std::nullopt;
  input.reset();
  return Refused{std::move(why)};
}

rt::Task<std::optional<Outcome>> Attempting::take_key() {
  if (!step_->definition->key) co_return std::nullopt;
  AWAIT(Values values, evaluate(step_->key));
  if (auto not_now = later(values)) co_return not_now;
  stand_in(step_->key, values);
  auto text = step_->definition->key->assemble_text(values);
  if (!text) co_return Refused{"key: " + text.error().message};
  if (text->empty()) co_return Refused{"key: is empty"};
  if (work_.run.shadow) co_return std::nullopt;
  // The store tells when it is free; a further look is for what it has forgotten, and for who asks at the
  // wrong moment.
  const Instant now = rt::now();
  const Duration waited = now - row_.started_at.value_or(now);
  const Duration again = std::clamp<Duration>(waited / 8, std::chrono::seconds(1), std::chrono::minutes(1));
  store::IfBusy busy{now,   now + again, "another step works on the key '" + *text + "'",
                     input, step_now,    trace};
  if (work_.run.deadline_at && !work_.run.people_since) busy.at = std::min(busy.at, *work_.run.deadline_at);
  AWAIT(auto kept, parts_.store.take_keyed(work_.lease, target_->name, *text, std::move(busy)));
  if (!kept) {
    void_ = kept.error().code == Code::kConflict;
    co_return Retryable{"the store did not answer: " + kept.error().message, std::nullopt, false, true};
  }
  if (kept->busy) {
    void_ = true;  // given back: this was no attempt
    co_return std::nullopt;
  }
  kept_ = kept->outputs;
  generation_ = kept->generation;
  use_of_ = *text;
  if (kept->made && !row_.freed && !has_made()) {
    co_return Held{"the key '" + *text +
                   "' was used before, but the outputs of that use are unknown: it cannot be updated"};
  }
  if (!kept_.empty()) context_->as_object()["outputs"] = parsed(kept_, nullptr);
  co_return std::nullopt;
}

// -- actions without a target

Outcome Attempting::built_in() {
  switch (step_->definition->built_in) {
    case BuiltIn::kWait:
      return wait();
    case BuiltIn::kApproval:
      return approval();
    case BuiltIn::kCallback:
      return callback();
    case BuiltIn::kAssert:
      return assertion();
    case BuiltIn::kSet: {
      const json::value* values = find(context_->as_object()["with"], "values");
      if (values == nullptr || !(values->is_object() || stands_in(*values)))
        return Refused{"set: `values` must be a map"};
      return Succeeded{to_text(*values)};
    }
    case BuiltIn::kTeamNotify:
    case BuiltIn::kNone:
      break;
  }
  CHECK(false);
}

Outcome Attempting::wait() {
  const json::value& with = context_->as_object()["with"];
  if (stands_in(with)) return Succeeded{"{}"};
  if (const json::value* calendar = find(with, "calendar")) {
    const std::string name =
        calendar->is_string() ? std::string(view(calendar->get_string())) : to_text(*calendar);
    json::value pinned = work_.data == nullptr ? json::value() : parsed(*work_.data, nullptr);
    const json::value* all = find(pinned, "calendars");
    const json::value* found = all == nullptr ? nullptr : find(*all, name);
    if (found == nullptr) return Refused{"wait: there is no calendar '" + name + "'"};
    const auto read = Calendar::from_json(*found);
    if (!read) return Refused{"wait: the calendar '" + name + "': " + read.error().message};
    const auto end = read->next_end(rt::now());
    if (!end) return Refused{"wait: the calendar '" + name + "' does not end within three years"};
    if (*end <= rt::now()) return Succeeded{"{}"};
    return Waits{*end, "waits for '" + name + "' to be over, at " + to_rfc3339(*end)};
  }
  Instant until;
  std::string why;
  if (const json::value* at = find(with, "until")) {
    if (at->is_number()) {
      const auto seconds = at->to_number<double>();
      if (!(seconds >= 0 && seconds < kYear10000))
        return Refused{"wait: `until` must be in seconds since 1970, before the year 10000, not " +
                       to_text(*at)};
      until = instant(static_cast<std::int64_t>(seconds * 1e6));
    } else {
      const auto time = at->is_string() ? parse_rfc3339(view(at->get_string()))
                                        : Result<Instant>(Error(Code::kInvalid, "it is not text"));
      if (!time)
        return Refused{"wait: `until` must be a time such as 2027-02-15T09:00:00Z: " + time.error().message};
      until = *time;
    }
    why = "waits until " + to_rfc3339(until);
  } else {
    std::string text;
    const auto duration = duration_in(with, "for", text, masker_);
    if (!duration) return Refused{"wait: " + duration.error().message};
    until = now_ + duration->value_or(Duration(0));
    why = "waits " + text;
  }
  if (until <= rt::now()) return Succeeded{"{}"};  // it may have been woken only to look at the run's timeout
  return Waits{until, why};
}

Outcome Attempting::approval() {
  const json::value& with = context_->as_object()["with"];
  if (work_.answer) {
    const Answer& answer = *work_.answer;
    const json::value body = parsed(answer.body, json::object());
    const std::string comment(find_text(body, "comment"));
    if (answer.kind == AnswerKind::kRejected) {
      const std::string by = "rejected by " + answer.by;
      return Refused{by + (comment.empty() ? "" : ": " + comment), Because::kRejected, by};
    }
    return Succeeded{json::serialize(json::object{
        {"approved", true}, {"by", answer.by}, {"at", to_rfc3339(answer.at)}, {"comment", comment}})};
  }
  if (work_.run.shadow) {
    return shown_at_once(json::object{
        {"approved", true}, {"by", nullptr}, {"at", to_rfc3339(rt::now())}, {"comment", kShadow}});
  }
  std::optional<Instant> until;
  std::string text;
  const auto timeout = duration_in(with, "timeout", text, masker_);
  if (!timeout) return Refused{"approval: " + timeout.error().message};
  if (*timeout) until = now_ + **timeout;
  if (until && *until <= rt::now()) {
    unanswered = true;
    const std::string_view then = find_text(with, "onTimeout");
    const std::string why = "nobody approved within " + text;
    if (then == "skip") return Skipped{why, Because::kUnanswered};
    if (then == "approve")
      return Succeeded{
          json::serialize(json::object{
              {"approved", true}, {"by", nullptr}, {"at", to_rfc3339(*until)}, {"comment", why}}),
          Because::kUnanswered};
    return Refused{why, Because::kUnanswered};
  }
  const json::value* message = find(with, "message");
  return Waits{until,
               message != nullptr && message->is_string() ? std::string(view(message->get_string()))
                                                          : "waits for an approval",
               true};
}

Outcome Attempting::callback() {
  if (work_.answer) return Succeeded{work_.answer->body.empty() ? "null" : work_.answer->body};
  if (work_.run.shadow) return shown_at_once(kShadow);
  std::optional<Instant> until;
  std::string text;
  const auto timeout = duration_in(context_->as_object()["with"], "timeout", text, masker_);
  if (!timeout) return Refused{"callback: " + timeout.error().message};
  if (*timeout) {
    until = now_ + **timeout;
    if (*until <= rt::now()) {
      unanswered = true;
      return Refused{"nobody called back within " + text, Because::kUnanswered};
    }
  }
  return Waits{until, "waits for a callback"};
}

Outcome Attempting::assertion() {
  const json::value& with = context_->as_object()["with"];
  const json::value* that = find(with, "that");
  if (that != nullptr && stands_in(*that)) return Succeeded{"{}"};
  if (that == nullptr || !that->is_bool()) {
    return Refused{"assert: `that` must yield true or false, not " +
                   (that == nullptr ? "nothing" : shown_value(to_text(*that), masker_))};
  }
  if (that->get_bool()) return Succeeded{"{}"};
  const std::string_view message = find_text(with, "message");
  const lang::Node* written = step_->definition->with.find("that");
  return Refused{message.empty()
                     ? "assert: `" + std::string(written == nullptr ? "" : written->scalar) + "` is false"
                     : std::string(message)};
}

}  // namespace postlude::pipeline
