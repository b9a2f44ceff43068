#include "engine/workflow.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include "base/check.h"
#include "base/text.h"
#include "engine/built_in.h"

namespace postlude::engine {

namespace {

using lang::Node;
using lang::Problems;

// A duration the schema has checked already.
Duration duration_of(const Node& node, std::string_view key, Duration otherwise) {
  const Node* at = node.find(key);
  if (at == nullptr || !at->is_scalar()) return otherwise;
  const auto parsed = parse_duration(at->scalar);
  return parsed ? *parsed : otherwise;
}

// Of a limit: none at all is meant otherwise, and nothing would ever be within it.
void refuse_zero(const Node& node, std::string_view key, Problems& problems) {
  const Node* at = node.find(key);
  if (at != nullptr && duration_of(node, key, Duration(1)) == Duration(0))
    problems.push_back(
        {at->place, "'" + std::string(key) + "' is " + at->scalar + ", within which nothing can be done"});
}

RetryPolicy retry_of(const Node* node) {
  RetryPolicy policy;
  if (node == nullptr) return policy;
  policy.attempts =
      static_cast<std::uint32_t>(std::strtoul(std::string(node->text("attempts")).c_str(), nullptr, 10));
  policy.within = duration_of(*node, "for", policy.within);
  if (const Node* b = node->find("backoff")) {
    policy.initial = duration_of(*b, "initial", policy.initial);
    policy.max = duration_of(*b, "max", policy.max);
    const std::string factor(b->text("factor"));
    if (!factor.empty()) policy.factor = std::strtod(factor.c_str(), nullptr);
  }
  return policy;
}

// Without `hook` it is each source's default hook: Flagger's post-rollout. Our own events have none, and any
// of them is meant; a list that names us beside others is two patterns.
void read_pattern(const Node& node, std::vector<Pattern>& into) {
  const auto globs_of = [](const Node& value) {
    std::vector<std::string> globs;
    if (value.is_list()) {
      for (const Node& item : value.items)
        globs.push_back(item.scalar);
    } else {
      globs.push_back(value.scalar);
    }
    return globs;
  };
  Pattern pattern;
  std::vector<std::string> sources;
  for (const auto& [key, value] : node.members) {
    if (key.scalar == "metadata") {
      for (const auto& [name, globs] : value.members)
        pattern.fields.emplace_back("metadata." + name.scalar, globs_of(globs));
      continue;
    }
    if (key.scalar == "source") sources = globs_of(value);
    pattern.fields.emplace_back(key.scalar, globs_of(value));
  }
  const auto own = std::find(sources.begin(), sources.end(), "postlude");
  if (node.find("hook") != nullptr || (own != sources.end() && sources.size() == 1)) {
    into.push_back(std::move(pattern));
    return;
  }
  const auto add = [&](Pattern one, std::vector<std::string> of) {
    for (auto& [field, globs] : one.fields) {
      if (field == "source") globs = std::move(of);
    }
    into.push_back(std::move(one));
  };
  Pattern others = pattern;
  others.fields.push_back({"hook", {"post-rollout"}});
  if (own == sources.end()) {
    into.push_back(std::move(others));
    return;
  }
  sources.erase(std::remove(sources.begin(), sources.end(), "postlude"), sources.end());
  add(std::move(others), std::move(sources));
  add(std::move(pattern), {"postlude"});
}

constexpr std::array<std::string_view, 3> kLaterBuiltIns{"gate/open", "gate/close", "gate/rollback"};

bool read_uses(const Node& node, StepDefinition& step, Problems& problems) {
  const Node* uses = node.find("uses");
  if (uses == nullptr || !uses->is_scalar() || uses->scalar.empty()) return false;  // the schema has said so
  step.uses = uses->scalar;
  for (const std::string_view later : kLaterBuiltIns) {
    if (step.uses == later) {
      problems.push_back(
          {uses->place, "'" + step.uses + "' is not built yet in this version of Postlude: remove the step"});
      return false;
    }
  }
  step.built_in = built_in_named(step.uses);
  if (step.built_in != BuiltIn::kNone) {
    step.action = step.uses;
    return true;
  }
  const std::size_t slash = step.uses.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == step.uses.size()) {
    const std::string near = nearest(step.uses, built_in_names());
    problems.push_back(
        {uses->place, "'" + step.uses + "' is not an action; " +
                          (near.empty() ? "write TARGET/ACTION, say jira/release-version, or one of " +
                                              join(built_in_names(), ", ")
                                        : "did you mean '" + near + "'?")});
    return false;
  }
  step.target = step.uses.substr(0, slash);
  step.action = step.uses.substr(slash + 1);
  return true;
}

void check_names(const lang::Template& tmpl, lang::Where where, Problems& problems) {
  std::vector<lang::Expression> expressions;
  tmpl.collect(expressions);
  for (const lang::Expression& e : expressions)
    lang::check_names(e, where, problems);
}

// Whether the word stands in it, in whatever way: `.item`, `$item`, `. as $c | $c.item`. Asking each element
// what could have been asked once is no harm.
bool names(std::string_view text, std::string_view word) {
  const auto part_of_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !part_of_name(text[at - 1])) && (end == text.size() || !part_of_name(text[end])))
      return true;
  }
  return false;
}

