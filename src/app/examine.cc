#include "app/examine.h"

#include <algorithm>

#include "app/ends.h"
#include "app/targets.h"
#include "base/text.h"
#include "base/time.h"
#include "connector/target.h"
#include "lang/expression.h"
#include "rt/loop.h"

namespace postlude::app {

using engine::BuiltIn;
using engine::StepDefinition;
using lang::Expression;
using lang::Members;
using lang::Node;
using pipeline::BoundStep;

namespace {

using Kind = Members::Kind;

bool has_expression(std::string_view text) {
  return text.find("${{") != std::string_view::npos;
}

// The names of a step's outputs. They are unknown if a callback's caller or a team's own action decides them.
Members outputs_of(const BoundStep& step) {
  const StepDefinition& definition = *step.definition;
  const bool each = definition.for_each.has_value();
  const auto named = [&](std::vector<std::string> names) {
    return Members{each ? Kind::kEach : Kind::kNamed, std::move(names)};
  };
  const Members unknown{each ? Kind::kEachOf : Kind::kAnything, {}};
  if (step.action != nullptr) return named(step.action->output_names());
  if (definition.built_in == BuiltIn::kApproval) return named({"approved", "by", "at", "comment"});
  if (definition.built_in == BuiltIn::kWait || definition.built_in == BuiltIn::kAssert) return named({});
  if (definition.built_in != BuiltIn::kSet) return unknown;
  const Node* values = definition.with.find("values");
  if (values == nullptr || !values->is_map()) return unknown;
  std::vector<std::string> names;
  for (const auto& [key, value] : values->members)
    names.push_back(key.scalar);
  return named(std::move(names));
}

// The members that all elements of a literal list have.
Members elements_of(const json::value& list) {
  Members members{Kind::kNothing, {}};
  if (!list.is_array()) return {};
  for (const json::value& one : list.get_array()) {
    if (one.is_array() || one.is_null()) return {};
    if (!one.is_object()) {
      if (members.kind == Kind::kNamed) return {};
      continue;
    }
    if (members.kind == Kind::kNothing && &one != &list.get_array()[0]) return {};
    members.kind = Kind::kNamed;
    for (const auto& member : one.get_object())
      members.names.emplace_back(member.key());
  }
  return members;
}

class Examining {
 public:
  Examining(const pipeline::Rules& rules, const Config& config, lang::Problems& problems,
            std::set<std::string>& spoken_of)
      : rules_(rules), config_(config), problems_(problems), spoken_of_(spoken_of) {
    for (const auto& [name, table] : config.data.members)
      data_.names.push_back(name.scalar);
    data_.kind = config.unread.contains("data/*") ? Kind::kAnything : Kind::kNamed;
    for (const std::string& name : config.unread) {
      if (name.starts_with("data/")) data_.names.push_back(name.substr(std::string_view("data/").size()));
    }
  }

  void run() {
    for (const connector::Target& target : rules_.targets()) {
      plain_http(target);
      check_target(target, found_);
    }
    for (const auto& [name, target] : config_.targets.members) {
      if (const Node* headers = target.find("headers")) check_headers(*headers, found_);
    }
    flush();
    for (const auto& [name, node] : config_.workflows.members)
      written(node);
    for (const engine::Team& team : config_.teams) {
      if (const Node* with = team.notify.find("with")) sent(*with, {});
    }
    for (const auto& bound : rules_.written())
      workflow(*bound);
  }

 private:
  // Reports one problem per place: problems that follow from it would only hide it.
  void add(const lang::Problem& problem) {
    if (!problem.warning && error_at(problem.place)) return;
    if (said_.insert(lang::to_text(problem)).second) problems_.push_back(problem);
  }
  void warn(const lang::Place& place, std::string message) { add({place, std::move(message), true}); }

  // -- targets

  // A secret that everybody on the way can read.
  void plain_http(const connector::Target& target) {
    if (target.auth.kind == connector::Auth::Kind::kNone || !target.url.starts_with("http://")) return;
    const auto url = connector::parse_url(target.url);
    if (!url) return;
    const std::string& host = url->host;
    const bool name = host.find_first_not_of("0123456789.") != std::string::npos && !host.starts_with("[");
    const bool near = host.starts_with("127.") || host == "localhost" || host == "[::1]" ||
                      host.ends_with(".svc") || host.ends_with(".cluster.local") ||
                      host.ends_with(".localhost") || (name && host.find('.') == std::string::npos);
    if (near) return;
    warn(target.place, "target '" + target.name + "' sends its secret unencrypted to " + host +
                           ", so that others on the network can read it: write https://");
  }

