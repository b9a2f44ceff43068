#include "app/examine.h"

#include <algorithm>

#include "base/text.h"
#include "connector/target.h"
#include "lang/expression.h"

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

// What a step's outputs are called. Nothing is known where a callback's caller or a team's own action
// decides.
Members outputs_of(const BoundStep& step) {
  const StepDefinition& definition = *step.definition;
  const bool each = definition.for_each.has_value();
  const auto named = [&](std::vector<std::string> names) {
    return Members{each ? Kind::kEach : Kind::kNamed, std::move(names)};
  };
  const Members unknown{each ? Kind::kEachOf : Kind::kAnything, {}};
  if (step.action != nullptr) return named(step.action->output_names());
  if (definition.built_in == BuiltIn::kApproval) return named({"approved", "by", "at", "comment"});
  if (definition.built_in != BuiltIn::kSet) return unknown;
  const Node* values = definition.with.find("values");
  if (values == nullptr || !values->is_map()) return unknown;
  std::vector<std::string> names;
  for (const auto& [key, value] : values->members)
    names.push_back(key.scalar);
  return named(std::move(names));
}

// What all elements of a list that is written out have in common.
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
    for (const connector::Target& target : rules_.targets())
      plain_http(target);
    for (const auto& bound : rules_.written())
      workflow(*bound);
  }

 private:
  void add(const lang::Problem& problem) {
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
    warn(target.place, "target '" + target.name + "' sends its secret over plain http to " + host +
                           ", where whoever is on the way can read it: write https://");
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
    if (workflow.condition) expression(*workflow.condition, true);
    if (workflow.queue_key) expression(*workflow.queue_key, false);
    for (const Expression& e : bound.vars)
      expression(e, false);
    for (const auto& [name, value] : workflow.vars)
      braces(value);
    for (const BoundStep& step : bound.steps)
      this->step(workflow, step);
  }

  void step(const engine::Workflow& workflow, const BoundStep& bound) {
    const StepDefinition& definition = *bound.definition;
    const bool notify = definition.built_in == BuiltIn::kTeamNotify;
    for_each(bound);
    const Members item = item_of(definition);
    for (const Expression& e : bound.each)
      expression(e, false);
    item_ = definition.announces ? nullptr : &item;
    if (definition.condition) expression(*definition.condition, true);
    const std::set<std::string> conditions = conditions_in(definition.with);
    for (const auto* list : {&bound.key, &bound.leaves}) {
      for (const Expression& e : *list)
        expression(e, conditions.contains(e.text));
    }
    if (bound.connector == "http" && bound.action != nullptr) {
      for (const Expression& e : bound.action->expressions())
        if (e.place.file != "http/request") expression(e, conditions.contains(e.text));
    }
    item_ = nullptr;
    for (const auto& [team, own] : bound.teams) {
      for (const Expression& e : own->leaves)
        expression(e, false);
      lang::check_braces(own->definition->with, found_);
    }
    lang::check_braces(definition.with, found_);
    flush();
    times(workflow, definition);
    if (!notify && bound.connector == "http") request(bound);
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

  void braces(const lang::Template& value) {
    if (!value.literal()) return;
    if (const auto json = value.assemble({}); json && json->is_string()) {
      Node node;
      node.kind = Node::Kind::kScalar;
      node.scalar = std::string(view(json->get_string()));
      lang::check_braces(node, found_);
      flush();
    }
  }

  void flush() {
    for (const lang::Problem& problem : found_)
      add(problem);
    found_.clear();
  }

  void expression(const Expression& e, bool condition) {
    lang::check_mistakes(e, condition, found_);
    lang::check_members(e, {"vars"}, *vars_, found_);
    lang::check_members(e, {"data"}, data_, found_);
    for (const auto& [name, outputs] : outputs_) {
      lang::check_members(e, {"steps", name, "outputs"}, outputs, found_);
      const Members one{outputs.kind == Kind::kEach ? Kind::kNamed : Kind::kAnything, outputs.names};
      lang::check_members(e, {"steps", name, "items", "", "outputs"}, one, found_);
    }
    if (item_ != nullptr) lang::check_members(e, {"item"}, *item_, found_);
    if (lang::any_error(found_)) spoken_of_.insert(e.text);
    const bool wrong = std::any_of(problems_.begin(), problems_.end(), [&](const lang::Problem& p) {
      return !p.warning && p.place.line == e.place.line && p.place.file == e.place.file;
    });
    if (!wrong) lang::check_always_null(e, found_);
    flush();
  }

  // `forEach: 5`
  void for_each(const BoundStep& step) {
    if (step.each.size() != 1 || !step.definition->for_each) return;
    const Expression& e = step.each[0];
    const auto value = parse_json(e.text);
    if (value && !value->is_array())
      add({e.place,
           "'forEach' is " + e.text.substr(0, 60) + "; a list is wanted, or an expression that yields one"});
  }

  // What `.item` is, where the list is written out or another step's outputs.
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
    const char* key = step.built_in == BuiltIn::kWait ? "for" : "timeout";
    // The time of an approval is not the run's: people take theirs.
    if (step.built_in != BuiltIn::kWait && step.built_in != BuiltIn::kCallback) return;
    const Node* node = step.with.find(key);
    if (node == nullptr || !node->is_scalar() || has_expression(node->scalar)) return;
    const auto parsed = parse_duration(node->scalar);
    if (parsed) compare(key, *parsed, node->place);
  }

  // -- http/request

  void request(const BoundStep& step) {
    const Node& with = step.definition->with;
    if (const Node* body = with.find("body")) json_in_text(*body);
    const Node* url = with.find("url");
    const connector::Target* target = rules_.target(step.target);
    if (url == nullptr || target == nullptr || target->url.empty() || !url->is_scalar()) return;
    const std::string_view text = url->scalar;
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) return;
    const std::size_t slash = std::min(text.find('/', scheme + 3), text.size());
    if (has_expression(text.substr(0, slash))) return;
    const auto given = connector::parse_url(text.substr(0, slash));
    const auto own = connector::parse_url(target->url);
    if (!given || !own || given->origin() == own->origin()) return;
    add({url->place, "the URL " + given->origin() + " is not on the target's host " + own->origin() +
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
  std::map<std::string, Members> outputs_;  // by step
};

}  // namespace

void examine(const pipeline::Rules& rules, const Config& config, lang::Problems& problems,
             std::set<std::string>& spoken_of) {
  Examining(rules, config, problems, spoken_of).run();
}

}  // namespace postlude::app
