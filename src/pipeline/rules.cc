#include "pipeline/rules.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "connector/written.h"

namespace postlude::pipeline {

namespace {

bool errors_since(const lang::Problems& problems, std::size_t before) {
  return std::any_of(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(),
                     [](const lang::Problem& p) { return !p.warning; });
}

void append(std::vector<lang::Expression>& into, const std::vector<lang::Expression>& more) {
  into.insert(into.end(), more.begin(), more.end());
}

// The schema has checked them.
std::map<std::string, Storm, std::less<>> read_storms(const lang::Node* sources) {
  std::map<std::string, Storm, std::less<>> out;
  if (sources == nullptr) return out;
  for (const auto& [name, source] : sources->members) {
    const lang::Node* node = source.find("storm");
    if (node == nullptr) continue;
    Storm storm;
    storm.events = std::strtoul(std::string(node->text("events")).c_str(), nullptr, 10);
    const auto within = parse_duration(node->text("within"));
    if (!within || storm.events == 0) continue;
    storm.within = *within;
    out.emplace(name.scalar, storm);
  }
  return out;
}

// The connectors that later versions have.
const std::vector<std::string>& later_connectors() {
  static const std::vector<std::string> kNames{"cdevents"};
  return kNames;
}

// Why there is no such connector, and what there is.
std::string absent(const std::string& name, const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& one : names)
    all += (all.empty() ? "" : ", ") + one;
  const auto& later = later_connectors();
  if (std::find(later.begin(), later.end(), name) != later.end())
    return "is not built yet in this version of Postlude: there is " + all +
           ", and http/request for any HTTP API";
  return "does not exist" + did_you_mean(name, names);
}

// The data that runs are pinned to, besides their text.
std::shared_ptr<const std::string> pinned_data(const RulesInput& input) {
  const bool tables = input.data != nullptr && !input.data->empty() && *input.data != "{}";
  if (!tables && input.calendars.empty()) return nullptr;
  return std::make_shared<const std::string>("{\"data\":" + (tables ? *input.data : std::string("{}")) +
                                             ",\"calendars\":" + json::serialize(to_json(input.calendars)) +
                                             "}");
}

}  // namespace

namespace {

// Of a step itself and, where it is written in the workflow, of its action.
void collect(const BoundStep& step, std::vector<lang::Expression>& own,
             std::vector<lang::Expression>& written) {
  if (step.definition->condition) own.push_back(*step.definition->condition);
  append(own, step.each);
  append(own, step.key);
  append(own, step.leaves);
  if (step.action != nullptr && step.action->written()) append(written, step.action->expressions());
  for (const auto& [team, notify] : step.teams)
    collect(*notify, own, written);
}

void collect_actions(const BoundStep& step, std::vector<const connector::Action*>& seen,
                     std::vector<lang::Expression>& all) {
  for (const auto& [team, notify] : step.teams)
    collect_actions(*notify, seen, all);
  if (step.action == nullptr || step.action->written()) return;
  if (std::find(seen.begin(), seen.end(), step.action.get()) != seen.end()) return;
  seen.push_back(step.action.get());
  append(all, step.action->expressions());
}

}  // namespace

std::vector<lang::Expression> BoundWorkflow::expressions() const {
  std::vector<lang::Expression> all;
  if (workflow->condition) all.push_back(*workflow->condition);
  if (workflow->queue_key) all.push_back(*workflow->queue_key);
  append(all, vars);
  std::vector<lang::Expression> written;
  for (const BoundStep& step : steps)
    collect(step, all, written);
  append(all, written);
  return all;
}

std::vector<Step> BoundWorkflow::step_rows(std::string_view team) const {
  std::vector<Step> rows = workflow->step_rows();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto notify = steps[i].teams.find(team);
    if (notify != steps[i].teams.end()) rows[i].target = notify->second->target;
  }
  return rows;
}

std::vector<lang::Expression> Rules::expressions() const {
  std::vector<lang::Expression> all;
  std::vector<const connector::Action*> seen;
  for (const auto& workflow : written_) {
    append(all, workflow->expressions());
    for (const BoundStep& step : workflow->steps)
      collect_actions(step, seen, all);
  }
  // Checks actions that no step uses as well, for authors of connectors.
  for (const auto& action : own_actions_) {
    if (std::find(seen.begin(), seen.end(), action.get()) == seen.end()) append(all, action->expressions());
  }
  return all;
}

const std::vector<std::string>& own_hooks() {
  static const std::vector<std::string> kHooks{"run-failed",      "target-down",  "hook-missed",
                                               "config-rejected", "gate-timeout", "storm"};
  return kHooks;
}

std::set<std::string, std::less<>> Rules::told() const {
  std::set<std::string, std::less<>> hooks;
  for (const auto& bound : workflows_) {
    for (const Pattern& pattern : bound->workflow->on) {
      const auto any = [&](std::string_view field, std::string_view value) {
        for (const auto& [name, globs] : pattern.fields) {
          if (name == field) return globs_match(globs, value);
        }
        return true;
      };
      if (!any("source", "postlude")) continue;
      for (const std::string& hook : own_hooks()) {
        if (any("hook", hook)) hooks.insert(hook);
      }
    }
  }
  return hooks;
}