  // -- what is written

  // Text that others take as it is, and that looks as if something were to be done with it.
  void sent(const Node& node, const std::vector<std::string_view>& bare) {
    lang::check_braces(node, found_);
    lang::check_bare_paths(node, bare, found_);
    // Where text is wanted, or credentials stand, that has been said in its line.
    lang::Problems environment;
    lang::check_environment(node, environment);
    for (lang::Problem& problem : environment) {
      if (!error_in_line(problem.place)) found_.push_back(std::move(problem));
    }
    flush();
  }

  bool error_at(const lang::Place& place) const {
    return std::any_of(problems_.begin(), problems_.end(), [&](const lang::Problem& p) {
      return !p.warning && p.place.line == place.line && p.place.column == place.column &&
             p.place.file == place.file;
    });
  }

  bool error_in_line(const lang::Place& place) const {
    return std::any_of(problems_.begin(), problems_.end(), [&](const lang::Problem& p) {
      return !p.warning && p.place.line == place.line && p.place.file == place.file;
    });
  }

  void written(const Node& workflow) {
    if (const Node* vars = workflow.find("vars")) sent(*vars, {});
    for (const char* list : {"steps", "onFailure", "finally"}) {
      const Node* steps = workflow.find(list);
      if (steps == nullptr) continue;
      for (const Node& step : steps->items) {
        written_step(step);
        if (const Node* announce = step.find("announce")) written_step(*announce);
      }
    }
  }

  void written_step(const Node& step) {
    const std::string_view uses = step.text("uses");
    std::vector<std::string_view> bare;
    if (uses == "assert") bare = {"that"};
    if (uses == "wait") bare = {"until"};  // what is no time is said of it
    if (uses.ends_with("/request") || uses.ends_with("/query") || uses.ends_with("/execute"))
      bare = {"success", "retry", "refuse"};
    if (const Node* with = step.find("with")) {
      sent(*with, bare);
      const Node* headers = uses.ends_with("/request") ? with->find("headers") : nullptr;
      if (headers != nullptr) check_headers(*headers, found_);
      flush();
    }
    if (const Node* key = step.find("key")) sent(*key, {});
    const Node* each = step.find("forEach");
    if (each != nullptr && each->is_list()) sent(*each, {});
    const Node* name = step.find("name");
    if (name == nullptr) return;
    lang::Problems bare_name;
    lang::check_bare_paths(*name, {}, bare_name);
    if (has_expression(name->scalar) || !bare_name.empty())
      warn(name->place, "'name' is shown as written: expressions in it are not evaluated");
  }

  // -- workflows

  void workflow(const pipeline::BoundWorkflow& bound) {
    const engine::Workflow& workflow = *bound.workflow;
    Members vars{Kind::kNamed, {}};
    for (const auto& [name, value] : workflow.vars)
      vars.names.push_back(name);
    outputs_.clear();
    for (const BoundStep& step : bound.steps) {
      if (!step.definition->name.empty()) outputs_[step.definition->name] = outputs_of(step);
    }
    vars_ = &vars;
    item_ = nullptr;
    absent_.clear();
    for (const char* later : {"id", "createdAt", "url", "callbacks"}) {
      absent_.push_back(
          {{"run", later},
           "does not exist yet: `if`, `vars` and `concurrency.key` are evaluated before the run exists, "
           "and have only `.run.workflow`"});
    }
    if (workflow.condition) {
      decided(*workflow.condition, "failure",
              "since no step has run yet: put steps for failures into `onFailure`");
      expression(*workflow.condition, true);
    }
    if (workflow.queue_key) expression(*workflow.queue_key, false);
    for (const Expression& e : bound.vars)
      expression(e, false);
    absent_.clear();
    for (std::uint32_t i = 0; i < bound.steps.size(); ++i)
      step(workflow, bound.steps[i], i);
    if (!bound.usable) return;
    if (const Node* node = config_.workflows.find(workflow.name)) check_ends(bound, *node, config_, found_);
    flush();
  }

