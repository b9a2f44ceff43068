#pragma once
// Rules: one version of the configuration's sources, targets, connectors and workflows, bound together.
// Immutable, hence shared: what is under way keeps the version it began with.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connector/action.h"
#include "engine/workflow.h"
#include "intake/source.h"

namespace postlude::pipeline {

// A step with the action that it uses.
struct BoundStep {
  const engine::StepDefinition* definition = nullptr;
  std::shared_ptr<const connector::Action> action;  // nullptr: a built-in
  std::string connector;
  std::optional<lang::Template> with;  // not for http/request, whose `with` is the action
  // What is evaluated first: `if` (when it has one), then the leaves of `with`.
  std::vector<lang::Expression> first;
};

struct BoundWorkflow {
  std::shared_ptr<const engine::Workflow> workflow;
  std::vector<BoundStep> steps;
  std::vector<lang::Expression> vars;  // of all `vars`, in order

  std::vector<lang::Expression> expressions() const;  // all, to be announced and checked
};

struct RulesInput {
  const lang::Node* sources = nullptr;
  const lang::Node* targets = nullptr;
  const lang::Node* workflows = nullptr;
  std::vector<std::string> clusters;
  std::string revision;
};

class Rules {
 public:
  // nullptr when there is an error among `problems`.
  static std::shared_ptr<const Rules> build(const RulesInput& input, const connector::Catalogue& catalogue,
                                            lang::Problems& problems);

  const intake::Sources& sources() const { return sources_; }
  const std::vector<connector::Target>& targets() const { return targets_; }
  const connector::Target* target(std::string_view name) const;  // nullptr: no longer configured
  const std::vector<std::shared_ptr<const BoundWorkflow>>& workflows() const { return workflows_; }
  const std::string& revision() const { return revision_; }
  std::vector<lang::Expression> expressions() const;

  // The workflow a run was pinned to, bound to today's targets and connectors.
  Result<std::shared_ptr<const BoundWorkflow>> bind_pinned(std::string_view name,
                                                           const std::string& pinned) const;

 private:
  std::shared_ptr<const BoundWorkflow> bind(std::shared_ptr<const engine::Workflow> workflow,
                                            lang::Problems& problems) const;
  void check_sources(const lang::Node& name, const engine::Workflow& workflow,
                     lang::Problems& problems) const;
  bool bind_step(BoundStep& step, lang::Problems& problems) const;

  intake::Sources sources_;
  std::vector<connector::Target> targets_;
  const connector::Catalogue* catalogue_ = nullptr;
  std::vector<std::shared_ptr<const BoundWorkflow>> workflows_;
  std::string revision_;
};

}  // namespace postlude::pipeline