const Storm* Rules::storm(std::string_view source) const {
  const auto found = storms_.find(source);
  return found == storms_.end() ? nullptr : &found->second;
}

const connector::Target* Rules::target(std::string_view name) const {
  for (const connector::Target& target : targets_) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

std::shared_ptr<const Rules> Rules::build(const RulesInput& input,
                                          std::shared_ptr<const connector::Catalogue> catalogue,
                                          lang::Problems& problems) {
  const std::size_t before = problems.size();
  auto rules = read(input, std::move(catalogue), problems);
  if (errors_since(problems, before)) return nullptr;
  return rules;
}

std::shared_ptr<const Rules> Rules::read(const RulesInput& input,
                                         std::shared_ptr<const connector::Catalogue> catalogue,
                                         lang::Problems& problems) {
  auto rules = std::make_shared<Rules>();
  rules->revision_ = input.revision;
  rules->teams_ = input.teams;
  rules->public_url_ = input.public_url;
  rules->admin_url_ = input.admin_url;
  rules->data_ = pinned_data(input);
  rules->storms_ = read_storms(input.sources);
  rules->catalogue_ = catalogue;
  for (const std::string& name : catalogue->own()) {
    const auto& actions = catalogue->find(name)->actions();
    rules->own_actions_.insert(rules->own_actions_.end(), actions.begin(), actions.end());
  }
  rules->sources_ = intake::Sources::read(input.sources, input.clusters, problems);
  rules->unread_ = input.unread;
  rules->targets_ = connector::read_targets(input.targets, problems);
  for (connector::Target& target : rules->targets_) {
    target.proxies = input.proxies;
    const connector::Connector* found = catalogue->find(target.connector);
    if (found != nullptr) {
      lang::Problems settled;
      found->settle(target, settled);
      // Of what could not be read it is not known that it is missing.
      const std::string in = "targets/" + target.name + "/";
      const bool unread = rules->unread_.contains(in + "url") || rules->unread_.contains(in + "auth");
      if (!unread) problems.insert(problems.end(), settled.begin(), settled.end());
    } else if (!target.connector.empty() && !rules->unread_.contains("connectors/*")) {
      problems.push_back({target.place, "target '" + target.name + "' has the connector '" +
                                            target.connector + "', which " +
                                            absent(target.connector, catalogue->names())});
    }
  }
  for (const connector::Written& one : connector::written_connectors()) {
    if (!one.bare || rules->target(one.name) != nullptr) continue;
    connector::Target target;
    target.name = target.connector = one.name;
    target.proxies = input.proxies;
    rules->targets_.push_back(std::move(target));
  }

  if (input.workflows != nullptr) {
    for (const auto& [key, value] : input.workflows->members) {
      const std::size_t before = problems.size();
      auto workflow = engine::Workflow::read_in_part(key.scalar, value, problems);
      rules->check_sources(key, *workflow, problems);
      auto bound = rules->bind(std::move(workflow), problems);
      rules->check_calendars(*bound, input, problems);
      rules->written_.push_back(bound);
      if (bound->usable && !errors_since(problems, before)) rules->workflows_.push_back(std::move(bound));
    }
  }
  return rules;
}

// A source that does not exist would keep the workflow from ever running, in silence.
void Rules::check_sources(const lang::Node& name, const engine::Workflow& workflow,
                          lang::Problems& problems) const {
  std::vector<std::string> names;
  for (const auto& source : sources_.list())
    names.push_back(source->name());
  names.emplace_back("postlude");  // our own events
  for (const std::string& one : unread_) {
    if (one == "sources/*") return;
    if (one.starts_with("sources/")) names.push_back(one.substr(std::string_view("sources/").size()));
  }
  for (const Pattern& pattern : workflow.on) {
    for (const auto& [field, globs] : pattern.fields) {
      if (field != "source") continue;
      for (const std::string& written : globs) {
        const std::string glob = written.starts_with('!') ? written.substr(1) : written;
        if (std::any_of(names.begin(), names.end(),
                        [&](const std::string& n) { return glob_match(glob, n); }))
          continue;
        problems.push_back({name.place, "the workflow '" + workflow.name + "' is on the source '" + glob +
                                            "', which does not exist" + did_you_mean(glob, names)});
      }
    }
  }
}

Result<std::shared_ptr<const BoundWorkflow>> Rules::bind_pinned(std::string_view name,
                                                                const std::string& pinned) const {
  for (const auto& current : workflows_) {
    if (current->workflow->name == name && current->workflow->pinned == pinned) return current;
  }
  TRY(auto workflow, engine::Workflow::parse(name, pinned));
  lang::Problems problems;
  return bind(std::move(workflow), problems);
}

}  // namespace postlude::pipeline
