#pragma once
// Rules: one version of the configuration's sources, targets, connectors and workflows, with references
// resolved. Immutable and shared: work in progress keeps the version that it began with.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/calendar.h"
#include "connector/action.h"
#include "engine/team.h"
#include "engine/workflow.h"
#include "intake/source.h"

namespace postlude::pipeline {

// A step with its action and expressions.
struct BoundStep {
  const engine::StepDefinition* definition = nullptr;
  std::shared_ptr<const connector::Action> action;  // nullptr: a built-in
  std::string target;                               // "": a built-in
  std::string connector;
  std::optional<lang::Template> with;    // empty where `with` is the action, as of http/request
  std::vector<lang::Expression> leaves;  // of `with`
  std::vector<lang::Expression> each;    // of `forEach`
  std::vector<lang::Expression> key;     // of `key`
  std::string unusable;  // what the step names that today's configuration lacks, with its place; "": nothing
  // For team/notify: the step for each team that has `notify`.
  std::map<std::string, std::shared_ptr<const BoundStep>, std::less<>> teams;
};

struct BoundWorkflow {
  std::shared_ptr<const engine::Workflow> workflow;
  std::vector<BoundStep> steps;
  std::vector<lang::Expression> vars;  // of all `vars`, in order
  bool usable = true;                  // every step can be carried out
  bool reads_data = false;             // an expression or a wait uses tables or calendars

  std::vector<lang::Expression> expressions() const;  // all expressions of the workflow
  // The steps of a new run for an event of that team.
  std::vector<Step> step_rows(std::string_view team) const;
};

struct RulesInput {
  const lang::Node* sources = nullptr;
  const lang::Node* targets = nullptr;
  const lang::Node* workflows = nullptr;
  std::vector<std::string> clusters;
  std::vector<engine::Team> teams;
  Calendars calendars;
  std::shared_ptr<const std::string> data;  // JSON object of tables by name
  std::string public_url, admin_url;        // URLs of the listeners from outside; "": not configured
  std::string revision;
  // Parts with errors that are already reported, such as "targets/jira"; "targets/*": all targets. Nothing
  // more is reported about them.
  std::set<std::string, std::less<>> unread;
  std::shared_ptr<const connector::Proxies> proxies;  // from the environment; null: none
};

// More events than this within that time are a storm (contract 14).
struct Storm {
  std::size_t events = 0;
  Duration within{};
};

// The hooks of the source `postlude`, which reports our own events.
const std::vector<std::string>& own_hooks();

class Rules {
 public:
  // Builds rules for use. nullptr if `problems` has an error.
  static std::shared_ptr<const Rules> build(const RulesInput& input,
                                            std::shared_ptr<const connector::Catalogue> catalogue,
                                            lang::Problems& problems);
  // As build(), but returns what could be read despite errors, so that `check` can find more.
  static std::shared_ptr<const Rules> read(const RulesInput& input,
                                           std::shared_ptr<const connector::Catalogue> catalogue,
                                           lang::Problems& problems);

  const intake::Sources& sources() const { return sources_; }
  const std::vector<connector::Target>& targets() const { return targets_; }
  const connector::Target* target(std::string_view name) const;  // nullptr: no longer configured
  const std::vector<std::shared_ptr<const BoundWorkflow>>& workflows() const { return workflows_; }
  // All workflows, including unusable ones, which exist only after read().
  const std::vector<std::shared_ptr<const BoundWorkflow>>& written() const { return written_; }
  const std::string& revision() const { return revision_; }
  const std::vector<engine::Team>& teams() const { return teams_; }
  const Storm* storm(std::string_view source) const;  // nullptr: none is defined
  const std::string& public_url() const { return public_url_; }
  const std::string& admin_url() const { return admin_url_; }
  // JSON {"data": tables, "calendars": …} that runs keep; null if there is neither.
  const std::shared_ptr<const std::string>& data() const { return data_; }
  std::vector<lang::Expression> expressions() const;
  // The hooks of our own source that have workflows.
  std::set<std::string, std::less<>> told() const;

  // Binds the workflow text of a run to today's targets and connectors. A step that cannot be bound is
  // `unusable`: it fails when its turn comes; the other steps go on.
  Result<std::shared_ptr<const BoundWorkflow>> bind_pinned(std::string_view name,
                                                           const std::string& pinned) const;

 private:
  std::shared_ptr<const BoundWorkflow> bind(std::shared_ptr<const engine::Workflow> workflow,
                                            lang::Problems& problems) const;
  void check_sources(const lang::Node& name, const engine::Workflow& workflow,
                     lang::Problems& problems) const;
  void check_waiting(const BoundStep& step, lang::Problems& problems) const;
  bool bind_step(BoundStep& step, lang::Problems& problems) const;
  bool bind_action(BoundStep& step, lang::Problems& problems) const;
  void bind_teams(BoundStep& step, lang::Problems& problems) const;
  void check_calendars(const BoundWorkflow& bound, const RulesInput& input, lang::Problems& problems) const;
  void check_links(const BoundStep& step, lang::Problems& problems) const;

  intake::Sources sources_;
  std::vector<connector::Target> targets_;
  std::shared_ptr<const connector::Catalogue> catalogue_;
  std::vector<std::shared_ptr<const connector::Action>> own_actions_;  // of connectors in folders
  std::vector<std::shared_ptr<const BoundWorkflow>> workflows_;
  std::vector<std::shared_ptr<const BoundWorkflow>> written_;
  std::set<std::string, std::less<>> unread_;
  std::vector<engine::Team> teams_;
  std::map<std::string, Storm, std::less<>> storms_;
  std::shared_ptr<const std::string> data_;
  std::string public_url_, admin_url_;
  std::string revision_;
};

}  // namespace postlude::pipeline