  // `if: failure` where nothing can have failed, and `if: success` where something has.
  void decided(const Expression& condition, std::string_view word, std::string_view why) {
    if (condition.text == word)
      add({condition.place, "`" + condition.text + "` is never true here, " + std::string(why)});
  }

  void decided_in(const engine::Workflow& workflow, std::uint32_t index) {
    const StepDefinition& step = workflow.steps[index];
    if (!step.condition) return;
    if (step.list == StepList::kOnFailure)
      decided(*step.condition, "success", "since `onFailure` runs only after a failure: leave the `if` out");
    if (step.list == StepList::kSteps && !step.announces && step.needs.empty())
      decided(*step.condition, "failure",
              "since no step comes before this one: put steps for failures into `onFailure`");
  }

  // The names that exist but have no value in that step.
  std::vector<lang::Absent> absent_in(const engine::Workflow& workflow, std::uint32_t index) const {
    const StepDefinition& step = workflow.steps[index];
    const bool spread = step.for_each || (step.announces && workflow.steps[*step.announces].for_each);
    std::vector<lang::Absent> absent;
    if (!spread) absent.push_back({{"item"}, "exists only in a step with `forEach`, and this one has none"});
    if (!step.announces) absent.push_back({{"step"}, "exists only in an announcement (`announce`)"});
    const bool asks = step.condition && lang::calls(*step.condition, "failure");
    if (step.list == StepList::kSteps && !step.after_failure) {
      absent.push_back(
          {{"failure"},
           "exists only in the steps of `onFailure` and `finally`, and in a step whose `if` asks "
           "for `failure`"});
    } else if (step.list != StepList::kOnFailure && !asks) {
      absent.push_back({{"failure"},
                        "is null if no step has failed: write `if: failure`, or add `// \"-\"` after it",
                        true});
    }
    if (workflow.earlier(index).empty())
      absent.push_back({{"steps", ""}, "is empty: no step before this one has an `id`"});
    return absent;
  }

  void step(const engine::Workflow& workflow, const BoundStep& bound, std::uint32_t index) {
    const StepDefinition& definition = *bound.definition;
    absent_ = absent_in(workflow, index);
    decided_in(workflow, index);
    // The list is there before its elements are.
    if (definition.for_each) absent_.push_back({{"item"}, "does not exist in `forEach` itself"});
    const bool notify = definition.built_in == BuiltIn::kTeamNotify;
    for_each(bound);
    const Members item = item_of(definition);
    for (const Expression& e : bound.each)
      expression(e, false);
    if (definition.for_each) absent_.pop_back();
    item_ = definition.announces ? nullptr : &item;
    if (definition.condition) {
      const auto all = absent_;  // a condition may well look at what is null
      std::erase_if(absent_, [](const lang::Absent& one) { return one.warning; });
      expression(*definition.condition, true);
      absent_ = all;
    }
    const std::set<std::string> conditions = conditions_in(definition.with);
    for (const auto* list : {&bound.key, &bound.leaves}) {
      for (const Expression& e : *list)
        expression(e, conditions.contains(e.text));
    }
    if (bound.action != nullptr && bound.action->written()) {
      for (const Expression& e : bound.action->expressions())
        if (e.place.file != bound.action->connector() + "/" + bound.action->name())
          expression(e, conditions.contains(e.text));
    }
    item_ = nullptr;
    for (const auto& [team, own] : bound.teams) {
      for (const Expression& e : own->leaves)
        expression(e, false);
    }
    times(workflow, definition);
    use_of_target(bound);
    for (const auto& [team, own] : bound.teams)
      use_of_target(*own);
    if (!notify && bound.connector == "http") request(bound);
  }

  void use_of_target(const BoundStep& bound) {
    const connector::Target* target = rules_.target(bound.target);
    if (target != nullptr) check_use_of_target(bound, *target, found_);
    flush();
  }

  // Those of `with` that must yield true or false.
  static std::set<std::string> conditions_in(const Node& with) {
    std::set<std::string> out;
    for (const char* key : {"that", "success", "retry", "refuse"}) {
      const Node* node = with.find(key);
      lang::Problems ignored;
      if (node == nullptr) continue;
      if (const auto expression = lang::read_bare(*node, ignored)) out.insert(expression->text);
    }
    return out;
  }

