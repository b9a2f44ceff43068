#include "pipeline/built_ins.h"

#include "base/calendar.h"
#include "base/check.h"
#include "base/text.h"
#include "engine/built_in.h"
#include "pipeline/context.h"

namespace postlude::pipeline {

namespace {

using engine::BuiltIn;

constexpr double kYear10000 = 253'402'300'800;

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

Outcome wait(AttemptState& state, const Shadow& shadow) {
  const json::value& with = state.seen()["with"];
  if (shadow.stands_in(with)) return Succeeded{"{}"};
  if (const json::value* calendar = find(with, "calendar")) {
    const std::string name =
        calendar->is_string() ? std::string(view(calendar->get_string())) : to_text(*calendar);
    json::value pinned = state.work.data == nullptr ? json::value() : parsed(*state.work.data, nullptr);
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
    const auto duration = duration_in(with, "for", text, state.masker);
    if (!duration) return Refused{"wait: " + duration.error().message};
    until = state.now + duration->value_or(Duration(0));
    why = "waits " + text;
  }
  if (until <= rt::now()) return Succeeded{"{}"};  // it may have been woken only to look at the run's timeout
  return Waits{until, why};
}

Outcome approval(AttemptState& state, const Shadow& shadow) {
  const json::value& with = state.seen()["with"];
  if (state.work.answer) {
    const Answer& answer = *state.work.answer;
    const json::value body = parsed(answer.body, json::object());
    const std::string comment(find_text(body, "comment"));
    if (answer.kind == AnswerKind::kRejected) {
      const std::string by = "rejected by " + answer.by;
      return Refused{by + (comment.empty() ? "" : ": " + comment), Because::kRejected, by};
    }
    return Succeeded{json::serialize(json::object{
        {"approved", true}, {"by", answer.by}, {"at", to_rfc3339(answer.at)}, {"comment", comment}})};
  }
  if (state.work.run.shadow) {
    return shadow.shown_at_once(json::object{
        {"approved", true}, {"by", nullptr}, {"at", to_rfc3339(rt::now())}, {"comment", kShadow}});
  }
  std::optional<Instant> until;
  std::string text;
  const auto timeout = duration_in(with, "timeout", text, state.masker);
  if (!timeout) return Refused{"approval: " + timeout.error().message};
  if (*timeout) until = state.now + **timeout;
  if (until && *until <= rt::now()) {
    state.end.unanswered = true;
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

Outcome callback(AttemptState& state, const Shadow& shadow) {
  if (state.work.answer) return Succeeded{state.work.answer->body.empty() ? "null" : state.work.answer->body};
  if (state.work.run.shadow) return shadow.shown_at_once(kShadow);
  std::optional<Instant> until;
  std::string text;
  const auto timeout = duration_in(state.seen()["with"], "timeout", text, state.masker);
  if (!timeout) return Refused{"callback: " + timeout.error().message};
  if (*timeout) {
    until = state.now + **timeout;
    if (*until <= rt::now()) {
      state.end.unanswered = true;
      return Refused{"nobody called back within " + text, Because::kUnanswered};
    }
  }
  return Waits{until, "waits for a callback"};
}

Outcome assertion(AttemptState& state, const Shadow& shadow) {
  const json::value& with = state.seen()["with"];
  const json::value* that = find(with, "that");
  if (that != nullptr && shadow.stands_in(*that)) return Succeeded{"{}"};
  if (that == nullptr || !that->is_bool()) {
    return Refused{"assert: `that` must yield true or false, not " +
                   (that == nullptr ? "nothing" : shown_value(to_text(*that), state.masker))};
  }
  if (that->get_bool()) return Succeeded{"{}"};
  const std::string_view message = find_text(with, "message");
  const lang::Node* written = state.definition().with.find("that");
  return Refused{message.empty()
                     ? "assert: `" + std::string(written == nullptr ? "" : written->scalar) + "` is false"
                     : std::string(message)};
}

}  // namespace

Outcome built_in(AttemptState& state, const Shadow& shadow) {
  switch (state.definition().built_in) {
    case BuiltIn::kWait:
      return wait(state, shadow);
    case BuiltIn::kApproval:
      return approval(state, shadow);
    case BuiltIn::kCallback:
      return callback(state, shadow);
    case BuiltIn::kAssert:
      return assertion(state, shadow);
    case BuiltIn::kSet: {
      const json::value* values = find(state.seen()["with"], "values");
      if (values == nullptr || !(values->is_object() || shadow.stands_in(*values)))
        return Refused{"set: `values` must be a map"};
      return Succeeded{to_text(*values)};
    }
    case BuiltIn::kTeamNotify:
    case BuiltIn::kNone:
      break;
  }
  CHECK(false);
}

}  // namespace postlude::pipeline
