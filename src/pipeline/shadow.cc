#include "pipeline/shadow.h"

#include <algorithm>

namespace postlude::pipeline {

namespace {

constexpr std::string_view kShadowInUrl = "%28shadow%29";

bool holds_word(std::string_view text) {
  return text.find(kShadow) != std::string_view::npos;
}

// How much of an expression hangs on what nobody knows.
enum class Hangs : std::uint8_t {
  kNot,
  kInput,   // it reads `.with`, part of which does: only its failing says something
  kPartly,  // it reads something of which a part does
  kWholly   // it reads such a value, or what would be inside it
};

Hangs hangs(const std::string& path, const json::value& context) {
  std::string_view at = path;
  json::value value = lang::value_at(context, at);
  bool inside = false;
  while (value.is_null()) {  // up to what there is
    const std::size_t cut = at.find_last_of(".[");
    if (cut == std::string_view::npos || cut == 0) return Hangs::kNot;
    at = at.substr(0, cut);
    value = lang::value_at(context, at);
    inside = true;
  }
  if (!holds_word(to_text(value))) return Hangs::kNot;
  if (path.substr(1).starts_with("with")) return Hangs::kInput;
  // Text that only mentions the word is a value like others, but it has no members.
  return value.is_string() && (!inside || view(value.get_string()) == kShadow) ? Hangs::kWholly
                                                                               : Hangs::kPartly;
}

Hangs hangs(const lang::Expression& expression, const json::value& context) {
  Hangs most = Hangs::kNot;
  for (const std::string& path : lang::paths_of(expression))
    most = std::max(most, hangs(path, context));
  return most;
}

}  // namespace

bool Shadow::shadows() const {
  return state_.work.run.shadow || state_.parts.edge.leaves_out();
}

bool Shadow::stands_in(std::string_view text) const {
  return shadows() && holds_word(text);
}

bool Shadow::stands_in(const json::value& value) const {
  return shadows() && holds_word(to_text(value));
}

// The word, for each value that could not be had or is not known for want of an answer. What shows the word
// itself stays.
void Shadow::stand_in(const std::vector<lang::Expression>& expressions, Values& values) const {
  if (!shadows()) return;
  for (std::size_t i = 0; i < values.size() && i < expressions.size(); ++i) {
    if (values[i] && holds_word(*values[i])) continue;
    const Hangs on = hangs(expressions[i], *state_.context);
    const bool unknown = on == Hangs::kWholly ||
                         (on == Hangs::kPartly && (!values[i] || *values[i] == "null")) ||
                         (on == Hangs::kInput && !values[i]);
    if (unknown) values[i] = "\"" + std::string(kShadow) + "\"";
  }
}

// A shadow run tells nobody, so it waits for nobody; but it first shows what it would tell them.
Outcome Shadow::shown_at_once(const json::value& outputs) const {
  const auto& steps = state_.work.run.steps;
  const bool announced = std::none_of(steps.begin(), steps.end(), [&](const Step& step) {
    return step.announces == state_.row.index && !terminal(step.state);
  });
  if (announced) return Succeeded{to_text(outputs)};
  const Duration waited = rt::now() - state_.row.started_at.value_or(rt::now());
  const Duration again = std::clamp<Duration>(waited, std::chrono::seconds(1), std::chrono::minutes(1));
  return Waits{rt::now() + again, "shadow: no announcement is sent; waits until it is shown"};
}

void Shadow::show(const connector::Call& call, const Ask& ask, Request row) {
  row.result = RequestResult::kShadow;
  row.why = "shadow: not sent";
  state_.end.requests.push_back(std::move(row));
  state_.request(call.id()) =
      json::object{{"request", call.kind().context_of(ask, {})}, {"response", nullptr}};
  left_out_ = true;
  unknown_.insert(call.id());
}

void Shadow::leave_out(const connector::Call& call) {
  unknown_.insert(call.id());
  state_.request(call.id()) = nullptr;
}

// A read that is built from an answer nobody has would be one of something else.
bool Shadow::hangs_on_unknown(const connector::Call& call) const {
  if (unknown_.empty()) return false;
  constexpr std::string_view kBefore = "requests.";
  for (const lang::Expression& expression : call.before()) {
    for (const std::string& path : lang::paths_of(expression)) {
      if (path.find(kBefore) != 1) continue;
      const std::string_view id = std::string_view(path).substr(1 + kBefore.size());
      if (unknown_.contains(id.substr(0, id.find_first_of(".[")))) return true;
    }
  }
  return false;
}

// The same for an answer of an earlier step.
bool Shadow::asks_for_word(const Ask& ask) const {
  if (!shadows()) return false;
  const connector::AskText text = connector::kind_of(ask).text_of(ask);
  for (const std::string& part : {text.whole_place(), text.body}) {
    if (holds_word(part) || part.find(kShadowInUrl) != std::string::npos) return true;
  }
  const auto& headers = text.headers.list;
  return std::any_of(headers.begin(), headers.end(), [](const Header& h) { return holds_word(h.value); });
}

bool Shadow::cannot_be_shown(const connector::Call& call, const Values& values) {
  const bool word =
      std::any_of(values.begin(), values.end(), [&](const auto& v) { return v && stands_in(*v); }) ||
      stands_in(state_.seen()["with"]);
  if (!left_out_ && !word) return false;
  left_out_ = true;
  unknown_.insert(call.id());
  return true;
}

json::value Shadow::outputs(const connector::Plan& plan, const Values& values) const {
  json::object outputs;
  auto known = plan.outputs(values);
  if (known && known->is_object()) outputs = std::move(known->as_object());
  for (const std::string& name : state_.step->action->output_names()) {
    if (!outputs.contains(name) || outputs[name].is_null()) outputs[name] = kShadow;
  }
  return json::value(std::move(outputs));
}

}  // namespace postlude::pipeline