  void flush() {
    for (const lang::Problem& problem : found_)
      add(problem);
    found_.clear();
  }

  void expression(const Expression& e, bool condition) {
    lang::check_mistakes(e, condition, found_);
    lang::check_absent(e, absent_, found_);
    lang::check_members(e, {"vars"}, *vars_, found_);
    lang::check_members(e, {"data"}, data_, found_);
    for (const auto& [name, outputs] : outputs_) {
      lang::check_members(e, {"steps", name, "outputs"}, outputs, found_);
      const Members one{outputs.kind == Kind::kEach ? Kind::kNamed : Kind::kAnything, outputs.names};
      lang::check_members(e, {"steps", name, "items", "", "outputs"}, one, found_);
    }
    if (item_ != nullptr) lang::check_members(e, {"item"}, *item_, found_);
    if (lang::any_error(found_)) spoken_of_.insert(e.text);
    if (!error_in_line(e.place)) lang::check_always_null(e, found_);
    flush();
  }

  // `forEach: 5`
  void for_each(const BoundStep& step) {
    if (step.each.size() != 1 || !step.definition->for_each || step.definition->for_each->literal()) return;
    lang::check_list(step.each[0], found_);
    flush();
  }

  // The members of `.item`, if the list is literal or an output of another step.
  Members item_of(const StepDefinition& step) const {
    if (!step.for_each) return {};
    if (step.for_each->literal()) {
      const auto list = step.for_each->assemble({});
      return list ? elements_of(*list) : Members{};
    }
    std::vector<Expression> asked;
    step.for_each->collect(asked);
    if (asked.size() != 1) return {};
    for (const auto& [name, outputs] : outputs_) {
      for (const char* sigil : {".steps.", "$steps."}) {
        if (asked[0].text == sigil + name + ".items")
          return {Kind::kNamed, {"item", "state", "reason", "outputs"}};
        if (asked[0].text == sigil + name + ".outputs" && outputs.kind == Kind::kEach)
          return {Kind::kNamed, outputs.names};
      }
    }
    return {};
  }

  // -- times

  void times(const engine::Workflow& workflow, const StepDefinition& step) {
    const Duration most = workflow.timeout;
    const auto compare = [&](std::string_view what, std::optional<Duration> given, const lang::Place& place) {
      if (!given || *given <= most) return;
      warn(place, "'" + std::string(what) + "' is " + postlude::to_text(*given) +
                      ", and the run's `timeout` ends it after " + postlude::to_text(most) +
                      ": make the workflow's `timeout` longer");
    };
    compare("wait.timeout", step.wait.timeout, step.place);
    compare("timeout", step.timeout, step.place);
    if (step.retry.within != engine::RetryPolicy{}.within)
      compare("retry.for", step.retry.within, step.place);
    if (step.built_in == BuiltIn::kWait) check_past(step.with.find("until"));
    const char* key = step.built_in == BuiltIn::kWait ? "for" : "timeout";
    // The time of an approval is not the run's: people take theirs.
    if (step.built_in != BuiltIn::kWait && step.built_in != BuiltIn::kCallback) return;
    const Node* node = step.with.find(key);
    if (node == nullptr || !node->is_scalar() || has_expression(node->scalar)) return;
    const auto parsed = parse_duration(node->scalar);
    if (parsed) compare(key, *parsed, node->place);
  }

  void check_past(const Node* until) {
    if (until == nullptr || !until->is_scalar() || has_expression(until->scalar)) return;
    const auto time = parse_rfc3339(until->scalar);
    if (time && *time < rt::now())
      warn(until->place, "'until' is " + until->scalar + ", which is in the past: the step does not wait");
  }

  // -- http/request

  // Whether the URL is written but could not be read; the error is already reported.
  bool url_is_wrong(const connector::Target& target) const {
    if (!target.url.empty()) return false;
    const Node* written = config_.targets.find(target.name);
    return config_.unread.contains("targets/" + target.name + "/url") ||
           (written != nullptr && written->find("url") != nullptr);
  }

