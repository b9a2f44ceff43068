// Lists the configured workflows and targets with their pauses.

#include <algorithm>

#include "api/answers.h"
#include "api/api.h"
#include "api/views.h"

namespace postlude::api {

namespace {

std::string_view name_of(engine::Workflow::Mode mode) {
  switch (mode) {
    case engine::Workflow::Mode::kLive:
      return "live";
    case engine::Workflow::Mode::kShadow:
      return "shadow";
    case engine::Workflow::Mode::kOff:
      return "off";
  }
  return "";
}

json::array patterns_of(const engine::Workflow& workflow) {
  json::array out;
  for (const Pattern& pattern : workflow.on) {
    json::object one;
    for (const auto& [field, globs] : pattern.fields)
      one[field] = json::array(globs.begin(), globs.end());
    out.push_back(std::move(one));
  }
  return out;
}

const engine::Team* team_named(const pipeline::Rules& rules, std::string_view name) {
  for (const engine::Team& team : rules.teams()) {
    if (team.name == name) return &team;
  }
  return nullptr;
}

}  // namespace

rt::Task<HttpResponse> Api::names(std::string kind, Caller who) {
  AWAIT(const auto pauses, store_.pauses());
  if (!pauses) co_return problem_of(pauses.error());
  // A pause of its own is named before the pause of all, because it can be ended by itself.
  const auto paused_by = [&](std::string_view what, std::string_view name) {
    json::value by = nullptr;
    for (const store::Pause& p : *pauses) {
      if (p.kind == what && p.name == name) return json::value(what);
      if (p.kind == "all") by = "all";
    }
    return by;
  };
  const pipeline::Rules& rules = pipeline_.rules();
  json::array items;
  if (kind == "workflows") {
    for (const auto& bound : rules.workflows()) {
      const engine::Workflow& workflow = *bound->workflow;
      const std::string team = team_of_workflow(rules, workflow.name);
      if (!team.empty() && !who.sees(team)) continue;
      items.push_back(json::object{{"name", workflow.name},
                                   {"team", team.empty() ? json::value(nullptr) : json::value(team)},
                                   {"mode", name_of(workflow.mode)},
                                   {"paused", !paused_by("workflow", workflow.name).is_null()},
                                   {"pausedBy", paused_by("workflow", workflow.name)},
                                   {"on", patterns_of(workflow)},
                                   {"steps", workflow.steps.size()}});
    }
  } else {
    const engine::Team* team = who.team.empty() ? nullptr : team_named(rules, who.team);
    for (const connector::Target& target : rules.targets()) {
      if (!who.team.empty() && (team == nullptr || std::find(team->targets.begin(), team->targets.end(),
                                                             target.name) == team->targets.end()))
        continue;
      const engine::Breaker::State state = pipeline_.breaker(target.name).state(rt::steady_now());
      items.push_back(
          json::object{{"name", target.name},
                       {"connector", target.connector},
                       {"url", target.url.empty() ? json::value(nullptr) : json::value(target.url)},
                       {"paused", !paused_by("target", target.name).is_null()},
                       {"pausedBy", paused_by("target", target.name)},
                       {"breaker", to_text(state)}});
    }
  }
  co_return json_answer(json::object{{"items", std::move(items)}, {"next", nullptr}});
}

}  // namespace postlude::api
