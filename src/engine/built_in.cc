#include "engine/built_in.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace postlude::engine {

namespace {

using lang::Node;
using lang::Problems;

struct Known {
  std::string_view name;
  BuiltIn built_in;
  std::vector<std::string> keys;
  bool any_key = false;
};

const std::vector<Known>& known() {
  static const std::vector<Known> all{
      {"wait", BuiltIn::kWait, {"for", "until", "calendar"}},
      {"approval", BuiltIn::kApproval, {"message", "approvers", "timeout", "onTimeout"}},
      {"callback", BuiltIn::kCallback, {"timeout"}},
      {"assert", BuiltIn::kAssert, {"that", "message"}},
      {"set", BuiltIn::kSet, {"values"}},
      {"team/notify", BuiltIn::kTeamNotify, {}, true},
  };
  return all;
}

bool has_expression(const Node& node) {
  return node.is_scalar() && node.scalar.find("${{") != std::string::npos;
}

void check_duration(const Node& with, std::string_view key, Problems& problems) {
  const Node* at = with.find(key);
  if (at == nullptr || has_expression(*at)) return;
  if (!at->is_scalar()) {
    problems.push_back({at->place, "'" + std::string(key) + "' is a duration such as 30m"});
    return;
  }
  const auto parsed = parse_duration(at->scalar);
  if (!parsed) problems.push_back({at->place, parsed.error().message});
}

// Of an approval and a callback: nobody could answer within no time at all.
void check_timeout(const Node& with, Problems& problems) {
  check_duration(with, "timeout", problems);
  const Node* at = with.find("timeout");
  if (at == nullptr || !at->is_scalar()) return;
  const auto parsed = parse_duration(at->scalar);
  if (parsed && *parsed == Duration(0))
    problems.push_back({at->place, "'timeout' is " + at->scalar + ", within which nobody can answer"});
}

void check_wait(const StepDefinition& step, Problems& problems) {
  if (step.with.members.size() != 1) {
    problems.push_back({step.place, "wait needs one of `for: DURATION`, `until: TIME` and `calendar: NAME`"});
    return;
  }
  check_duration(step.with, "for", problems);
  const Node* until = step.with.find("until");
  if (until == nullptr || has_expression(*until)) return;
  const auto parsed =
      until->is_scalar() ? parse_rfc3339(until->scalar) : Result<Instant>(Error(Code::kInvalid, ""));
  if (!parsed)
    problems.push_back(
        {until->place,
         "'until' is a time such as 2027-02-15T09:00:00+08:00, or an expression that yields one"});
}

bool names_somebody(const Node& approvers) {
  const auto one = [](const Node& node) {
    return node.is_scalar() && !node.is_null() && !node.scalar.empty();
  };
  if (!approvers.is_list()) return one(approvers);
  return !approvers.items.empty() && std::all_of(approvers.items.begin(), approvers.items.end(), one);
}

void check_approval(const StepDefinition& step, Problems& problems) {
  const Node* approvers = step.with.find("approvers");
  if (approvers != nullptr && !names_somebody(*approvers))
    problems.push_back({approvers->place, "'approvers' is a list of names of tokens, and of team:NAME"});
  const Node* message = step.with.find("message");
  if (message != nullptr && (!message->is_scalar() || message->is_null()))
    problems.push_back(
        {message->place,
         "'message' is text" +
             (lang::names_environment(*message) ? ": " + std::string(lang::kNoEnvironmentHere) : "")});
  check_timeout(step.with, problems);
  const Node* then = step.with.find("onTimeout");
  if (then == nullptr) return;
  constexpr std::array<std::string_view, 3> kWords{"fail", "skip", "approve"};
  if (!then->is_scalar() || std::find(kWords.begin(), kWords.end(), then->scalar) == kWords.end())
    problems.push_back({then->place, "'onTimeout' is one of fail, skip, approve"});
  if (step.with.find("timeout") == nullptr)
    problems.push_back(
        {then->place, "'onTimeout' needs a `timeout`: without one an approval waits for ever"});
}

}  // namespace

BuiltIn built_in_named(std::string_view uses) {
  for (const Known& k : known()) {
    if (k.name == uses) return k.built_in;
  }
  return BuiltIn::kNone;
}

std::vector<std::string> built_in_names() {
  std::vector<std::string> names;
  for (const Known& k : known())
    names.emplace_back(k.name);
  return names;
}

void check_built_in(const StepDefinition& step, Problems& problems) {
  const auto at = std::find_if(known().begin(), known().end(),
                               [&](const Known& k) { return k.built_in == step.built_in; });
  if (at == known().end()) return;
  const bool misplaced = step.built_in == BuiltIn::kSet && step.with.find("values") == nullptr;  // said below
  if (!at->any_key && !misplaced) {
    for (const auto& [key, value] : step.with.members) {
      if (std::find(at->keys.begin(), at->keys.end(), key.scalar) != at->keys.end()) continue;
      const std::string near = nearest(key.scalar, at->keys);
      problems.push_back({key.place, "unknown key '" + key.scalar + "' in " + step.uses + "; " +
                                         (near.empty() ? "there is " + join(at->keys, ", ")
                                                       : "did you mean '" + near + "'?")});
    }
  }
  switch (step.built_in) {
    case BuiltIn::kWait:
      check_wait(step, problems);
      break;
    case BuiltIn::kApproval:
      check_approval(step, problems);
      break;
    case BuiltIn::kCallback:
      check_timeout(step.with, problems);
      if (step.name.empty())
        problems.push_back({step.place, "a callback needs an `id`: its URL is `$run.callbacks.<id>.url`"});
      if (step.for_each)
        problems.push_back(
            {step.place, "a callback cannot be taken forEach element of a list: its URL belongs to its id"});
      break;
    case BuiltIn::kAssert:
      if (step.with.find("that") == nullptr)
        problems.push_back({step.place, "assert needs `with: {that: EXPRESSION}`"});
      break;
    case BuiltIn::kSet: {
      const Node* values = step.with.find("values");
      if (values == nullptr || !(values->is_map() || has_expression(*values)))
        problems.push_back({step.place, "set needs `with: {values: {NAME: VALUE}}`"});
      break;
    }
    case BuiltIn::kTeamNotify:
    case BuiltIn::kNone:
      break;
  }
}

lang::Template read_built_in(const StepDefinition& step, Problems& problems) {
  if (step.built_in != BuiltIn::kAssert) return lang::Template::read(step.with, nullptr, problems);
  // `that` is bare: within ${{ }} it is the same expression.
  Node with = step.with;
  for (auto& [key, value] : with.members) {
    if (key.scalar != "that" || !value.is_scalar() || has_expression(value)) continue;
    value.scalar = "${{ " + value.scalar + " }}";
    value.place.column = std::max(0, value.place.column - 4);
  }
  return lang::Template::read(with, nullptr, problems);
}

}  // namespace postlude::engine
