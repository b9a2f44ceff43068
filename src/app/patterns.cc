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

std::vector<Field> fields_of(const Config& config) {
  Words hooks = intake::flagger_hooks();
  hooks.insert(hooks.end(), pipeline::own_hooks().begin(), pipeline::own_hooks().end());
  Words teams;
  for (const engine::Team& team : config.teams)
    teams.push_back(team.name);
  return {{"hook", std::move(hooks), ""},
          {"outcome", {"promoted", "rolledBack", "promotionFailed", "unchanged"}, ""},
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

}  // namespace

std::string instead_of(const std::string& word, const Words& known, std::string_view none) {
  const std::string near = nearest(word, known);
  if (!near.empty()) return "; did you mean '" + near + "'?";
  return "; " + (known.empty() ? std::string(none) : "there is " + join(known, ", "));
}

void check_patterns(const Node& workflow, const Config& config, Problems& problems) {
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
  };
  if (on->is_map()) check(*on);
  for (const Node& pattern : on->items)
    check(pattern);
}

}  // namespace postlude::app