void read_condition(const Node& node, StepDefinition& step, Problems& problems) {
  step.condition = lang::read_bare(node, problems);
  if (!step.condition) return;
  lang::check_names(*step.condition, lang::Where::kStep, problems);
  step.after_failure = lang::calls(*step.condition, "failure") || lang::calls(*step.condition, "always");
  step.condition_per_item = names(step.condition->text, "item");
}

void read_for_each(const Node& node, StepDefinition& step, Problems& problems) {
  if (node.is_list()) {
    step.for_each = lang::Template::read(node, nullptr, problems);
  } else if (auto list = lang::read_bare(node, problems)) {
    step.for_each = lang::Template::of(std::move(*list));
  }
  if (step.for_each) check_names(*step.for_each, lang::Where::kStep, problems);
}

// More often is no waiting: each look is a claim, a request and two commits.
constexpr Duration kEveryMin = std::chrono::seconds(1);

void read_waiting(const Node& node, StepDefinition& step, Problems& problems) {
  for (const auto& [key, value] : node.members) {
    if (key.scalar == "wait" || key.scalar == "expect") step.waiting_keys.emplace_back(key.scalar, key.place);
  }
  step.any_result = node.text("expect") == "any";
  const Node* wait = node.find("wait");
  if (wait == nullptr) return;
  for (const std::string_view key : {"timeout", "every"}) {
    const Node* at = wait->find(key);
    if (at == nullptr) continue;
    const Duration given = duration_of(*wait, key, kEveryMin);
    if (given < kEveryMin) {
      problems.push_back({at->place, "'" + std::string(key) + "' is at least " + to_text(kEveryMin) +
                                         ", not " + at->scalar});
    }
    if (key == "timeout") {
      step.wait.timeout = given;
    } else {
      step.wait.every = given;
    }
  }
}

// They are about requests to a target. On a built-in they would be passed over in silence, and `timeout` is
// easily meant otherwise.
void refuse_keys_of_actions(const Node& node, const StepDefinition& step, Problems& problems) {
  for (const auto& [key, value] : node.members) {
    const bool time = key.scalar == "timeout";
    if (!time && key.scalar != "retry" && key.scalar != "onUnclear") continue;
    const bool has_own = step.built_in == BuiltIn::kApproval || step.built_in == BuiltIn::kCallback;
    problems.push_back(
        {key.place,
         "'" + key.scalar + "' of a step is about requests to a target, and " + step.uses + " makes none" +
             (time && has_own ? "; how long it waits is `with: {timeout: " + value.scalar + "}`" : "")});
  }
}

StepDefinition read_step(const Node& node, StepList list, Problems& problems) {
  StepDefinition step;
  step.place = node.place;
  step.list = list;
  const bool usable = read_uses(node, step, problems);
  step.name = node.text("id");
  step.title = node.text("name");
  if (step.title.empty()) step.title = step.name.empty() ? step.uses : step.name;
  if (const Node* condition = node.find("if")) read_condition(*condition, step, problems);
  if (const Node* each = node.find("forEach")) read_for_each(*each, step, problems);
  if (const Node* key = node.find("key")) {
    step.key = lang::Template::read_text(*key, problems);
    check_names(*step.key, lang::Where::kStep, problems);
    if (step.built_in != BuiltIn::kNone)
      problems.push_back(
          {key->place, "'key' belongs to a target's action; " + step.uses + " has no effect outside"});
  }
  step.continues = node.text("continueOnError") == "true";
  step.retry = retry_of(node.find("retry"));
  refuse_zero(node, "timeout", problems);
  if (node.find("timeout") != nullptr) step.timeout = duration_of(node, "timeout", Duration(0));
  step.on_unclear = on_unclear_named(node.text("onUnclear"));
  if (usable && step.built_in != BuiltIn::kNone && step.built_in != BuiltIn::kTeamNotify)
    refuse_keys_of_actions(node, step, problems);
  read_waiting(node, step, problems);
  if (const Node* with = node.find("with")) step.with = *with;
  if (usable && step.built_in != BuiltIn::kNone) check_built_in(step, problems);
  return step;
}

