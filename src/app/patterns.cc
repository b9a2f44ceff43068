#include "app/patterns.h"

#include <algorithm>

#include "base/text.h"
#include "intake/source.h"
#include "model/pattern.h"
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

Words globs_of(const Node& node) {
  Words globs;
  if (node.is_scalar()) globs.push_back(node.scalar);
  for (const Node& item : node.items)
    globs.push_back(item.scalar);
  return globs;
}

bool any_glob(const Node* globs, std::string_view word) {
  return globs == nullptr || globs_match(globs_of(*globs), word);
}

// `!kube-*` without its mark.
std::string positive(const std::string& glob) {
  return glob.starts_with('!') ? glob.substr(1) : glob;
}

bool literal(std::string_view glob) {
  return glob.find_first_of("*?[\\") == std::string_view::npos;
}

// What no name of Kubernetes has: the first such part of the glob, or "".
std::string never_in_a_name(std::string_view glob) {
  std::size_t letters = 0;
  for (std::size_t at = 0; at < glob.size(); ++at) {
    const char c = glob[at];
    if (c == '*' || c == '?') continue;
    if (c == '[') {
      const std::size_t end = glob.find(']', at + 2);
      if (end == std::string_view::npos) continue;
      at = end;
      continue;
    }
    ++letters;
    const bool may = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (may) continue;
    std::size_t size = 1;
    while (at + size < glob.size() && (static_cast<unsigned char>(glob[at + size]) & 0xC0U) == 0x80U)
      ++size;
    return "'" + std::string(glob.substr(at, size)) + "'";
  }
  constexpr std::size_t kMost = 253;
  if (letters > kMost) return "more than " + std::to_string(kMost) + " characters";
  if (glob.starts_with('-') || glob.ends_with('-')) return "a '-' at its beginning or end";
  return "";
}

void check_kubernetes_name(std::string_view field, const Node& node, Problems& problems) {
  if (node.scalar.find("${{") != std::string::npos) return;
  const std::string glob = positive(node.scalar);
  const std::string part = never_in_a_name(glob);
  if (part.empty()) return;
  const std::string small = lower(glob);
  problems.push_back(
      {node.place,
       "no " + std::string(field == "name" ? "canary" : "namespace") + " matches '" + glob +
           "': a name has lower-case letters, digits, '-' and '.', never " + part +
           (small != glob && never_in_a_name(small).empty() ? "; did you mean '" + small + "'?" : "")});
}

