#include "pipeline/rules.h"

#include <algorithm>

#include "base/text.h"
#include "connector/http.h"

namespace postlude::pipeline {

namespace {

bool errors_since(const lang::Problems& problems, std::size_t before) {
  return std::any_of(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(),
                     [](const lang::Problem& p) { return !p.warning; });
}

void append(std::vector<lang::Expression>& into, const std::vector<lang::Expression>& more) {
  into.insert(into.end(), more.begin(), more.end());
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  const std::string near = nearest(word, names);
  if (!near.empty()) return "; did you mean '" + near + "'?";
  if (names.empty()) return "";
  return "; there is " + join(names, ", ");
}

// `.steps.X` may name only what has been done by then.
bool check_earlier(const BoundStep& step, const std::vector<std::string>& earlier, lang::Problems& problems) {
  const std::size_t before = problems.size();
  std::vector<lang::Expression> all = step.first;
  if (step.connector == "http" && step.action != nullptr) append(all, step.action->expressions());
  for (const lang::Expression& e : all)
    lang::check_steps(e, earlier, problems);
  return problems.size() == before;
}

// `http/request` needs no target where the step gives the whole URL.
connector::Target bare_http_target() {
  connector::Target target;
  target.name = "http";
  target.connector = "http";
  return target;
}

}  // namespace

std::vector<lang::Expression> BoundWorkflow::expressions() const {
  std::vector<lang::Expression> all;
  if (workflow->condition) all.push_back(*workflow->condition);
  append(all, vars);
  for (const BoundStep& step : steps)
    append(all, step.first);
  for (const BoundStep& step : steps) {
    if (step.connector == "http" && step.action != nullptr) append(all, step.action->expressions());
  }
  return all;
}

std::vector<lang::Expression> Rules::expressions() const {
  std::vector<lang::Expression> all;
  std::vector<const connector::Action*> seen;
  for (const auto& workflow : workflows_) {
    append(all, workflow->expressions());
    for (const BoundStep& step : workflow->steps) {
      if (step.action == nullptr || step.connector == "http") continue;
      if (std::find(seen.begin(), seen.end(), step.action.get()) != seen.end()) continue;
      seen.push_back(step.action.get());
      append(all, step.action->expressions());
    }
  }
  return all;
}

const connector::Target* Rules::target(std::string_view name) const {
  for (const connector::Target& target : targets_) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

std::shared_ptr<const Rules> Rules::build(const RulesInput& input, const connector::Catalogue& catalogue,
                                          lang::Problems& problems) {
  const std::size_t before = problems.size();
  auto rules = std::make_shared<Rules>();
  rules->revision_ = input.revision;
  rules->catalogue_ = &catalogue;
  rules->sources_ = intake::Sources::read(input.sources, input.clusters, problems);
  rules->targets_ = connector::read_targets(input.targets, problems);
  for (connector::Target& target : rules->targets_) {
    if (target.connector == "http") continue;
    const connector::Connector* found = catalogue.find(target.connector);
    if (found == nullptr) {
      problems.push_back({target.place, "target '" + target.name + "' has the connector '" +
                                            target.connector + "', which does not exist" +
                                            did_you_mean(target.connector, catalogue.names())});
      continue;
    }
    found->settle(target, problems);
  }
  if (rules->target("http") == nullptr) rules->targets_.push_back(bare_http_target());

  if (input.workflows != nullptr) {
    for (const auto& [key, value] : input.workflows->members) {
      auto workflow = engine::Workflow::read(key.scalar, value, problems);
      if (workflow == nullptr) continue;
      rules->check_sources(key, *workflow, problems);
      if (auto bound = rules->bind(std::move(workflow), problems))
        rules->workflows_.push_back(std::move(bound));
    }
  }
  if (errors_since(problems, before)) return nullptr;
  return rules;
}

// A source that does not exist would keep the workflow from ever running, in silence.
void Rules::check_sources(const lang::Node& name, const engine::Workflow& workflow,
                          lang::Problems& problems) const {
  std::vector<std::string> names;
  for (const auto& source : sources_.list())
    names.push_back(source->name());
  for (const Pattern& pattern : workflow.on) {
    for (const auto& [field, globs] : pattern.fields) {
      if (field != "source") continue;
      for (const std::string& glob : globs) {
        if (std::any_of(names.begin(), names.end(),
                        [&](const std::string& n) { return glob_match(glob, n); }))
          continue;
        problems.push_back({name.place, "the workflow '" + workflow.name + "' is on the source '" + glob +
                                            "', which does not exist" + did_you_mean(glob, names)});
      }
    }
  }
}

std::shared_ptr<const BoundWorkflow> Rules::bind(std::shared_ptr<const engine::Workflow> workflow,
                                                 lang::Problems& problems) const {
  auto bound = std::make_shared<BoundWorkflow>();
  bound->workflow = std::move(workflow);
  for (const auto& [name, tmpl] : bound->workflow->vars)
    tmpl.collect(bound->vars);
  bool usable = true;
  std::vector<std::string> earlier;
  for (const engine::StepDefinition& definition : bound->workflow->steps) {
    BoundStep step;
    step.definition = &definition;
    if (definition.condition) step.first.push_back(*definition.condition);
    usable = bind_step(step, problems) && usable;
    usable = check_earlier(step, earlier, problems) && usable;
    if (!definition.name.empty()) earlier.push_back(definition.name);
    bound->steps.push_back(std::move(step));
  }
  return usable ? bound : nullptr;
}

bool Rules::bind_step(BoundStep& step, lang::Problems& problems) const {
  const engine::StepDefinition& definition = *step.definition;
  const std::size_t before = problems.size();
  const std::vector<std::string> roots{"event", "run", "workflow", "vars", "steps"};
  const lang::Place& place = definition.place;
  if (definition.target.empty()) {  // wait
    step.with = lang::Template::read(definition.with, nullptr, problems);
  } else {
    const connector::Target* found = target(definition.target);
    if (found == nullptr) {
      std::vector<std::string> names;
      for (const connector::Target& t : targets_)
        names.push_back(t.name);
      problems.push_back({place, "the step uses '" + definition.uses + "', but there is no target '" +
                                     definition.target + "'" + did_you_mean(definition.target, names)});
      return false;
    }
    step.connector = found->connector;
    if (found->connector == "http") {
      if (definition.action != "request") {
        problems.push_back(
            {place, "the connector http has no action '" + definition.action + "'; it has request"});
        return false;
      }
      step.action = connector::read_http_request(definition.with.is_null() ? nullptr : &definition.with,
                                                 place, problems);
    } else {
      const connector::Connector* known = catalogue_->find(found->connector);
      step.action = known == nullptr ? nullptr : known->find(definition.action);
      if (step.action == nullptr) {
        std::vector<std::string> names;
        if (known != nullptr) {
          for (const auto& action : known->actions())
            names.push_back(action->name());
        }
        problems.push_back({place, "the connector " + found->connector + " has no action '" +
                                       definition.action + "'" + did_you_mean(definition.action, names)});
        return false;
      }
      connector::check_input(*step.action, definition.with.is_null() ? nullptr : &definition.with, place,
                             problems);
      step.with = lang::Template::read(definition.with, &step.action->input(), problems);
    }
  }
  if (step.with) {
    const std::size_t first = step.first.size();
    step.with->collect(step.first);
    for (std::size_t i = first; i < step.first.size(); ++i)
      lang::check_names(step.first[i], roots, problems);
  }
  return !errors_since(problems, before);
}

Result<std::shared_ptr<const BoundWorkflow>> Rules::bind_pinned(std::string_view name,
                                                                const std::string& pinned) const {
  for (const auto& current : workflows_) {
    if (current->workflow->name == name && current->workflow->pinned == pinned) return current;
  }
  TRY(auto workflow, engine::Workflow::parse(name, pinned));
  lang::Problems problems;
  auto bound = bind(std::move(workflow), problems);
  if (bound == nullptr) {
    return Error(Code::kInvalid,
                 problems.empty() ? "the workflow cannot be used" : lang::to_text(problems.front()));
  }
  return bound;
}

}  // namespace postlude::pipeline
