// Resolves the names in a workflow: targets, actions, teams; and reports what cannot work.

#include <algorithm>

#include "base/text.h"
#include "connector/written.h"
#include "engine/built_in.h"
#include "pipeline/rules.h"

namespace postlude::pipeline {

namespace {

using engine::BuiltIn;

constexpr const char* kWaitInstead =
    ". To wait for a job: a `callback` step, or an action that waits (`connectors show` says which do)";

bool errors_since(const lang::Problems& problems, std::size_t before) {
  return std::any_of(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(),
                     [](const lang::Problem& p) { return !p.warning; });
}

std::string first_error_since(const lang::Problems& problems, std::size_t before) {
  for (std::size_t i = before; i < problems.size(); ++i) {
    if (!problems[i].warning) return lang::to_text(problems[i]);
  }
  return "it cannot be used";
}

std::vector<lang::Expression> all_of(const BoundStep& step) {
  std::vector<lang::Expression> all;
  const auto add = [&](const std::vector<lang::Expression>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  if (step.definition->condition) all.push_back(*step.definition->condition);
  add(step.each);
  add(step.key);
  add(step.leaves);
  if (step.action != nullptr && step.action->written()) add(step.action->expressions());
  return all;
}

bool mentions(const std::vector<lang::Expression>& expressions, std::string_view word) {
  return std::any_of(expressions.begin(), expressions.end(),
                     [&](const lang::Expression& e) { return e.text.find(word) != std::string::npos; });
}

// The first step that asks for the URL of a callback by an id that no callback has.
void check_callbacks(const BoundWorkflow& bound, const BoundStep& step, lang::Problems& problems) {
  std::vector<std::string> known;
  for (const engine::StepDefinition& d : bound.workflow->steps) {
    if (d.built_in == BuiltIn::kCallback) known.push_back(d.name);
  }
  for (const lang::Expression& e : all_of(step)) {
    for (const std::string& path : lang::paths_of(e)) {
      constexpr std::string_view kBefore = "run.callbacks.";
      const std::size_t at = path.find(kBefore);
      if (at != 1) continue;
      const std::string rest = path.substr(at + kBefore.size());
      const std::string name = rest.substr(0, rest.find_first_of(".["));
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      problems.push_back({e.place, "`" + path + "`: no callback step has the id '" + name + "'" +
                                       did_you_mean(name, known)});
    }
  }
}

}  // namespace

std::shared_ptr<const BoundWorkflow> Rules::bind(std::shared_ptr<const engine::Workflow> workflow,
                                                 lang::Problems& problems) const {
  auto bound = std::make_shared<BoundWorkflow>();
  bound->workflow = std::move(workflow);
  for (const auto& [name, tmpl] : bound->workflow->vars)
    tmpl.collect(bound->vars);
  for (std::uint32_t i = 0; i < bound->workflow->steps.size(); ++i) {
    const engine::StepDefinition& definition = bound->workflow->steps[i];
    BoundStep step;
    step.definition = &definition;
    if (definition.for_each) definition.for_each->collect(step.each);
    if (definition.key) definition.key->collect(step.key);
    const std::size_t before = problems.size();
    const bool complete = bind_step(step, problems);
    const std::vector<std::string> earlier = bound->workflow->earlier(i);
    for (const lang::Expression& e : all_of(step))
      lang::check_steps(e, earlier, problems,
                        bound->workflow->graph
                            ? "; some step of this workflow has `needs`, so a step comes after "
                              "what its own `needs` names, and after nothing else"
                            : "");
    check_callbacks(*bound, step, problems);
    check_links(step, problems);
    if (!complete || errors_since(problems, before)) {
      bound->usable = false;
      step.unusable = first_error_since(problems, before);
    }
    bound->steps.push_back(std::move(step));
  }
  const auto all = bound->expressions();
  bound->reads_data =
      mentions(all, "data") || mentions(all, "in_window") ||
      std::any_of(bound->steps.begin(), bound->steps.end(), [](const BoundStep& s) {
        return s.definition->built_in == BuiltIn::kWait && s.definition->with.find("calendar") != nullptr;
      });
  return bound;
}

// Today's calendars concern today's workflows alone: a run that was pinned has its own.
void Rules::check_calendars(const BoundWorkflow& bound, const RulesInput& input,
                            lang::Problems& problems) const {
  std::vector<std::string> names;
  for (const auto& [name, calendar] : input.calendars)
    names.push_back(name);
  for (const std::string& name : input.unread) {
    if (name == "calendars/*") return;
    if (name.starts_with("calendars/")) names.push_back(name.substr(std::string_view("calendars/").size()));
  }
  for (const lang::Expression& e : bound.expressions())
    lang::check_calendars(e, names, problems);
  for (const engine::StepDefinition& step : bound.workflow->steps) {
    if (step.built_in != BuiltIn::kWait) continue;
    const lang::Node* calendar = step.with.find("calendar");
    if (calendar == nullptr || calendar->scalar.find("${{") != std::string::npos) continue;
    if (std::find(names.begin(), names.end(), calendar->scalar) != names.end()) continue;
    problems.push_back({calendar->place, "there is no calendar '" + calendar->scalar + "'" +
                                             did_you_mean(calendar->scalar, names)});
  }
}

// A link is worth nothing where nobody has said how the world reaches us.
void Rules::check_links(const BoundStep& step, lang::Problems& problems) const {
  const engine::StepDefinition& definition = *step.definition;
  if (!public_url_.empty()) return;
  const auto all = all_of(step);
  const bool callback = definition.built_in == BuiltIn::kCallback;
  const bool links =
      definition.announces && (mentions(all, "links.approve") || mentions(all, "links.reject"));
  if (!callback && !links) return;
  problems.push_back(
      {definition.place, std::string(callback ? "a callback" : "a link") +
                             " needs `server.publicUrl`, the URL at which the hook listener is reached"});
}

// `wait` and `expect` belong to an action that starts something and waits for it.
void Rules::check_waiting(const BoundStep& step, lang::Problems& problems) const {
  const engine::StepDefinition& definition = *step.definition;
  const bool waits = step.action != nullptr && step.action->waiting() != nullptr;
  if (waits && definition.announces) {
    problems.push_back({definition.place, "an announcement cannot wait itself, and " + definition.uses +
                                              " waits for the job that it starts"});
  }
  if (waits || definition.built_in == BuiltIn::kTeamNotify) return;  // that is each team's own action
  for (const auto& [key, place] : definition.waiting_keys) {
    problems.push_back({place, "'" + key + "' belongs to an action that starts something and " +
                                   "waits for it; " + definition.uses + " does not" + kWaitInstead});
  }
}

bool Rules::bind_step(BoundStep& step, lang::Problems& problems) const {
  const engine::StepDefinition& definition = *step.definition;
  const std::size_t before = problems.size();
  if (definition.built_in == BuiltIn::kTeamNotify) {
    bind_teams(step, problems);
  } else if (definition.built_in != BuiltIn::kNone) {
    step.with = engine::read_built_in(definition, problems);
  } else if (!bind_action(step, problems)) {
    return false;
  }
  if (step.with) {
    step.with->collect(step.leaves);
    for (const lang::Expression& e : step.leaves)
      lang::check_names(e, lang::Where::kStep, problems);
  }
  check_waiting(step, problems);
  if (definition.key && step.action != nullptr && step.action->update() == nullptr) {
    problems.push_back(
        {definition.place, "'key' needs an action that can update the object that it created, and " +
                               definition.uses + " has no `update`"});
  }
  return !errors_since(problems, before);
}

bool Rules::bind_action(BoundStep& step, lang::Problems& problems) const {
  const engine::StepDefinition& definition = *step.definition;
  const lang::Place& place = definition.place;
  const lang::Node* with = definition.with.is_null() ? nullptr : &definition.with;
  if (definition.action.empty()) return false;  // it has no action that could be read
  const connector::Target* found = target(definition.target);
  if (found == nullptr && (unread_.contains("targets/" + definition.target) || unread_.contains("targets/*")))
    return false;
  if (found == nullptr) {
    std::vector<std::string> names;
    for (const connector::Target& t : targets_)
      names.push_back(t.name);
    problems.push_back({place, "the step uses '" + definition.uses + "', but there is no target '" +
                                   definition.target + "'" + did_you_mean(definition.target, names)});
    return false;
  }
  step.target = found->name;
  step.connector = found->connector;
  if (const connector::Written* written = connector::written(found->connector)) {
    const connector::WrittenAction* action = written->find(definition.action);
    if (action == nullptr) {
      problems.push_back({place, "the connector " + found->connector + " has no action '" +
                                     definition.action + "'; it has " + join(written->action_names(), ", ")});
      return false;
    }
    step.action = action->read(with, place, problems);
    return true;
  }
  const connector::Connector* known = catalogue_->find(found->connector);
  if (known == nullptr) return false;  // said of the target
  step.action = known->find(definition.action);
  if (step.action == nullptr) {
    std::vector<std::string> names;
    for (const auto& action : known->actions())
      names.push_back(action->name());
    const std::string what =
        "the connector " + found->connector + " has no action '" + definition.action + "'";
    problems.push_back({place, what + did_you_mean(definition.action, names)});
    return false;
  }
  connector::check_input(*step.action, with, place, problems);
  step.with = lang::Template::read(definition.with, &step.action->input(), problems);
  return true;
}

// team/notify is each team's own step: its `uses`, and its `with` under the step's.
void Rules::bind_teams(BoundStep& step, lang::Problems& problems) const {
  bool any = false;
  for (const engine::Team& team : teams_) {
    if (!team.notify.is_map()) continue;
    any = true;
    auto definition = std::make_shared<engine::StepDefinition>(*step.definition);
    definition->built_in = BuiltIn::kNone;
    definition->uses = team.notify.text("uses");
    const std::size_t slash = definition->uses.find('/');
    if (slash == std::string::npos) {
      problems.push_back(
          {team.notify.place, "'notify' of the team '" + team.name + "' uses no TARGET/ACTION"});
      continue;
    }
    definition->target = definition->uses.substr(0, slash);
    definition->action = definition->uses.substr(slash + 1);
    lang::Node with;
    with.kind = lang::Node::Kind::kMap;
    with.place = step.definition->place;
    if (const lang::Node* own = team.notify.find("with")) with = *own;
    for (const auto& [key, value] : step.definition->with.members) {
      const std::string& name = key.scalar;
      const auto at = std::find_if(with.members.begin(), with.members.end(),
                                   [&name](const auto& m) { return m.first.scalar == name; });
      if (at != with.members.end()) {
        at->second = value;
      } else {
        with.members.emplace_back(key, value);
      }
    }
    definition->with = std::move(with);
    // The definition lives as long as the step that it belongs to.
    struct Owned {
      std::shared_ptr<const engine::StepDefinition> definition;
      BoundStep step;
    };
    auto owned = std::make_shared<Owned>();
    owned->definition = definition;
    owned->step.definition = definition.get();
    if (bind_step(owned->step, problems))
      step.teams.emplace(team.name, std::shared_ptr<const BoundStep>(owned, &owned->step));
  }
  if (!any) {
    problems.push_back(
        {step.definition->place, "team/notify needs a team with `notify`, and no team has one"});
  }
}

}  // namespace postlude::pipeline