bool waits(BuiltIn built_in) {
  return built_in == BuiltIn::kWait || built_in == BuiltIn::kApproval || built_in == BuiltIn::kCallback;
}

// The steps of one list, each with the index of its announcement's node.
class ListReader {
 public:
  ListReader(Workflow& workflow, Problems& problems) : workflow_(workflow), problems_(problems) {}

  void read(const Node* list, StepList kind, bool dag) {
    if (list == nullptr) return;
    const std::size_t first = workflow_.steps.size();
    std::vector<const Node*> nodes;
    for (const Node& item : list->items) {
      workflow_.steps.push_back(read_step(item, kind, problems_));
      nodes.push_back(&item);
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto index = static_cast<std::uint32_t>(first + i);
      if (const Node* announce = nodes[i]->find("announce")) announcements_.emplace_back(index, announce);
      if (dag) {
        read_needs(index, first, nodes[i]->find("needs"));
      } else if (i > 0) {
        workflow_.steps[index].needs = {index - 1};
      }
    }
  }

  // After the last list: they stand behind all steps.
  void read_announcements() {
    for (const auto& [of, node] : announcements_) {
      const StepDefinition& announced = workflow_.steps[of];
      if (announced.action.empty()) continue;  // nobody knows whether it waits
      if (!waits(announced.built_in)) {
        problems_.push_back(
            {node->place, "'announce' belongs to wait, approval and callback, not to " + announced.uses});
        continue;
      }
      StepDefinition step = read_step(*node, announced.list, problems_);
      if (waits(step.built_in)) {
        problems_.push_back({node->place, "an announcement cannot wait itself"});
        continue;
      }
      step.announces = of;
      step.continues = true;
      workflow_.steps.push_back(std::move(step));
    }
  }

 private:
  void read_needs(std::uint32_t index, std::size_t first, const Node* node) {
    if (node == nullptr) return;
    std::vector<Node> names = node->is_list() ? node->items : std::vector<Node>{*node};
    std::vector<std::string> known;
    for (std::size_t i = first; i < workflow_.steps.size(); ++i) {
      if (i != index && !workflow_.steps[i].name.empty()) known.push_back(workflow_.steps[i].name);
    }
    for (const Node& name : names) {
      const auto at =
          std::find_if(workflow_.steps.begin() + static_cast<std::ptrdiff_t>(first), workflow_.steps.end(),
                       [&](const StepDefinition& s) { return s.name == name.scalar; });
      if (at == workflow_.steps.end()) {
        const std::string near = nearest(name.scalar, known);
        problems_.push_back({name.place, "needs '" + name.scalar + "', but no step of this list has that id" +
                                             (near.empty() ? "" : "; did you mean '" + near + "'?")});
        continue;
      }
      workflow_.steps[index].needs.push_back(static_cast<std::uint32_t>(at - workflow_.steps.begin()));
    }
  }

  Workflow& workflow_;
  Problems& problems_;
  std::vector<std::pair<std::uint32_t, const Node*>> announcements_;
};

bool has_needs(const Node* list) {
  return list != nullptr && std::any_of(list->items.begin(), list->items.end(),
                                        [](const Node& step) { return step.find("needs") != nullptr; });
}

// All that a step comes after, by index.
void collect_ancestors(const std::vector<StepDefinition>& steps, std::uint32_t of,
                       std::set<std::uint32_t>& into) {
  for (const std::uint32_t need : steps[of].needs) {
    if (into.insert(need).second) collect_ancestors(steps, need, into);
  }
}

void refuse_circles(const std::vector<StepDefinition>& steps, Problems& problems) {
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    std::set<std::uint32_t> ancestors;
    collect_ancestors(steps, i, ancestors);
    if (!ancestors.contains(i)) continue;
    problems.push_back(
        {steps[i].place, "'" + steps[i].name + "' needs itself through the steps that it needs"});
    return;  // one of the circle is enough
  }
}

// Ids are unique, and so are the parts of the keys made of them.
void name_steps(std::vector<StepDefinition>& steps, Problems& problems) {
  std::map<std::string, int> ordinals;
  std::map<std::string, lang::Place> seen;
  for (StepDefinition& step : steps) {
    if (step.name.empty()) {
      step.key_part = step.uses + "#" + std::to_string(++ordinals[step.uses]);
      continue;
    }
    step.key_part = step.name;
    const auto [at, fresh] = seen.emplace(step.name, step.place);
    if (!fresh) {
      problems.push_back({step.place, "two steps have the id '" + step.name + "'; the first is at line " +
                                          std::to_string(at->second.line)});
    }
  }
}

}  // namespace

