#include "pipeline/constants.h"

#include <set>

#include "base/text.h"
#include "rt/loop.h"

namespace postlude::pipeline {

namespace {

// What the values of expressions are for, by their places.
struct Wanted {
  std::set<std::string> conditions, lists, keys;
};

void add_bare(const lang::Node& with, std::string_view key, std::set<std::string>& places) {
  const lang::Node* node = with.find(key);
  if (node == nullptr || !node->is_scalar()) return;
  lang::Problems said_elsewhere;
  if (const auto expression = lang::read_bare(*node, said_elsewhere)) places.insert(expression->place.text());
}

Wanted wanted_of(const Rules& rules) {
  Wanted out;
  for (const auto& bound : rules.written()) {
    const engine::Workflow& workflow = *bound->workflow;
    if (workflow.condition) out.conditions.insert(workflow.condition->place.text());
    if (workflow.queue_key) out.keys.insert(workflow.queue_key->place.text());
    for (const BoundStep& step : bound->steps) {
      if (step.definition->condition) out.conditions.insert(step.definition->condition->place.text());
      if (step.each.size() == 1 && step.definition->for_each && !step.definition->for_each->literal())
        out.lists.insert(step.each[0].place.text());
      if (step.definition->built_in == engine::BuiltIn::kAssert)
        add_bare(step.definition->with, "that", out.conditions);
      if (step.connector != "http") continue;
      for (const char* key : {"success", "retry", "refuse"})
        add_bare(step.definition->with, key, out.conditions);
    }
  }
  return out;
}

// Two contexts that have nothing in common but that they are maps, as each context is: what `length` or
// `keys` yields of the whole is no constant.
const std::shared_ptr<const json::value>& context(bool other) {
  static const auto kEmpty = std::make_shared<const json::value>(json::object());
  static const auto kOther = std::make_shared<const json::value>(
      json::object{{"event", {{"name", "a"}}}, {"status", "success"}, {"vars", json::object()}});
  return other ? kOther : kEmpty;
}

// "" or what is wrong with the value wherever it is used so.
std::string objection(const lang::Expression& e, const lang::Evaluated& value, const Wanted& wanted) {
  const std::string text = "`" + e.text + "`";
  if (!value) {
    if (value.error().code != Code::kInvalid) return "";  // too slow or too much depends on the machine
    return text + " fails each time: " + value.error().message;
  }
  if (wanted.conditions.contains(e.place.text()) && *value != "true" && *value != "false")
    return text + " is always " + cut(*value, 60) + "; expected true or false";
  if (wanted.lists.contains(e.place.text()) && !value->starts_with('['))
    return text + " is always " + cut(*value, 60) + "; expected a list";
  if (wanted.keys.contains(e.place.text()) && *value == "null")
    return text + " is always null, and a queue's key cannot be; leave `key` out for one queue per canary";
  return "";
}

}  // namespace

rt::Task<Status> check_constants(Expressions& expressions, std::shared_ptr<const Rules> rules,
                                 std::vector<lang::Expression> asked, lang::Problems& problems) {
  std::erase_if(asked, [](const lang::Expression& e) { return !lang::is_constant(e); });
  if (asked.empty()) co_return ok();
  const Wanted wanted = wanted_of(*rules);
  AWAIT(const Values first, expressions.evaluate(asked, context(false), rt::now()));
  AWAIT(const Values second, expressions.evaluate(asked, context(true), rt::now()));
  if (const Error* error = unasked(first)) co_return *error;
  if (const Error* error = unasked(second)) co_return *error;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    std::string wrong = objection(asked[i], first[i], wanted);
    if (wrong.empty() || objection(asked[i], second[i], wanted) != wrong) continue;
    problems.push_back({asked[i].place, std::move(wrong)});
  }
  co_return ok();
}

}  // namespace postlude::pipeline
