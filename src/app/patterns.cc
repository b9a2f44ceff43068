#include "app/patterns.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "intake/source.h"
#include "model/pattern.h"
#include "pipeline/rules.h"

namespace postlude::app {

using lang::Node;
using lang::Problems;

namespace {

using Words = std::vector<std::string>;

struct FieldWords {
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

// The first part of the glob that no Kubernetes name can have, or "". A namespace is one label: without dots,
// at most 63 characters.
std::string never_in_a_name(std::string_view glob, bool dots) {
  std::size_t letters = 0;
  char before = '.';  // as at the beginning
  for (std::size_t at = 0; at < glob.size(); ++at) {
    const char c = glob[at];
    const std::size_t end = c == '[' ? glob.find(']', at + 2) : std::string_view::npos;
    const bool any = c == '*' || c == '?' || end != std::string_view::npos;
    if (end != std::string_view::npos) at = end;
    if (c != '*') ++letters;
    const char last = std::exchange(before, any ? '*' : c);
    if (any || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) continue;
    if (c == '-' || (c == '.' && dots)) {
      const bool close = last == '.' || (last == '-' && c == '.');
      if (close && at == 0) return "a '" + std::string(1, c) + "' at its beginning or end";
      if (close) return "'" + std::string{last, c} + "'";
      continue;
    }
    std::size_t size = 1;
    while (at + size < glob.size() && within_character(glob[at + size]))
      ++size;
    return "'" + std::string(glob.substr(at, size)) + "'";
  }
  const std::size_t most = dots ? 253 : 63;
  if (letters > most) return "more than " + std::to_string(most) + " characters";
  if (before == '-' || before == '.') return "a '" + std::string(1, before) + "' at its beginning or end";
  return "";
}

// `Succeeded|Failed`: other tools' way to write several.
std::string as_list(std::string_view glob) {
  return glob.find_first_of("|,") == std::string_view::npos ? ""
                                                            : "; several are written as a list, as in [a, b]";
}

void check_kubernetes_name(std::string_view field, const Node& node, Problems& problems) {
  const bool dots = field == "name";
  const std::string glob = positive(node.scalar);
  const std::string part = never_in_a_name(glob, dots);
  if (glob.empty() || part.empty()) return;
  const std::string small = lower(glob);
  problems.push_back({node.place, "no " + std::string(dots ? "canary" : "namespace") + " matches '" + glob +
                                      "': a name has lower-case letters, digits" +
                                      (dots ? ", '-' and '.', never " : " and '-', never ") + part +
                                      (small != glob && never_in_a_name(small, dots).empty()
                                           ? "; did you mean '" + small + "'?"
                                           : as_list(glob))});
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
    problems.push_back({node.place, "'" + std::string(field) +
                                        "' excludes everything that it includes, so nothing matches"});
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
  if (node.scalar.find("${{") != std::string::npos) return;  // said of every field
  Node glob = node;
  glob.scalar = positive(node.scalar);
  const auto matches = [&](const std::string& word) { return glob_match(glob.scalar, word); };
  if (std::any_of(hooks.begin(), hooks.end(), matches)) return;
  const Words& senders = intake::flagger_hooks();
  const Words& own = pipeline::own_hooks();
  std::string why =
      "no hook of its source matches '" + glob.scalar + "'" + did_you_mean(glob.scalar, hooks, "");
  const auto gate = std::find_if(senders.begin(), senders.end(), matches);
  const auto told = std::find_if(own.begin(), own.end(), matches);
  if (gate != senders.end() && intake::is_gate(*gate)) why = *gate + " is a gate: its calls make no events";
  if (told != own.end() && not_built(*told))
    why = "the event '" + *told + "' is not built yet in this version of Postlude";
  problems.push_back({glob.place, std::move(why)});
}

std::vector<FieldWords> fields_of(const Config& config) {
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
          {"phase", intake::flagger_phases(), "", true}};
}

void check_field(const FieldWords& field, const Node& node, Problems& problems) {
  const std::string glob = positive(node.scalar);
  const auto matches = [&](const std::string& word) { return glob_match(glob, word); };
  // A field is empty if it is unknown for the event, as its cluster may be.
  const bool empty = field.name != "team" && matches("");
  if (empty || std::any_of(field.words.begin(), field.words.end(), matches)) return;
  const bool slip = std::any_of(field.words.begin(), field.words.end(), [&](const std::string& word) {
    return glob_match(lower(glob), lower(word));
  });
  problems.push_back({node.place,
                      "no " + std::string(field.name) + (field.open ? " of Flagger's" : "") + " matches '" +
                          glob + "'" + did_you_mean(glob, field.words, field.none) + as_list(glob) +
                          (field.name == "outcome" ? intake::why_no_other_outcome() : ""),
                      field.open && !slip});
}

bool of_postlude_alone(const Node& pattern) {
  const Node* source = pattern.find("source");
  if (source == nullptr) return false;
  const Words globs = globs_of(*source);
  return !globs.empty() &&
         std::all_of(globs.begin(), globs.end(), [](const std::string& glob) { return glob == "postlude"; });
}

// Expressions are not evaluated here: the glob would be compared as written.
bool refuse_expressions(const Node& node, Problems& problems) {
  const bool here = node.scalar.find("${{") != std::string::npos;
  if (here) {
    problems.push_back(
        {node.place, "a pattern takes globs, not expressions: put conditions into the workflow's `if`"});
  }
  bool found = here;
  for (const Node& item : node.items)
    found = refuse_expressions(item, problems) || found;
  for (const auto& [key, value] : node.members)
    found = refuse_expressions(value, problems) || found;
  return found;
}

// Fields whose values are known, or whose form is, in a pattern of `on` or `accept`.
void check_fields(const Node& pattern, const std::vector<FieldWords>& fields, Problems& problems) {
  const bool own = of_postlude_alone(pattern);  // the names of its events are those of targets, too
  for (const auto& [key, globs] : pattern.members) {
    if (refuse_expressions(globs, problems)) continue;
    if (globs.is_map()) continue;  // metadata: anything may be there
    check_excluded(key.scalar, globs, problems);
    const std::string& name = key.scalar;  // clang 14 has no binding in a lambda
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const FieldWords& f) { return f.name == name; });
    const auto check = [&](const Node& glob) {
      if (field != fields.end()) check_field(*field, glob, problems);
      if (name == "namespace" || (name == "name" && !own)) check_kubernetes_name(name, glob, problems);
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
  const std::string list = as_list(join(globs, ""));
  problems.push_back(
      {phases->place, "a post-rollout call has the phase Succeeded or Failed, and no other: " +
                          (list.empty() ? "for '" + join(globs, ", ") + "' add `hook: event`"
                                        : "'" + join(globs, "', '") + "' is one word" + list)});
}

bool errors_since(const Problems& problems, std::size_t before) {
  return std::any_of(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(),
                     [](const lang::Problem& p) { return !p.warning; });
}

// `ends`: it matches ends of rollouts alone. A phase that none has is more than a word we do not know.
void check_pattern(const Node& pattern, const std::vector<FieldWords>& fields, bool ends,
                   Problems& problems) {
  const std::size_t before = problems.size();
  check_fields(pattern, fields, problems);
  if (!ends || errors_since(problems, before)) return;
  Problems of_end;
  check_phase_of_end(pattern, of_end);
  if (of_end.empty()) return;
  problems.resize(before);
  problems.insert(problems.end(), of_end.begin(), of_end.end());
}

// The hooks whose events the pattern can match.
Words hooks_meant(const Node& pattern) {
  const Node* hook = pattern.find("hook");
  Words hooks = hooks_of(pattern);
  std::erase_if(hooks, [&](const std::string& one) {
    if (hook != nullptr) return !any_glob(hook, one);
    const Words& senders = intake::flagger_hooks();
    return one != kEnd &&
           (std::find(senders.begin(), senders.end(), one) != senders.end() || !of_postlude_alone(pattern));
  });
  return hooks;
}

// Whether events of that hook have the field. A `kind` no event has: only a cluster could tell.
bool tells(std::string_view hook, std::string_view field) {
  const Words& senders = intake::flagger_hooks();
  const bool sent = std::find(senders.begin(), senders.end(), hook) != senders.end();
  if (field == "outcome") return hook == kEnd;
  if (field == "phase") return sent;
  if (field == "source" || field == "hook" || field == "name") return true;
  return sent || hook == "run-failed";
}

// Fields that are empty in each event that the pattern could match.
void check_told(const Node& pattern, Problems& problems) {
  const Words hooks = hooks_meant(pattern);
  if (hooks.empty()) return;  // said of `hook`
  for (const auto& [key, value] : pattern.members) {
    const std::string& field = key.scalar;  // clang 14 has no binding in a lambda
    if (field == "kind") {
      problems.push_back(
          {value.place,
           "no event has a `kind`, so that this pattern matches none: this version of Postlude "
           "does not read the cluster; leave it out (tests may set a release's kind)",
           true});
      continue;
    }
    const bool told =
        std::any_of(hooks.begin(), hooks.end(), [&](const std::string& hook) { return tells(hook, field); });
    if (told || (!value.is_map() && globs_match(globs_of(value), ""))) continue;
    problems.push_back({value.place, "the events of " + join(hooks, ", ") + " have no `" + field +
                                         "`, so that this pattern matches none: leave it out" +
                                         (field == "outcome" ? ", or write `hook: post-rollout`" : "")});
  }
}

// `phase: Failed, outcome: promoted`
void check_phase_and_outcome(const Node& pattern, Problems& problems) {
  const Node* phase = pattern.find("phase");
  const Node* outcome = pattern.find("outcome");
  if (phase == nullptr || outcome == nullptr || globs_match(globs_of(*outcome), "")) return;
  const Words& outcomes = intake::outcomes_told();  // in the order of kEnds
  for (std::size_t i = 0; i < kEnds.size() && i < outcomes.size(); ++i) {
    if (any_glob(phase, kEnds[i]) && any_glob(outcome, outcomes[i])) return;
  }
  problems.push_back(
      {outcome->place,
       "no event has this outcome and this phase: Succeeded is promoted, and Failed is failed"});
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
                                         did_you_mean(name.substr(5), teams, "'teams' has none")});
    }
    return;
  }
  if (config.unread.contains("access/tokens") || config.unread.contains("access/*")) return;
  Words names;
  for (const TokenConfig& token : config.tokens) {
    const bool may = token.role >= Role::kOperator;
    if (may) names.push_back(token.name);
    if (token.name == name && !may) {
      problems.push_back(
          {one.place, "'approvers' names the token '" + name +
                          "', whose role is viewer: an approver needs the role operator or admin"});
    }
    if (token.name == name) return;
  }
  // Without tokens the only one there is acts as `local`, and is nobody's name.
  problems.push_back({one.place,
                      "'approvers' names the token '" + name + "', which does not exist" +
                          did_you_mean(name, names, "'access.tokens' has none for operators"),
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

void check_accept(const Config& config, Problems& problems) {
  std::vector<FieldWords> fields = fields_of(config);
  for (const auto& [name, source] : config.sources.members) {
    const Node* accept = source.find("accept");
    if (accept == nullptr) continue;
    for (const auto& [hook, patterns] : accept->members) {
      const auto check = [&, end = hook.scalar == kEnd](const Node& pattern) {
        check_pattern(pattern, fields, end, problems);
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
  const std::vector<FieldWords> fields = fields_of(config);
  const auto check = [&](const Node& pattern) {
    const std::size_t before = problems.size();
    check_pattern(pattern, fields, only_ends(pattern), problems);
    if (!errors_since(problems, before)) check_told(pattern, problems);
    if (!errors_since(problems, before)) check_phase_and_outcome(pattern, problems);
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
