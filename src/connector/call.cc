#include "connector/call.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "connector/retry_after.h"

namespace postlude::connector {
namespace {

constexpr std::size_t kWhyBytesMax = 500;

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// There was no reply.
Ending unanswered(const std::string& asked, const Error& error, const Masker& masker) {
  Ending ending;
  ending.why = asked + ": " + one_line(error.message, masker);
  switch (error.code) {
    case Code::kUnavailable:
      ending.result = RequestResult::kRetryable;
      ending.counts_for_breaker = true;
      break;
    case Code::kOverloaded:
    case Code::kCancelled:
      ending.result = RequestResult::kRetryable;
      break;
    case Code::kUnknown:
      ending.result = RequestResult::kUnclear;
      ending.counts_for_breaker = true;
      break;
    case Code::kInvalid:
    case Code::kDenied:
    case Code::kNotFound:
    case Code::kConflict:
    case Code::kCorrupt:
      ending.result = RequestResult::kRefused;
      break;
  }
  return ending;
}

std::optional<Duration> from_seconds(double seconds) {
  constexpr double kYear = 365.0 * 24 * 3600;
  if (!std::isfinite(seconds)) return std::nullopt;
  return Duration(static_cast<std::int64_t>(std::clamp(seconds, 0.0, kYear) * 1e6));
}

// `retryAfter` yields seconds, whatever a Retry-After may be, or a duration; null and what cannot be read say
// nothing.
std::optional<Duration> told_wait(const lang::Evaluated& value, Instant now) {
  if (!value) return std::nullopt;
  const Result<json::value> yielded = parse_json(*value);
  if (!yielded) return std::nullopt;
  if (yielded->is_number()) return from_seconds(yielded->to_number<double>());
  if (!yielded->is_string()) return std::nullopt;
  return read_wait(view(yielded->get_string()), now);
}

struct RuleResult {
  std::optional<RequestResult> result;
  std::string trouble;             // why a rule could not be asked
  bool overrules_refusal = false;  // and it was one that says of a 4xx that it is none
  bool gone = false;
  bool misread = false;  // a rule yields something else than true or false
};

// The action's own rules; the first that holds decides.
RuleResult by_rules(const Call::Impl& call, const Values& values) {
  struct Rule {
    const std::optional<std::size_t>& at;
    RequestResult result;
    bool gone = false;
  };
  const std::array<Rule, 6> rules = {{{call.success, RequestResult::kSucceeded},
                                      {call.exists, RequestResult::kExists},
                                      {call.gone, RequestResult::kRefused, true},
                                      {call.retry, RequestResult::kRetryable},
                                      {call.refuse, RequestResult::kRefused},
                                      {call.unclear, RequestResult::kUnclear}}};
  RuleResult ruled;
  for (const Rule& rule : rules) {
    if (!rule.at) continue;
    const Result<bool> holds = as_bool(values[*rule.at], call.after[*rule.at]);
    if (!holds) {
      if (ruled.trouble.empty()) ruled.trouble = holds.error().message;
      ruled.misread = ruled.misread || values[*rule.at].has_value();
      ruled.overrules_refusal = ruled.overrules_refusal || rule.result == RequestResult::kExists ||
                                rule.result == RequestResult::kRetryable;
    } else if (*holds) {
      ruled.result = rule.result;
      ruled.gone = rule.gone;
      return ruled;
    }
  }
  return ruled;
}

// The action's own text for an end that is not well; "": it has none.
std::string message_in(const Call::Impl& call, const Values& values) {
  if (!call.message) return "";
  const Result<json::value> message = call.message->assemble(values);
  if (!message || message->is_null()) return "";
  return message->is_string() ? std::string(view(message->get_string())) : to_text(*message);
}

}  // namespace

Result<bool> as_bool(const lang::Evaluated& value, const lang::Expression& expression) {
  if (!value) return value.error();
  if (*value == "true") return true;
  if (*value == "false") return false;
  return Error(Code::kInvalid, lang::blame(expression, "must yield true or false, not " + *value));
}

std::string one_line(std::string_view said, const Masker& masker) {
  std::string line;
  for (const char c : masker.mask(said)) {
    const bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (space && (line.empty() || line.back() == ' ')) continue;
    if (space) {
      line += ' ';
    } else if (!control(c)) {
      line += c;
    }
    if (line.size() > kWhyBytesMax) break;
  }
  line = cut(std::move(line), kWhyBytesMax);
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  return line;
}

Result<json::value> Slice::assemble(const Values& values) const {
  const auto from = values.begin() + static_cast<std::ptrdiff_t>(begin);
  return value.assemble(Values(from, from + static_cast<std::ptrdiff_t>(count)));
}

Result<std::string> Slice::assemble_text(const Values& values) const {
  const auto from = values.begin() + static_cast<std::ptrdiff_t>(begin);
  return value.assemble_text(Values(from, from + static_cast<std::ptrdiff_t>(count)));
}

Slice take(lang::Template value, std::vector<lang::Expression>& into) {
  Slice slice{std::move(value), into.size(), 0};
  slice.value.collect(into);
  slice.count = into.size() - slice.begin;
  return slice;
}

std::size_t take(lang::Expression expression, std::vector<lang::Expression>& into) {
  into.push_back(std::move(expression));
  return into.size() - 1;
}

const std::string& Call::id() const {
  return impl_->id;
}
Effect Call::effect() const {
  return impl_->effect;
}
OnUnclear Call::on_unclear() const {
  return impl_->on_unclear;
}
std::optional<Duration> Call::key_window() const {
  return impl_->key_window;
}
Duration Call::lookup_after() const {
  return impl_->lookup_after;
}
const std::vector<lang::Expression>& Call::before() const {
  return impl_->before;
}
const std::vector<lang::Expression>& Call::after() const {
  return impl_->after;
}

const Kind& Call::kind() const {
  return impl_->form->kind();
}

Result<std::optional<Ask>> Call::prepare(const Target& target, const Values& values) const {
  CHECK(values.size() == impl_->before.size());
  if (!impl_->edition.empty() && impl_->edition != target.edition) return std::optional<Ask>();
  if (impl_->condition) {
    TRY(const bool wanted, as_bool(values[*impl_->condition], impl_->before[*impl_->condition]));
    if (!wanted) return std::optional<Ask>();
  }
  TRY(Ask ask, impl_->form->build(target, values));
  return std::optional<Ask>(std::move(ask));
}

Result<Ask> Call::authorise(Ask ask, const Target& target, const Credentials& credentials) const {
  return impl_->form->authorise(std::move(ask), target, credentials);
}

bool Call::signs() const {
  return impl_->form->signs();
}

bool Call::needs_signature() const {
  return impl_->form->needs_signature();
}

Ending Call::interpret(const Ask& ask, const Error& error, const Masker& masker) const {
  return settled(unanswered(kind().name_of(ask), error, masker));
}

Ending Call::interpret(const Ask& ask, const Reply& reply, const Values& values, Instant now,
                       const Masker& masker) const {
  CHECK(values.size() == impl_->after.size());
  const Kind& kind = kind_of(reply);
  const PlainEnd plain = kind.plain_end(reply, now);
  const RuleResult ruled = by_rules(*impl_, values);
  Ending ending;
  ending.result = ruled.result.value_or(plain.result);
  ending.gone = ruled.gone;
  std::string more = ruled.trouble;
  // A rule that cannot be asked has not said yes: what the answer means is not known.
  if (!ruled.result && ruled.overrules_refusal && ending.result == RequestResult::kRefused)
    ending.result = RequestResult::kUnclear;
  if (!ruled.result && ending.result == RequestResult::kSucceeded) {
    if (impl_->success || !more.empty()) {
      ending.result = RequestResult::kUnclear;
      if (more.empty()) more = "`success` is not met";
    } else if (more = kind.malformed(reply); !more.empty()) {
      ending.result = RequestResult::kUnclear;
    }
  }
  if (ending.result == RequestResult::kSucceeded) return ending;
  ending.answered = !ruled.result && ending.result == RequestResult::kUnclear && plain.well;
  // If the reply alone would have decided, repeating gives the same answer.
  ending.misread = !ruled.result && ruled.misread && ending.result == RequestResult::kUnclear &&
                   (plain.result == RequestResult::kSucceeded || plain.result == RequestResult::kRefused);
  std::string text = message_in(*impl_, values);
  if (text.empty()) text = kind.said(reply, masker);
  if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
  ending.why =
      plain.label + " from " + kind.name_of(ask) + (text.empty() ? "" : ": " + one_line(text, masker));
  if (impl_->retry_after) ending.retry_after = told_wait(values[*impl_->retry_after], now);
  if (!ending.retry_after) ending.retry_after = kind.retry_after(reply, now);
  const bool later = ending.result == RequestResult::kRetryable;
  if (!later && ending.result != RequestResult::kUnclear) ending.retry_after.reset();
  ending.counts_for_breaker = (later && !plain.rate_limit) || ending.result == RequestResult::kUnclear;
  return settled(std::move(ending));
}

// A read that came to nothing can be made again: it is only retryable.
Ending Call::settled(Ending ending) const {
  if (impl_->effect == Effect::kRead && ending.result == RequestResult::kUnclear)
    ending.result = ending.misread ? RequestResult::kRefused : RequestResult::kRetryable;
  return ending;
}

}  // namespace postlude::connector
