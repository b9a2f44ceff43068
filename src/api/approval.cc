#include "api/approval.h"

#include "base/json.h"

namespace postlude::api {

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
  if (out.approvers.empty()) out.approvers.emplace_back("nobody: `approvers` is empty");
  return out;
}

Result<std::uint32_t> asking_step(const Run& run, const std::string& word) {
  std::optional<std::uint32_t> found;
  bool known = word.empty();
  bool approval = word.empty();
  for (const Step& step : run.steps) {
    if (!word.empty() && step.name != word && step.title != word && std::to_string(step.index + 1) != word)
      continue;
    known = true;
    if (step.uses != "approval") continue;
    approval = true;
    if (!step.asks || step.state != StepState::kWaiting) continue;
    if (found)
      return Error(Code::kInvalid, "several approvals of " + run.id.text() + " wait: name one by its number");
    found = step.index;
  }
  if (found) return *found;
  if (!known) return Error(Code::kNotFound, run.id.text() + " has no step " + word);
  if (!approval) return Error(Code::kConflict, "step " + word + " is no approval");
  const std::string why = terminal(run.state) ? ": the run has ended" : ": not yet, or not any more";
  return Error(Code::kConflict, (word.empty() ? "no approval of " + run.id.text() + " waits for an answer"
                                              : "step " + word + " does not wait for an answer") +
                                    why);
}

}  // namespace postlude::api
