#include "engine/moved.h"

#include <algorithm>
#include <map>
#include <vector>

#include "engine/workflow.h"

namespace postlude::engine {

namespace {

using lang::Node;

struct NamedStep {
  std::string part, uses, title;
  bool has_id = false;
  std::string asks;  // what it does, as text
};

std::string asks_of(const Node& node) {
  json::object out;
  for (const std::string_view key : {"uses", "with", "forEach", "key"}) {
    if (const Node* at = node.find(key)) out[key] = lang::to_json(*at);
  }
  return json::serialize(out);
}

// In the order of Workflow::steps: the announcements stand behind all lists.
std::vector<const Node*> nodes_of(const Node& workflow) {
  std::vector<const Node*> out;
  std::vector<const Node*> announcements;
  for (const std::string_view list : {"steps", "onFailure", "finally"}) {
    const Node* at = workflow.find(list);
    if (at == nullptr) continue;
    for (const Node& item : at->items) {
      out.push_back(&item);
      if (const Node* announce = item.find("announce")) announcements.push_back(announce);
    }
  }
  out.insert(out.end(), announcements.begin(), announcements.end());
  return out;
}

// Empty if it cannot be read: whoever asks has read it before.
std::vector<NamedStep> steps_of(std::string_view pinned) {
  std::vector<NamedStep> out;
  const auto workflow = Workflow::parse("", pinned);
  const auto node = lang::parse_pinned(pinned);
  if (!workflow || !node) return out;
  const std::vector<const Node*> nodes = nodes_of(*node);
  const auto& steps = (*workflow)->steps;
  if (nodes.size() != steps.size()) return out;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    out.push_back(
        {steps[i].key_part, steps[i].uses, steps[i].title, !steps[i].name.empty(), asks_of(*nodes[i])});
  return out;
}

const NamedStep* part_in(const std::vector<NamedStep>& steps, std::string_view part) {
  const auto at =
      std::find_if(steps.begin(), steps.end(), [&](const NamedStep& s) { return s.part == part; });
  return at == steps.end() ? nullptr : &*at;
}

std::ptrdiff_t without_id(const std::vector<NamedStep>& steps, const std::string& uses) {
  return std::count_if(steps.begin(), steps.end(),
                       [&](const NamedStep& s) { return !s.has_id && s.uses == uses; });
}

// "'tell' (slack/message)", "the second slack/message without id": as the keys tell them apart.
std::string called(const NamedStep& step) {
  if (step.has_id) return "'" + step.part + "'";
  return "number " + step.part.substr(step.part.rfind('#') + 1) + " of the steps without id that use " +
         step.uses;
}

constexpr std::string_view kToDo =
    "Give a new step an id, leave the others their places and ids, and turn off one that is no longer wanted "
    "with `if: false`; or make all effects anew with --again";

}  // namespace

std::string moved_steps(std::string_view then, const std::set<std::uint32_t>& acted, std::string_view now) {
  if (then == now || acted.empty()) return "";
  const std::vector<NamedStep> before = steps_of(then);
  const std::vector<NamedStep> after = steps_of(now);
  for (const std::uint32_t index : acted) {
    if (index >= before.size()) continue;
    const NamedStep& step = before[index];
    const NamedStep* same = part_in(after, step.part);
    if (same != nullptr && same->asks == step.asks) continue;
    for (const NamedStep& other : after) {
      if (other.asks != step.asks) continue;
      const NamedStep* was = part_in(before, other.part);
      if (was != nullptr && was->asks == other.asks) continue;
      return called(step) + " has acted for this event, and is " + called(other) +
             " in today's text: it would act again. " + std::string(kToDo);
    }
    if (step.has_id || same == nullptr) continue;
    if (without_id(before, step.uses) == without_id(after, step.uses)) continue;
    return called(step) +
           " has acted for this event; today's text has more or fewer of them and another one in its place: "
           "nobody can tell which of them has acted. " +
           std::string(kToDo);
  }
  return "";
}

}  // namespace postlude::engine
