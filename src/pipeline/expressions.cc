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

std::shared_ptr<const lang::Native> Expressions::native(const std::string& text) {
  const auto known = natives_.find(text);
  if (known != natives_.end()) return known->second;
  if (natives_.size() >= kNativesMax) natives_.clear();
  return natives_.emplace(text, lang::Native::compile(text)).first->second;
}

void Expressions::announce(const std::vector<lang::Expression>& expressions) {
  std::vector<std::string> texts;
  std::unordered_set<std::string_view> seen;
  for (const lang::Expression& e : expressions) {
    if (native(e.text) == nullptr && seen.insert(e.text).second) texts.push_back(e.text);
  }
  if (!texts.empty()) evaluator_.announce(std::move(texts));
}

namespace {

// What needs no jq, and what jq is to be asked.
struct Said {
  Values values;
  std::vector<std::size_t> rest;
  std::string context;  // "": nothing is left to ask
};

using Natives = std::vector<std::shared_ptr<const lang::Native>>;

Said say(const Natives& natives, const json::value& context) {
  Said said;
  said.values.reserve(natives.size());
  for (std::size_t i = 0; i < natives.size(); ++i) {
    std::optional<json::value> value;
    if (natives[i] != nullptr) value = natives[i]->evaluate(context);
    if (value) {
      std::string text = to_text(*value);
      const bool fits = text.size() <= evaluator::kValueBytesMax;
      said.values.emplace_back(
          fits ? lang::Evaluated(std::move(text))
               : Error(Code::kOverloaded, evaluator::too_much(evaluator::kValueBytesMax)));
    } else {
      said.values.emplace_back(std::string());
      said.rest.push_back(i);
    }
  }
  if (!said.rest.empty()) said.context = to_text(context);
  return said;
}

}  // namespace

rt::Task<Values> Expressions::evaluate(std::vector<lang::Expression> expressions,
                                       std::shared_ptr<const json::value> context, Instant now,
                                       rt::Aside* aside) {
  if (expressions.empty()) co_return Values();
  Natives natives;
  natives.reserve(expressions.size());
  for (const lang::Expression& e : expressions)
    natives.push_back(native(e.text));
  Said said;
  if (aside == nullptr) {
    said = say(natives, *context);
  } else {
    std::function<Said()> call = [natives = std::move(natives), context] { return say(natives, *context); };
    AWAIT(said, aside->compute(std::move(call)));
  }
  if (said.rest.empty()) co_return std::move(said.values);
  std::vector<std::string> texts;
  for (const std::size_t i : said.rest)
    texts.push_back(expressions[i].text);
  // `now` is whole seconds wherever it is asked for: live, in tests and in simulations.
  const auto seconds =
      static_cast<double>(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count());
  AWAIT(evaluator::Values answers, evaluator_.evaluate(std::move(texts), std::move(said.context), seconds));
  for (std::size_t k = 0; k < said.rest.size() && k < answers.size(); ++k) {
    lang::Evaluated& answer = answers[k];
    if (!answer && answer.error().code == Code::kInvalid) {
      const lang::Expression& asked = expressions[said.rest[k]];
      answer = Error(Code::kInvalid, lang::plain_failure(asked, *context, answer.error().message));
    }
    said.values[said.rest[k]] = std::move(answer);
  }
  co_return std::move(said.values);
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
