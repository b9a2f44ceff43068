#include "pipeline/context.h"

#include "base/json_numbers.h"
#include "base/text.h"
#include "engine/turns.h"
#include "pipeline/links.h"

namespace postlude::pipeline {

json::value parsed(const std::string& text, json::value otherwise) {
  if (text.empty()) return otherwise;
  auto value = parse_json(text);
  return value ? std::move(*value) : std::move(otherwise);
}

std::optional<Outcome> later(const Values& values) {
  const Error* why = unasked(values);
  if (why == nullptr) return std::nullopt;
  return Retryable{why->message, std::nullopt, false};
}

namespace {

constexpr std::size_t kShownValueMax = 200;
constexpr std::size_t kWhyMax = 4'000;

// The storage of a whole context, which is built once, read often, and freed at once.
json::storage_ptr new_room(const store::Work& work) {
  constexpr std::size_t kAround = 4096;
  return json::make_shared_resource<json::monotonic_resource>(2 * bytes_of(*work.event) + kAround);
}

// Our own text, straight into the room. Null where it is none.
json::value parsed_into(const std::string& text, const json::storage_ptr& room) {
  json::parse_options options;
  options.max_depth = kJsonDepthMax + 2;  // within a document of ours
  boost::system::error_code ec;
  json::value value = json::parse({text.data(), text.size()}, ec, room, options);
  if (ec) return json::value(nullptr, room);
  bound_numbers(text, value);  // a sender's payload is in it as it came
  return value;
}

json::object run_context(const store::Work& work, const BoundWorkflow& bound, const Rules& rules,
                         std::string_view secret, const json::storage_ptr& room) {
  json::object run({{"id", work.run.id.text()},
                    {"workflow", work.run.workflow},
                    {"createdAt", to_rfc3339(work.run.created_at)},
                    {"url", nullptr},
                    {"callbacks", json::object()}},
                   room);
  if (!rules.admin_url().empty()) run["url"] = rules.admin_url() + "/#/runs/" + work.run.id.text();
  json::object& callbacks = run["callbacks"].as_object();
  for (const Step& step : work.run.steps) {
    if (step.element_of || bound.steps[step.definition].definition->built_in != engine::BuiltIn::kCallback)
      continue;
    const Link link{LinkKind::kCallback, work.run.id, step.index};
    callbacks[step.name] =
        json::object{{"url", rules.public_url() + "/callbacks/" + link_text(secret, link)}};
  }
  return run;
}

json::object shown(const Step& step, const json::storage_ptr& room) {
  json::object out({{"state", to_text(step.state)}, {"reason", step.reason}, {"outputs", nullptr}}, room);
  if (!step.outputs.empty()) out["outputs"] = parsed_into(step.outputs, room);
  return out;
}

json::object steps_context(const Run& run, const json::storage_ptr& room) {
  json::object steps(room);
  for (const Step& step : run.steps) {
    if (step.name.empty() || step.element_of) continue;
    steps[step.name] = shown(step, room);
    if (step.spread) steps[step.name].as_object()["items"] = json::array();
  }
  for (const Step& element : run.steps) {  // in the order of the list
    if (!element.element_of || element.announces) continue;
    const Step& list = run.steps[*element.element_of];
    const std::string& name = list.name;
    if (name.empty() || element.round != list.round) continue;
    json::object item = shown(element, room);
    item["item"] = parsed(element.item, nullptr);
    steps[name].as_object()["items"].as_array().push_back(std::move(item));
  }
  return steps;
}

// For what announces a wait: where it can be answered.
json::value announced(const store::Work& work, const Rules& rules, std::string_view secret) {
  const Step& row = work.run.steps[work.step];
  if (!row.announces) return nullptr;
  const Step& of = work.run.steps[*row.announces];
  json::object links{{"approve", nullptr}, {"reject", nullptr}, {"open", nullptr}};
  if (of.uses == "approval" && !rules.public_url().empty()) {
    const std::string base = rules.public_url() + "/links/";
    links["approve"] = base + link_text(secret, {LinkKind::kApprove, work.run.id, of.index});
    links["reject"] = base + link_text(secret, {LinkKind::kReject, work.run.id, of.index});
  }
  if (!rules.admin_url().empty()) links["open"] = rules.admin_url() + "/#/runs/" + work.run.id.text();
  return json::object{{"title", of.title}, {"reason", of.reason}, {"links", std::move(links)}};
}

json::value failure_of(const Run& run, const json::value& url) {
  const Step* failed = engine::failed_step(run);
  if (failed == nullptr) return nullptr;
  return json::object{{"step", failed->name.empty() ? failed->title : failed->name},
                      {"reason", failed->reason},
                      {"message", failed->title + ": " + failed->reason},
                      {"url", url}};
}

}  // namespace

json::object step_context(const store::Work& work, const BoundWorkflow& bound, const Rules& rules,
                          std::string_view secret) {
  const Step& row = work.run.steps[work.step];
  const json::storage_ptr room = new_room(work);
  json::object context(room);
  context.reserve(20);
  context["event"] = document_of(*work.event, room);
  context["run"] = run_context(work, bound, rules, secret, room);
  context["workflow"].emplace_object()["name"] = work.run.workflow;
  context["vars"] = parsed_into(work.run.vars, room);
  context["steps"] = steps_context(work.run, room);
  const std::uint32_t of = row.announces.value_or(work.step);
  context["status"] = engine::after_failure(work.run, of) ? "failure" : "success";
  context["item"] = parsed(row.item, nullptr);
  context["step"] = announced(work, rules, secret);
  context["failure"] = failure_of(work.run, context["run"].as_object()["url"]);
  context["data"].emplace_object();
  if (bound.reads_data && work.data != nullptr) {
    json::value pinned = parsed(*work.data, json::object());
    if (const json::value* data = find(pinned, "data")) context["data"] = *data;
    if (const json::value* calendars = find(pinned, "calendars")) context["__calendars"] = *calendars;
  }
  return context;
}

std::string bounded(std::string_view why) {
  return shortened(why, kWhyMax, kCutMark);
}

std::string shown_value(std::string_view value, const connector::Masker& masker) {
  return shortened(masker.mask_json(value), 80);
}

json::object trace_of(const lang::Expression& condition, const json::value& context,
                      const lang::Evaluated& answer, const connector::Masker& masker) {
  json::object values;
  for (const std::string& path : lang::paths_of(condition)) {
    const json::value value = lang::value_at(context, path);
    std::string text = to_text(value);
    if (text.size() <= kShownValueMax) {
      values[path] = value;
    } else {
      values[path] = shortened(masker.mask_json(text), kShownValueMax, kCutMark);
    }
  }
  json::object trace{{"expression", condition.text}, {"values", std::move(values)}};
  if (answer) {
    trace["result"] = parsed(*answer, nullptr);
  } else {
    trace["error"] = answer.error().message;
  }
  return trace;
}

}  // namespace postlude::pipeline