std::shared_ptr<const Workflow> Workflow::read(std::string_view name, const Node& node, Problems& problems) {
  const std::size_t before = problems.size();
  auto workflow = read_in_part(name, node, problems);
  for (std::size_t i = before; i < problems.size(); ++i) {
    if (!problems[i].warning) return nullptr;
  }
  return workflow;
}

std::shared_ptr<const Workflow> Workflow::read_in_part(std::string_view name, const Node& node,
                                                       Problems& problems) {
  auto workflow = std::make_shared<Workflow>();
  workflow->name = name;
  const std::string_view mode = node.text("mode");
  workflow->mode = mode == "off" ? Mode::kOff : mode == "shadow" ? Mode::kShadow : Mode::kLive;
  if (const Node* on = node.find("on")) {
    if (on->is_list()) {
      for (const Node& item : on->items)
        read_pattern(item, workflow->on);
    } else {
      read_pattern(*on, workflow->on);
    }
  }
  if (const Node* condition = node.find("if")) {
    workflow->condition = lang::read_bare(*condition, problems);
    if (workflow->condition) lang::check_names(*workflow->condition, lang::Where::kWorkflow, problems);
  }
  if (const Node* concurrency = node.find("concurrency")) {
    const std::string_view policy = concurrency->text("policy");
    workflow->policy = policy == "replace"    ? Policy::kReplace
                       : policy == "parallel" ? Policy::kParallel
                                              : Policy::kQueue;
    if (const Node* key = concurrency->find("key")) {
      workflow->queue_key = lang::read_bare(*key, problems);
      if (workflow->queue_key) lang::check_names(*workflow->queue_key, lang::Where::kWorkflow, problems);
    }
  }
  refuse_zero(node, "maxAge", problems);
  refuse_zero(node, "timeout", problems);
  workflow->max_age = duration_of(node, "maxAge", workflow->max_age);
  workflow->timeout = duration_of(node, "timeout", workflow->timeout);
  if (const Node* vars = node.find("vars")) {
    for (const auto& [key, value] : vars->members) {
      lang::Template tmpl = lang::Template::read(value, nullptr, problems);
      check_names(tmpl, lang::Where::kWorkflow, problems);
      workflow->vars.emplace_back(key.scalar, std::move(tmpl));
    }
  }
  const Node* steps = node.find("steps");
  const Node* on_failure = node.find("onFailure");
  const Node* finally = node.find("finally");
  const bool dag = has_needs(steps) || has_needs(on_failure) || has_needs(finally);
  workflow->graph = dag;
  ListReader lists(*workflow, problems);
  lists.read(steps, StepList::kSteps, dag);
  lists.read(on_failure, StepList::kOnFailure, dag);
  lists.read(finally, StepList::kFinally, dag);
  lists.read_announcements();
  refuse_circles(workflow->steps, problems);
  name_steps(workflow->steps, problems);
  workflow->pinned = lang::pin(node);
  return workflow;
}

Result<std::shared_ptr<const Workflow>> Workflow::parse(std::string_view name, std::string_view pinned) {
  TRY(const Node node, lang::parse_pinned(pinned));
  Problems problems;
  auto workflow = read(name, node, problems);
  if (workflow == nullptr) return Error(Code::kInvalid, lang::to_text(problems.front()));
  return workflow;
}

std::string Workflow::mismatch(const Facts& facts) const {
  std::string why;
  for (std::size_t i = 0; i < on.size(); ++i) {
    const std::string reason = postlude::mismatch(on[i], facts);
    if (reason.empty()) return "";
    if (!why.empty()) why += "; ";
    if (on.size() > 1) why += "on[" + std::to_string(i) + "]: ";
    why += reason;
  }
  return why.empty() ? "it has no `on`" : why;
}

std::vector<Step> Workflow::step_rows() const {
  std::vector<Step> rows;
  rows.reserve(steps.size());
  for (const StepDefinition& definition : steps) {
    Step row;
    row.index = static_cast<std::uint32_t>(rows.size());
    row.definition = row.index;
    row.list = definition.list;
    row.needs = definition.needs;
    row.announces = definition.announces;
    row.part = definition.key_part;
    row.continues = definition.continues;
    row.name = definition.name;
    row.title = definition.title;
    row.target = definition.target;
    row.uses = definition.uses;
    row.after_failure = definition.after_failure;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> Workflow::earlier(std::uint32_t step) const {
  const std::uint32_t of = steps[step].announces.value_or(step);
  std::set<std::uint32_t> before;
  collect_ancestors(steps, of, before);
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    if (steps[i].list < steps[of].list) before.insert(i);
  }
  std::vector<std::string> names;
  for (const std::uint32_t i : before) {
    if (!steps[i].name.empty() && !steps[i].announces) names.push_back(steps[i].name);
  }
  return names;
}

}  // namespace postlude::engine
