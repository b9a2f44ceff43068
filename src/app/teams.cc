#include "app/teams.h"

#include <algorithm>

#include "app/patterns.h"
#include "base/text.h"
#include "connector/written.h"
#include "lang/schema.h"

namespace postlude::app {

using lang::Node;
using lang::Problems;

namespace {

std::vector<std::string> texts_of(const Node* node) {
  std::vector<std::string> texts;
  if (node == nullptr) return texts;
  if (node->is_scalar()) texts.push_back(node->scalar);
  for (const Node& item : node->items)
    texts.push_back(item.scalar);
  return texts;
}

std::vector<std::string> names_of(const std::vector<engine::Team>& teams) {
  std::vector<std::string> names;
  names.reserve(teams.size());
  for (const engine::Team& team : teams)
    names.push_back(team.name);
  return names;
}

engine::Team read_team(const Node& name, const Node& node) {
  engine::Team team;
  team.name = name.scalar;
  team.place = name.place;
  const Node* match = node.find("match");
  team.namespaces = texts_of(match->find("namespace"));
  team.clusters = texts_of(match->find("cluster"));
  team.targets = texts_of(node.find("targets"));
  if (const Node* notify = node.find("notify")) team.notify = *notify;
  return team;
}

void check_targets(const engine::Team& team, const Node& node, const Config& config, Problems& problems) {
  const Node* list = node.find("targets");
  if (list == nullptr) return;
  std::vector<std::string> known;
  for (const connector::Written& one : connector::written_connectors()) {
    if (one.bare) known.emplace_back(one.name);
  }
  for (const auto& [name, target] : config.targets.members)
    known.push_back(name.scalar);
  for (const Node& item : list->items) {
    if (std::find(known.begin(), known.end(), item.scalar) != known.end()) continue;
    if (config.unread.contains("targets/" + item.scalar) || config.unread.contains("targets/*")) continue;
    problems.push_back({item.place, "the team '" + team.name + "' names the target '" + item.scalar +
                                        "', which 'targets' does not have" +
                                        did_you_mean(item.scalar, known, "")});
  }
}

// Only `workflows`, of what the configuration may say.
json::value schema_of_folder(const json::value& schema, const std::string& team) {
  json::object own = schema.get_object();
  json::object properties;
  for (const char* key : {"workflows", "gates"})
    properties[key] = own["properties"].at(key);
  own["properties"] = std::move(properties);
  own["x-what"] = "the folder of the team '" + team + "'";
  return own;
}

Node text_node(std::string text, const lang::Place& place) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = std::move(text);
  node.place = place;
  return node;
}

// Its name is no glob: see the schema's `name`.
void keep_to_team(Node& pattern, const engine::Team& team, Problems& problems) {
  if (const Node* already = pattern.find("team")) {
    problems.push_back({already->place, "'team' is not allowed here: workflows in the folder of the team '" +
                                            team.name + "' run only on its events"});
    return;
  }
  pattern.kind = Node::Kind::kMap;
  pattern.members.emplace_back(text_node("team", pattern.place), text_node(team.name, pattern.place));
}

// "jira" of jira/comment; "" for what needs no target.
std::string target_of(std::string_view uses) {
  const std::size_t slash = uses.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view target = uses.substr(0, slash);
  const bool built_in =
      uses == "team/notify" || uses == "gate/open" || uses == "gate/close" || uses == "gate/rollback";
  return built_in ? std::string() : std::string(target);
}

void check_use(const engine::Team& team, const Node& step, Problems& problems) {
  const Node* uses = step.find("uses");
  if (uses == nullptr) return;
  const std::string target = target_of(uses->scalar);
  if (!target.empty() && std::find(team.targets.begin(), team.targets.end(), target) == team.targets.end()) {
    problems.push_back({uses->place, "the step uses the target '" + target + "', which the team '" +
                                         team.name + "' may not use" +
                                         did_you_mean(target, team.targets, "its 'targets' names none")});
  }
  if (const Node* announce = step.find("announce")) check_use(team, *announce, problems);
}

}  // namespace

void read_teams(const Node* teams, Config& config, Problems& problems) {
  if (teams != nullptr) {
    for (const auto& [name, node] : teams->members) {
      engine::Team team = read_team(name, node);
      check_targets(team, node, config, problems);
      check_namespaces(*node.find("match")->find("namespace"), problems);
      for (const engine::Team& earlier : config.teams) {
        if (!overlap(earlier, team)) continue;
        problems.push_back({team.place,
                            "the teams '" + earlier.name + "' and '" + team.name +
                                "' match the same namespaces; events in them belong to '" + earlier.name +
                                "', which is first",
                            true});
      }
      if (const Node* folder = node.find("folder")) config.team_folders.emplace_back(team.name, *folder);
      config.teams.push_back(std::move(team));
    }
  }
  const std::vector<std::string> names = names_of(config.teams);
  for (const TokenConfig& token : config.tokens) {
    if (token.team.empty() || std::find(names.begin(), names.end(), token.team) != names.end()) continue;
    if (config.unread.contains("teams/" + token.team) || config.unread.contains("teams/*")) continue;
    problems.push_back({token.place, "the token '" + token.name + "' is for the team '" + token.team +
                                         "', which does not exist" +
                                         did_you_mean(token.team, names, "'teams' has none")});
  }
  check_accept(config, problems);
  for (const auto& [name, workflow] : config.workflows.members)
    check_patterns(workflow, config, problems);
}

void add_team_workflows(const engine::Team& team, const std::vector<ConfigText>& texts,
                        const json::value& schema, Config& config, Problems& problems) {
  std::optional<Node> root = join_texts(texts, problems);
  if (!root || root->is_null()) return;
  if (!take_valid(*root, schema_of_folder(schema, team.name), true, config.unread, problems)) return;
  const Node* workflows = root->find("workflows");
  if (workflows == nullptr) return;
  for (const auto& [name, written] : workflows->members) {
    for (const auto& [known, other] : config.workflows.members) {
      if (known.scalar != name.scalar) continue;
      problems.push_back({name.place, "a workflow '" + name.scalar + "' is also in " + known.place.text() +
                                          ": workflow names must be unique across all folders"});
    }
    Node workflow = written;
    const std::size_t before = problems.size();
    for (auto& [key, value] : workflow.members) {
      if (key.scalar == "on") {
        if (!value.is_list()) keep_to_team(value, team, problems);
        for (Node& item : value.items)
          keep_to_team(item, team, problems);
      } else if (key.scalar == "steps" || key.scalar == "onFailure" || key.scalar == "finally") {
        for (const Node& step : value.items)
          check_use(team, step, problems);
      }
    }
    if (problems.size() == before) check_patterns(workflow, config, problems);
    config.workflows.members.emplace_back(name, std::move(workflow));
  }
}

}  // namespace postlude::app
