#include "engine/workflow.h"

#include <array>
#include <cstdlib>
#include <map>

#include "base/check.h"

namespace postlude::engine {

namespace {

using lang::Node;
using lang::Problems;

// A duration the schema has checked already.
Duration duration_of(const Node& node, std::string_view key, Duration otherwise) {
  const Node* at = node.find(key);
  if (at == nullptr || !at->is_scalar()) return otherwise;
  const auto parsed = parse_duration(at->scalar);
  return parsed ? *parsed : otherwise;
}

RetryPolicy retry_of(const Node* node) {
  RetryPolicy policy;
  if (node == nullptr) return policy;
  policy.attempts =
      static_cast<std::uint32_t>(std::strtoul(std::string(node->text("attempts")).c_str(), nullptr, 10));
  policy.within = duration_of(*node, "for", policy.within);
  if (const Node* b = node->find("backoff")) {
    policy.initial = duration_of(*b, "initial", policy.initial);
    policy.max = duration_of(*b, "max", policy.max);
    const std::string factor(b->text("factor"));
    if (!factor.empty()) policy.factor = std::strtod(factor.c_str(), nullptr);
  }
  return policy;
}

Pattern pattern_of(const Node& node) {
  const auto globs_of = [](const Node& value) {
    std::vector<std::string> globs;
    if (value.is_list()) {
      for (const Node& item : value.items)
        globs.push_back(item.scalar);
    } else {
      globs.push_back(value.scalar);
    }
    return globs;
  };
  Pattern pattern;
  bool hook = false;
  for (const auto& [key, value] : node.members) {
    if (key.scalar == "metadata") {
      for (const auto& [name, globs] : value.members)
        pattern.fields.emplace_back("metadata." + name.scalar, globs_of(globs));
      continue;
    }
    hook = hook || key.scalar == "hook";
    pattern.fields.emplace_back(key.scalar, globs_of(value));
  }
  // Without `hook` it is the source's default hook, which is Flagger's post-rollout.
  if (!hook) pattern.fields.push_back({"hook", {"post-rollout"}});
  return pattern;
}

constexpr std::array<std::string_view, 1> kBuiltIns{"wait"};
constexpr std::array<std::string_view, 8> kLaterBuiltIns{
    "approval", "callback", "assert", "set", "gate/open", "gate/close", "gate/rollback", "team/notify"};

const std::vector<std::string>& workflow_roots() {
  static const std::vector<std::string> roots{"event", "run", "workflow", "vars", "steps"};
  return roots;
}

bool read_uses(const Node& node, StepDefinition& step, Problems& problems) {
  const Node* uses = node.find("uses");
  if (uses == nullptr || !uses->is_scalar() || uses->scalar.empty()) return false;  // the schema has said so
  step.uses = uses->scalar;
  for (const std::string_view later : kLaterBuiltIns) {
    if (step.uses == later) {
      problems.push_back(
          {uses->place, "'" + step.uses + "' is not built yet in this version of Postlude: remove the step"});
      return false;
    }
  }
  for (const std::string_view built_in : kBuiltIns) {
    if (step.uses == built_in) {
      step.action = step.uses;
      return true;
    }
  }
  const std::size_t slash = step.uses.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == step.uses.size()) {
    problems.push_back(
        {uses->place,
         "'" + step.uses + "' is no action; write TARGET/ACTION, say jira/release-version, or wait"});
    return false;
  }
  step.target = step.uses.substr(0, slash);
  step.action = step.uses.substr(slash + 1);
  return true;
}

std::optional<StepDefinition> read_step(const Node& node, Problems& problems) {
  StepDefinition step;
  step.place = node.place;
  const bool usable = read_uses(node, step, problems);
  step.name = node.text("id");
  step.title = node.text("name");
  if (step.title.empty()) step.title = step.name.empty() ? step.uses : step.name;
  if (const Node* condition = node.find("if")) {
    step.condition = lang::read_bare(*condition, problems);
    if (step.condition) {
      lang::check_names(*step.condition, workflow_roots(), problems);
      step.after_failure = lang::calls(*step.condition, "failure") || lang::calls(*step.condition, "always");
    }
  }
  step.retry = retry_of(node.find("retry"));
  if (node.find("timeout") != nullptr) step.timeout = duration_of(node, "timeout", Duration(0));
  step.on_unclear = on_unclear_named(node.text("onUnclear"));
  if (const Node* with = node.find("with")) step.with = *with;
  if (step.uses == "wait") {
    const Node* wait_for = step.with.find("for");
    for (const auto& [key, value] : step.with.members) {
      if (key.scalar == "until" || key.scalar == "calendar") {
        problems.push_back({key.place, "'wait: " + key.scalar +
                                           "' is not built yet in this version of Postlude: use `for`"});
      } else if (key.scalar != "for") {
        problems.push_back(
            {key.place, "unknown key '" + key.scalar + "' in wait; it takes `for`, a duration"});
      }
    }
    if (wait_for == nullptr) {
      problems.push_back({node.place, "wait needs `with: {for: DURATION}`"});
    } else if (wait_for->is_scalar() && wait_for->scalar.find("${{") == std::string::npos) {
      const auto parsed = parse_duration(wait_for->scalar);
      if (!parsed) problems.push_back({wait_for->place, parsed.error().message});
    }
  }
  if (!usable) return std::nullopt;
  return step;
}

// Ids are unique, and so are the parts of the keys made of them.
void name_steps(std::vector<StepDefinition>& steps, Problems& problems) {
  std::map<std::string, int> ordinals;
  std::map<std::string, lang::Place> seen;
  for (StepDefinition& step : steps) {
    if (step.name.empty()) {
      step.key_part = step.uses + "#" + std::to_string(++ordinals[step.uses]);
      continue;
    }
    step.key_part = step.name;
    const auto [at, fresh] = seen.emplace(step.name, step.place);
    if (!fresh) {
      problems.push_back({step.place, "two steps have the id '" + step.name + "'; the first is at line " +
                                          std::to_string(at->second.line)});
    }
  }
}

}  // namespace