  void request(const BoundStep& step) {
    const Node& with = step.definition->with;
    if (const Node* body = with.find("body")) json_in_text(*body);
    const Node* url = with.find("url");
    const connector::Target* target = rules_.target(step.target);
    if (target == nullptr || url_is_wrong(*target)) return;
    const bool anywhere = target->url.empty() && target->auth.kind == connector::Auth::Kind::kNone;
    const bool none = target->url.empty() && target->auth.kind != connector::Auth::Kind::kUrl;
    const std::string name = target->place.line == 0 ? "`uses: http/request` names no target, and so no URL"
                                                     : "the target '" + target->name + "' has no `url`";
    if (const Node* path = with.find("path"); path != nullptr && none)
      return add(
          {path->place, "a `path` is added to the target's URL, and " + name +
                            (target->place.line == 0 ? ": name a target that has a `url`, or write the "
                                                       "whole address as `url`"
                                                     : ": set its `url`")});
    if (url == nullptr || !url->is_scalar()) return;
    if (none && !anywhere)
      return add({url->place, name + ", and its credentials are sent only to its own host: set its `url`"});
    origin(*url, *target);
  }

  // Scheme and host of what is written: those of the target, where it has some.
  void origin(const Node& url, const connector::Target& target) {
    const std::string_view text = url.scalar;
    const bool computed = has_expression(text);
    if (computed && !target.url.empty() && text.starts_with("${{")) return;
    const std::size_t scheme = text.find("://");
    const bool known = text.starts_with("https://") || text.starts_with("http://");
    if (!known && (!computed || !text.starts_with("${{"))) {
      return add({url.place, "`url` must be a complete URL such as https://ci.example.com/builds" +
                                 std::string(text.starts_with("/")
                                                 ? "; use `path` for a path below the target's URL"
                                                 : "; this one does not begin with https:// or http://")});
    }
    const std::size_t end = scheme == std::string_view::npos
                                ? text.size()
                                : std::min(text.find_first_of("/?#", scheme + 3), text.size());
    if (has_expression(text.substr(0, end))) {
      if (!target.url.empty()) return;
      return add({url.place,
                  "without a target that has a `url`, the scheme and host must not be expressions, so that "
                  "no sender decides where the request goes: name a target that has a `url`"});
    }
    const auto given = connector::parse_url(text.substr(0, end));
    if (!given) return add({url.place, "`url`: " + given.error().message});
    if (target.url.empty()) return;
    const auto own = connector::parse_url(target.url);
    if (!own || given->origin() == own->origin()) return;
    add({url.place, "the URL " + given->origin() + " is not on the target's host " + own->origin() +
                        ": name a target that is, or write `uses: http/request`, which has no credentials"});
  }

  // A body is YAML, which is sent as JSON: text in it is sent as one string.
  void json_in_text(const Node& body) {
    if (!body.is_scalar()) return;
    const auto trimmed = [](std::string_view text) {
      const std::size_t first = text.find_first_not_of(" \t\r\n");
      if (first == std::string_view::npos) return std::string_view();
      return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
    };
    const std::string_view text = trimmed(body.scalar);
    const bool braces =
        (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('[') && text.ends_with(']'));
    lang::Problems ignored;
    const auto pieces = lang::split_pieces(text, body.place, ignored);
    const bool whole = pieces.size() == 1 && pieces[0].expression;
    const std::string_view last = whole ? trimmed(pieces[0].expression->text) : std::string_view();
    if (!braces && !last.ends_with("tojson") && !last.ends_with("@json")) return;
    warn(
        body.place,
        "this body is JSON in text, and would be sent as one JSON string, encoded twice: write it as YAML, " +
            std::string(whole ? "and leave out `tojson`" : "without quotes") +
            "; or send it as it is with `text` and a `Content-Type` header");
  }

  const pipeline::Rules& rules_;
  const Config& config_;
  lang::Problems& problems_;
  std::set<std::string>& spoken_of_;
  std::set<std::string> said_;
  lang::Problems found_;
  Members data_;
  const Members* vars_ = nullptr;
  const Members* item_ = nullptr;
  std::vector<lang::Absent> absent_;        // where the expression stands
  std::map<std::string, Members> outputs_;  // by step
};

}  // namespace

void examine(const pipeline::Rules& rules, const Config& config, lang::Problems& problems,
             std::set<std::string>& spoken_of) {
  Examining(rules, config, problems, spoken_of).run();
}

}  // namespace postlude::app
