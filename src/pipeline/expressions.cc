#include "pipeline/expressions.h"

#include <unordered_set>

namespace postlude::pipeline {

namespace {
// Old workflows' texts go when there are more than a configuration of any size would have.
constexpr std::size_t kNativesMax = 50'000;
}  // namespace

const Error* unasked(const Values& values) {
  for (const lang::Evaluated& value : values) {
    if (!value && (value.error().code == Code::kUnavailable || value.error().code == Code::kCancelled))
      return &value.error();
  }
  return nullptr;
}

const lang::Native* Expressions::native(const std::string& text) {
  const auto known = natives_.find(text);
  if (known != natives_.end()) return known->second.get();
  if (natives_.size() >= kNativesMax) natives_.clear();
  return natives_.emplace(text, lang::Native::compile(text)).first->second.get();
}

void Expressions::announce(const std::vector<lang::Expression>& expressions) {
  std::vector<std::string> texts;
  std::unordered_set<std::string_view> seen;
  for (const lang::Expression& e : expressions) {
    if (native(e.text) == nullptr && seen.insert(e.text).second) texts.push_back(e.text);
  }
  if (!texts.empty()) evaluator_.announce(std::move(texts));
}

rt::Task<Values> Expressions::evaluate(std::vector<lang::Expression> expressions,
                                       std::shared_ptr<const json::value> context, Instant now) {
  Values values;
  if (expressions.empty()) co_return values;
  values.reserve(expressions.size());
  std::vector<std::size_t> rest;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const lang::Native* simple = native(expressions[i].text);
    std::optional<json::value> value;
    if (simple != nullptr) value = simple->evaluate(*context);
    if (value) {
      std::string text = to_text(*value);
      const bool fits = text.size() <= evaluator::kValueBytesMax;
      values.emplace_back(fits ? lang::Evaluated(std::move(text))
                               : Error(Code::kOverloaded, evaluator::too_much(evaluator::kValueBytesMax)));
    } else {
      values.emplace_back(std::string());
      rest.push_back(i);
      texts.push_back(expressions[i].text);
    }
  }
  if (rest.empty()) co_return values;
  // `now` is whole seconds wherever it is asked for: live, in tests and in simulations.
  const auto seconds =
      static_cast<double>(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count());
  AWAIT(evaluator::Values answers, evaluator_.evaluate(std::move(texts), to_text(*context), seconds));
  for (std::size_t k = 0; k < rest.size() && k < answers.size(); ++k) {
    lang::Evaluated& answer = answers[k];
    if (!answer && answer.error().code == Code::kInvalid) {
      const lang::Expression& asked = expressions[rest[k]];
      answer = Error(Code::kInvalid, lang::plain_failure(asked, *context, answer.error().message));
    }
    values[rest[k]] = std::move(answer);
  }
  co_return values;
}

rt::Task<Status> Expressions::check(std::vector<lang::Expression> expressions, lang::Problems& problems) {
  std::vector<std::string> texts;
  std::vector<std::size_t> of_text;  // the text's number, per expression
  std::unordered_map<std::string_view, std::size_t> seen;
  std::vector<const lang::Expression*> asked;
  for (const lang::Expression& e : expressions) {
    if (native(e.text) != nullptr) continue;
    const auto [at, fresh] = seen.emplace(e.text, texts.size());
    if (fresh) texts.push_back(e.text);
    of_text.push_back(at->second);
    asked.push_back(&e);
  }
  if (texts.empty()) co_return ok();
  evaluator_.announce(texts);
  AWAIT_TRY(const std::vector<std::string> messages, evaluator_.check(std::move(texts)));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const std::string& message = messages[of_text[i]];
    if (!message.empty()) problems.push_back({asked[i]->place, "`" + asked[i]->text + "`: " + message});
  }
  co_return ok();
}

}  // namespace postlude::pipeline
