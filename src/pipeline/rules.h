#pragma once
// Rules: one version of the configuration's sources, targets, connectors and workflows, bound together.
// Immutable, hence shared: what is under way keeps the version it began with.

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

// A step with the action that it uses.
struct BoundStep {
  const engine::StepDefinition* definition = nullptr;
  std::shared_ptr<const connector::Action> action;  // nullptr: a built-in
  std::string target;                               // "": a built-in
  std::string connector;
  std::optional<lang::Template> with;    // not for http/request, whose `with` is the action
  std::vector<lang::Expression> leaves;  // of `with`
  std::vector<lang::Expression> each;    // of `forEach`
  std::vector<lang::Expression> key;     // of `key`
  std::string unusable;  // what it names is not in today's configuration, and where it names it; "": all is
  // team/notify: what it is for each team that can be notified.
  std::map<std::string, std::shared_ptr<const BoundStep>, std::less<>> teams;
};

struct BoundWorkflow {
  std::shared_ptr<const engine::Workflow> workflow;
  std::vector<BoundStep> steps;
  std::vector<lang::Expression> vars;  // of all `vars`, in order
  bool usable = true;                  // each step can be carried out
  bool reads_data = false;             // some expression, or a wait, looks at the tables or calendars

  std::vector<lang::Expression> expressions() const;  // all, to be announced and checked
  // The rows of a run for an event of that team.
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
  std::string public_url, admin_url;        // how the world reaches the listeners; "": nobody has said
  std::string revision;
  // "targets/jira": what could not be read, and of which nothing more is to be said; "targets/*": all of
  // them.
  std::set<std::string, std::less<>> unread;
  std::shared_ptr<const connector::Proxies> proxies;  // of the environment; null: none
};

// More events than this within that time are a storm (contract 14).
struct Storm {
  std::size_t events = 0;
  Duration within{};
};

// The hooks of the source `postlude`: our own events.
const std::vector<std::string>& own_hooks();

class Rules {
 public:
  // nullptr when there is an error among `problems`.
  static std::shared_ptr<const Rules> build(const RulesInput& input, const connector::Catalogue& catalogue,
                                            lang::Problems& problems);
  // The same, whatever is wrong: what could be read, for `check`, which goes on to find more.
  static std::shared_ptr<const Rules> read(const RulesInput& input, const connector::Catalogue& catalogue,
                                           lang::Problems& problems);

  const intake::Sources& sources() const { return sources_; }
  const std::vector<connector::Target>& targets() const { return targets_; }
  const connector::Target* target(std::string_view name) const;  // nullptr: no longer configured
  const std::vector<std::shared_ptr<const BoundWorkflow>>& workflows() const { return workflows_; }
  // Those that cannot be used as well: there are such only in what read() made.
  const std::vector<std::shared_ptr<const BoundWorkflow>>& written() const { return written_; }
  const std::string& revision() const { return revision_; }
  const std::vector<engine::Team>& teams() const { return teams_; }
  const Storm* storm(std::string_view source) const;  // nullptr: none is defined
  const std::string& public_url() const { return public_url_; }
  const std::string& admin_url() const { return admin_url_; }
  // JSON {"data": tables, "calendars": …}: what runs are pinned to; null where there is neither.
  const std::shared_ptr<const std::string>& data() const { return data_; }
  std::vector<lang::Expression> expressions() const;
  // The hooks of our own source that workflows are on.
  std::set<std::string, std::less<>> told() const;

  // The workflow a run was pinned to, bound to today's targets and connectors. A step that cannot be is
  // `unusable`: it fails when its turn comes, and the others go on.
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
  const connector::Catalogue* catalogue_ = nullptr;
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
