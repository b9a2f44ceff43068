#include "api/approval.h"

#include "base/json.h"
#include "engine/workflow.h"

namespace postlude::api {

namespace {

bool means(const Step& step, const std::string& word) {
  return step.name == word || step.title == word || std::to_string(step.index + 1) == word;
}

// As the workflow has them; nullopt: they hang on an expression.
std::optional<std::vector<std::string>> written_approvers(const engine::StepDefinition& definition) {
  std::vector<std::string> out;
  const lang::Node* node = definition.with.find("approvers");
  if (node == nullptr) return out;
  for (const lang::Node& one : node->is_list() ? node->items : std::vector<lang::Node>{*node}) {
    if (one.scalar.find("${{") != std::string::npos) return std::nullopt;
    out.push_back(one.scalar);
  }
  return out;
}

}  // namespace

Approval approval_of(const Step& step) {
  Approval out;
  const auto with = parse_json(step.input.empty() ? "{}" : step.input);
  if (!with) return out;
  out.message = std::string(find_text(*with, "message"));
  const json::value* approvers = find(*with, "approvers");
  if (approvers == nullptr) return out;
  if (approvers->is_string()) out.approvers.emplace_back(view(approvers->get_string()));
  if (const json::array* list = approvers->if_array()) {
    for (const json::value& one : *list)
      out.approvers.push_back(one.is_string() ? std::string(view(one.get_string())) : to_text(one));
  }
  // An expression that yields nothing must not let everybody.
  std::erase(out.approvers, "");
  if (out.approvers.empty()) out.approvers.emplace_back("nobody: `approvers` is empty");
  return out;
}

Result<std::uint32_t> asking_step(const Run& run, const std::string& word) {
  std::optional<std::uint32_t> found;
  bool known = word.empty();
  bool approval = word.empty();
  for (const Step& step : run.steps) {
    if (!word.empty() && !means(step, word)) continue;
    known = true;
    if (step.uses != "approval") continue;
    approval = true;
    if (!step.asks || step.state != StepState::kWaiting) continue;
    if (found)
      return Error(Code::kInvalid,
                   "several steps of " + run.id.text() + " wait for an approval: name one with `step`");
    found = step.index;
  }
  if (found) return *found;
  if (!known) return Error(Code::kNotFound, run.id.text() + " has no step " + word);
  if (!approval) return Error(Code::kConflict, "step " + word + " is not an approval");
  const std::string why = terminal(run.state) ? ": the run has ended" : "";
  return Error(Code::kConflict, (word.empty() ? "no step of " + run.id.text() + " waits for an approval"
                                              : "step " + word + " does not wait for an answer") +
                                    why);
}

std::string skipped_by_default(const Run& run) {
  std::string found;
  for (const Step& step : run.steps) {
    const bool wanted =
        run.state == RunState::kFailed
            ? step.state == StepState::kFailed && !step.element_of && !step.continues && !step.announces
            : !terminal(step.state) && (step.held || step.asks);
    if (!wanted) continue;
    if (!found.empty()) return "";
    found = std::to_string(step.index + 1);
  }
  return found;
}

Status may_skip(const Run& run, const std::string& pinned, const std::string& word, const Caller& who) {
  for (const Step& step : run.steps) {
    if (step.uses != "approval" || step.state == StepState::kSucceeded) continue;
    if (!means(step, word) && !(step.element_of && means(run.steps[*step.element_of], word))) continue;
    std::optional<std::vector<std::string>> approvers;
    if (step.spread) continue;  // its elements ask
    if (step.input.empty()) {
      TRY(const auto workflow, engine::Workflow::parse(run.workflow, pinned));
      approvers = written_approvers(workflow->steps[step.definition]);
    } else {
      approvers = approval_of(step).approvers;
    }
    if (!approvers)
      return Error(Code::kConflict, "step " + word +
                                        " cannot be skipped yet: its approvers are an expression, which is "
                                        "evaluated when the step starts; skip it then");
    if (const auto others = not_among(*approvers, who))
      return Error(Code::kDenied, "step " + word + " is an approval, and only its approvers may skip it: " +
                                      *others + "; you are " + who.name);
  }
  return ok();
}

}  // namespace postlude::api