std::shared_ptr<const Workflow> Workflow::read(std::string_view name, const Node& node, Problems& problems) {
  auto workflow = std::make_shared<Workflow>();
  const std::size_t before = problems.size();
  workflow->name = name;
  workflow->off = node.text("mode") == "off";
  if (const Node* on = node.find("on")) {
    if (on->is_list()) {
      for (const Node& item : on->items)
        workflow->on.push_back(pattern_of(item));
    } else {
      workflow->on.push_back(pattern_of(*on));
    }
  }
  if (const Node* condition = node.find("if")) {
    workflow->condition = lang::read_bare(*condition, problems);
    if (workflow->condition) lang::check_names(*workflow->condition, {"event", "workflow"}, problems);
  }
  workflow->max_age = duration_of(node, "maxAge", workflow->max_age);
  workflow->timeout = duration_of(node, "timeout", workflow->timeout);
  if (const Node* vars = node.find("vars")) {
    for (const auto& [key, value] : vars->members) {
      lang::Template tmpl = lang::Template::read(value, nullptr, problems);
      std::vector<lang::Expression> expressions;
      tmpl.collect(expressions);
      for (const lang::Expression& e : expressions)
        lang::check_names(e, {"event", "run", "workflow"}, problems);
      workflow->vars.emplace_back(key.scalar, std::move(tmpl));
    }
  }
  if (const Node* steps = node.find("steps")) {
    for (const Node& item : steps->items) {
      if (auto step = read_step(item, problems)) workflow->steps.push_back(std::move(*step));
    }
  }
  name_steps(workflow->steps, problems);
  workflow->pinned = lang::pin(node);
  for (std::size_t i = before; i < problems.size(); ++i) {
    if (!problems[i].warning) return nullptr;
  }
  return workflow;
}

Result<std::shared_ptr<const Workflow>> Workflow::parse(std::string_view name, std::string_view pinned) {
  TRY(const Node node, lang::parse_pinned(pinned));
  Problems problems;
  auto workflow = read(name, node, problems);
  if (workflow == nullptr) return Error(Code::kInvalid, lang::to_text(problems.front()));
  return workflow;
}

std::string Workflow::mismatch(const Facts& facts) const {
  std::string why;
  for (std::size_t i = 0; i < on.size(); ++i) {
    const std::string reason = postlude::mismatch(on[i], facts);
    if (reason.empty()) return "";
    if (!why.empty()) why += "; ";
    if (on.size() > 1) why += "on[" + std::to_string(i) + "]: ";
    why += reason;
  }
  return why.empty() ? "it has no `on`" : why;
}

std::vector<Step> Workflow::step_rows() const {
  std::vector<Step> rows;
  rows.reserve(steps.size());
  for (const StepDefinition& definition : steps) {
    Step row;
    row.index = static_cast<std::uint32_t>(rows.size());
    row.name = definition.name;
    row.title = definition.title;
    row.target = definition.target;
    row.uses = definition.uses;
    row.after_failure = definition.after_failure;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace postlude::engine
