#include "app/patterns.h"

#include <algorithm>

#include "base/text.h"
#include "intake/source.h"
#include "pipeline/rules.h"

namespace postlude::app {

using lang::Node;
using lang::Problems;

namespace {

using Words = std::vector<std::string>;

struct Field {
  std::string_view name;
  Words words;
  std::string_view none;  // where there are no words
  bool open = false;      // there may be others
};

bool any_glob(const Node* globs, std::string_view word) {
  if (globs == nullptr) return true;
  if (globs->is_scalar()) return glob_match(globs->scalar, word);
  return std::any_of(globs->items.begin(), globs->items.end(),
                     [&](const Node& glob) { return glob_match(glob.scalar, word); });
}

bool not_built(std::string_view own_hook) {
  return own_hook == "hook-missed" || own_hook == "gate-timeout";
}

// Those that make events of the sources that the pattern is on.
Words hooks_of(const Node& pattern) {
  const Node* source = pattern.find("source");
  Words hooks;
  const auto of_sender = [](const Node& glob) { return glob.is_scalar() && glob.scalar != "postlude"; };
  const bool of_senders = source == nullptr || of_sender(*source) ||
                          std::any_of(source->items.begin(), source->items.end(), of_sender);
  for (const std::string& hook : intake::flagger_hooks()) {
    if (of_senders && !intake::is_gate(hook)) hooks.push_back(hook);
  }
  for (const std::string& hook : pipeline::own_hooks()) {
    if (any_glob(source, "postlude") && !not_built(hook)) hooks.push_back(hook);
  }
  return hooks;
}

void check_hook(const Node& glob, const Words& hooks, Problems& problems) {
  const auto matches = [&](const std::string& word) { return glob_match(glob.scalar, word); };
  if (std::any_of(hooks.begin(), hooks.end(), matches)) return;
  const Words& senders = intake::flagger_hooks();
  const Words& own = pipeline::own_hooks();
  std::string why =
      "no hook of its source matches '" + glob.scalar + "'" + instead_of(glob.scalar, hooks, "");
  const auto gate = std::find_if(senders.begin(), senders.end(), matches);
  const auto told = std::find_if(own.begin(), own.end(), matches);
  if (gate != senders.end() && intake::is_gate(*gate))
    why = *gate + " is a gate: it is answered, and makes no event";
  if (told != own.end() && not_built(*told))
    why = "the event '" + *told + "' is not built yet in this version of Postlude";
  problems.push_back({glob.place, std::move(why)});
}

std::vector<Field> fields_of(const Config& config) {
  Words teams;
  for (const engine::Team& team : config.teams)
    teams.push_back(team.name);
  return {{"outcome", {"promoted", "rolledBack", "promotionFailed", "unchanged"}, ""},
          {"kind", {"first", "forward", "back", "configOnly", "unchanged"}, ""},
          {"cluster", config.clusters, "'clusters' has none"},
          {"team", std::move(teams), "'teams' has none"},
          {"phase",
           {"Initializing", "Initialized", "Waiting", "Progressing", "WaitingPromotion", "Promoting",
            "Finalising", "Succeeded", "Failed", "Terminating", "Terminated"},
           "",
           true}};
}

void check_field(const Field& field, const Node& glob, Problems& problems) {
  const auto matches = [&](const std::string& word) { return glob_match(glob.scalar, word); };
  // Where nothing is known of an event, as of its cluster, the field is empty.
  const bool empty = field.name != "team" && matches("");
  if (empty || std::any_of(field.words.begin(), field.words.end(), matches)) return;
  problems.push_back({glob.place,
                      "no " + std::string(field.name) + (field.open ? " of Flagger's" : "") + " matches '" +
                          glob.scalar + "'" + instead_of(glob.scalar, field.words, field.none),
                      field.open});
}

void check_approver(const Node& one, const Config& config, Problems& problems) {
  const std::string& name = one.scalar;
  if (!one.is_scalar() || name.find("${{") != std::string::npos) return;
  if (name.starts_with("team:")) {
    Words teams;
    for (const engine::Team& team : config.teams)
      teams.push_back(team.name);
    if (std::find(teams.begin(), teams.end(), name.substr(5)) == teams.end()) {
      problems.push_back({one.place, "'approvers' names the team '" + name.substr(5) +
                                         "', which does not exist" +
                                         instead_of(name.substr(5), teams, "'teams' has none")});
    }
    return;
  }
  Words names;
  for (const Token& token : config.tokens) {
    const bool may = token.role >= Role::kOperator;
    if (may) names.push_back(token.name);
    if (token.name == name && !may) {
      problems.push_back({one.place, "'approvers' names the token '" + name +
                                         "', which is a viewer's: to answer takes an operator"});
    }
    if (token.name == name) return;
  }
  // Without tokens the only one there is acts as `local`, and is nobody's name.
  problems.push_back({one.place,
                      "'approvers' names the token '" + name + "', which does not exist" +
                          instead_of(name, names, "'access.tokens' has none for operators"),
                      config.tokens.empty()});
}

void check_approvers(const Node& workflow, const Config& config, Problems& problems) {
  for (const std::string_view list : {"steps", "onFailure", "finally"}) {
    const Node* steps = workflow.find(list);
    if (steps == nullptr) continue;
    for (const Node& step : steps->items) {
      if (step.text("uses") != "approval") continue;
      const Node* with = step.find("with");
      const Node* approvers = with == nullptr ? nullptr : with->find("approvers");
      if (approvers == nullptr) continue;
      check_approver(*approvers, config, problems);
      for (const Node& one : approvers->items)
        check_approver(one, config, problems);
    }
  }
}

}  // namespace

std::string instead_of(const std::string& word, const Words& known, std::string_view none) {
  const std::string near = nearest(word, known);
  if (!near.empty()) return "; did you mean '" + near + "'?";
  return "; " + (known.empty() ? std::string(none) : "there is " + join(known, ", "));
}

void check_patterns(const Node& workflow, const Config& config, Problems& problems) {
  check_approvers(workflow, config, problems);
  const Node* on = workflow.find("on");
  if (on == nullptr) return;
  const std::vector<Field> fields = fields_of(config);
  const auto check = [&](const Node& pattern) {
    for (const Field& field : fields) {
      const Node* globs = pattern.find(field.name);
      if (globs == nullptr) continue;
      if (globs->is_scalar()) check_field(field, *globs, problems);
      for (const Node& glob : globs->items)
        check_field(field, glob, problems);
    }
    const Node* globs = pattern.find("hook");
    if (globs == nullptr) return;
    const Words hooks = hooks_of(pattern);
    if (globs->is_scalar()) check_hook(*globs, hooks, problems);
    for (const Node& glob : globs->items)
      check_hook(glob, hooks, problems);
  };
  if (on->is_map()) check(*on);
  for (const Node& pattern : on->items)
    check(pattern);
}

}  // namespace postlude::app