// A list that takes back all that it names.
void check_excluded(std::string_view field, const Node& node, Problems& problems) {
  Words some;
  Words none;
  for (const std::string& glob : globs_of(node))
    (glob.starts_with('!') ? none : some).push_back(positive(glob));
  const auto excluded = [&](const std::string& glob) {
    return std::any_of(none.begin(), none.end(), [&](const std::string& n) {
      return n == "*" || n == glob || (literal(glob) && glob_match(n, glob));
    });
  };
  const bool nothing = some.empty() ? std::find(none.begin(), none.end(), "*") != none.end()
                                    : std::all_of(some.begin(), some.end(), excluded);
  if (!none.empty() && nothing)
    problems.push_back(
        {node.place, "'" + std::string(field) + "' excludes all that it names, so nothing matches"});
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

void check_hook(const Node& node, const Words& hooks, Problems& problems) {
  Node glob = node;
  glob.scalar = positive(node.scalar);
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
  for (const std::string& name : config.unread) {
    if (name.starts_with("teams/")) teams.push_back(name.substr(std::string_view("teams/").size()));
  }
  return {{"outcome", intake::outcomes_told(), ""},
          {"kind", {"first", "forward", "back", "configOnly", "unchanged"}, ""},
          {"cluster", config.clusters, "'clusters' has none"},
          {"team", std::move(teams), "'teams' has none"},
          {"phase",
           {"Initializing", "Initialized", "Waiting", "Progressing", "WaitingPromotion", "Promoting",
            "Finalising", "Succeeded", "Failed", "Terminating", "Terminated"},
           "",
           true}};
}

void check_field(const Field& field, const Node& node, Problems& problems) {
  const std::string glob = positive(node.scalar);
  const auto matches = [&](const std::string& word) { return glob_match(glob, word); };
  // Where nothing is known of an event, as of its cluster, the field is empty.
  const bool empty = field.name != "team" && matches("");
  if (empty || std::any_of(field.words.begin(), field.words.end(), matches)) return;
  const bool slip = std::any_of(field.words.begin(), field.words.end(), [&](const std::string& word) {
    return glob_match(lower(glob), lower(word));
  });
  problems.push_back({node.place,
                      "no " + std::string(field.name) + (field.open ? " of Flagger's" : "") + " matches '" +
                          glob + "'" + instead_of(glob, field.words, field.none) +
                          (field.name == "outcome" ? intake::why_no_other_outcome() : ""),
                      field.open && !slip});
}

// Fields whose values are known, or whose form is, in a pattern of `on` or `accept`.
void check_fields(const Node& pattern, const std::vector<Field>& fields, Problems& problems) {
  for (const auto& [key, globs] : pattern.members) {
    if (globs.is_map()) continue;  // metadata: anything may be there
    check_excluded(key.scalar, globs, problems);
    const std::string& name = key.scalar;  // clang 14 has no binding in a lambda
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
    const auto check = [&](const Node& glob) {
      if (field != fields.end()) check_field(*field, glob, problems);
      if (name == "namespace" || name == "name") check_kubernetes_name(name, glob, problems);
    };
    if (globs.is_scalar()) check(globs);
    for (const Node& glob : globs.items)
      check(glob);
  }
}

// Of the events of `hook` no other phase is accepted.
constexpr std::string_view kEnd = "post-rollout";
const Words kEnds{"Succeeded", "Failed"};

bool only_ends(const Node& pattern) {
  const Node* hook = pattern.find("hook");
  const Node* source = pattern.find("source");
  if (source != nullptr && any_glob(source, "postlude")) return false;
  if (hook == nullptr) return true;
  const Words& hooks = intake::flagger_hooks();
  return std::all_of(hooks.begin(), hooks.end(), [&](const std::string& one) {
    return one == kEnd || intake::is_gate(one) || !any_glob(hook, one);
  });
}

void check_phase_of_end(const Node& pattern, Problems& problems) {
  const Node* phases = pattern.find("phase");
  if (phases == nullptr) return;
  const Words globs = globs_of(*phases);
  if (std::any_of(kEnds.begin(), kEnds.end(), [&](const std::string& p) { return globs_match(globs, p); }))
    return;
  problems.push_back(
      {phases->place, "a post-rollout call has the phase Succeeded or Failed, and no other: for '" +
                          join(globs, ", ") + "' add `hook: event`"});
}

void check_approver(const Node& one, const Config& config, Problems& problems) {
  const std::string& name = one.scalar;
  if (!one.is_scalar() || name.find("${{") != std::string::npos) return;
  if (name.starts_with("team:")) {
    Words teams;
    for (const engine::Team& team : config.teams)
      teams.push_back(team.name);
    const bool unread =
        config.unread.contains("teams/" + name.substr(5)) || config.unread.contains("teams/*");
    if (!unread && std::find(teams.begin(), teams.end(), name.substr(5)) == teams.end()) {
      problems.push_back({one.place, "'approvers' names the team '" + name.substr(5) +
                                         "', which does not exist" +
                                         instead_of(name.substr(5), teams, "'teams' has none")});
    }
    return;
  }
  if (config.unread.contains("access/tokens") || config.unread.contains("access/*")) return;
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

void check_accept(const Config& config, Problems& problems) {
  std::vector<Field> fields = fields_of(config);
  for (const auto& [name, source] : config.sources.members) {
    const Node* accept = source.find("accept");
    if (accept == nullptr) continue;
    for (const auto& [hook, patterns] : accept->members) {
      const auto check = [&, end = hook.scalar == kEnd](const Node& pattern) {
        const std::size_t before = problems.size();
        check_fields(pattern, fields, problems);
        if (end && problems.size() == before) check_phase_of_end(pattern, problems);
      };
      if (patterns.is_map()) check(patterns);
      for (const Node& pattern : patterns.items)
        check(pattern);
    }
  }
}

void check_namespaces(const Node& globs, Problems& problems) {
  check_excluded("namespace", globs, problems);
  if (globs.is_scalar()) check_kubernetes_name("namespace", globs, problems);
  for (const Node& glob : globs.items)
    check_kubernetes_name("namespace", glob, problems);
}

void check_patterns(const Node& workflow, const Config& config, Problems& problems) {
  check_approvers(workflow, config, problems);
  const Node* on = workflow.find("on");
  if (on == nullptr) return;
  const std::vector<Field> fields = fields_of(config);
  const auto check = [&](const Node& pattern) {
    const std::size_t before = problems.size();
    check_fields(pattern, fields, problems);
    if (problems.size() == before && only_ends(pattern)) check_phase_of_end(pattern, problems);
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
