// Why it ran what it ran, and why not the rest: one document for an event, a delivery or a run.

#include "api/answers.h"
#include "api/api.h"
#include "api/views.h"
#include "api/waits.h"

namespace postlude::api {

namespace {

constexpr std::size_t kRunsMax = 100;
constexpr std::size_t kValuesMax = 8U << 20U;  // of all runs together

// Of the attempts what was tried and what came of it; the bodies are in runs/{id}, as is what passes `room`.
json::object short_view(store::RunDetail detail, const std::vector<store::Pause>& pauses,
                        pipeline::Pipeline& pipeline, std::size_t& room) {
  std::size_t bytes = detail.run.vars.size();
  for (const Step& step : detail.run.steps)
    bytes += step.item.size() + step.input.size() + step.outputs.size();
  const bool fits = bytes <= room;
  room = fits ? room - bytes : 0;
  if (!fits) {
    detail.run.vars.clear();
    for (Step& step : detail.run.steps)
      step.item = step.input = step.outputs = std::string();
  }
  json::object run = view_of(detail);
  add_waits(run, detail, pauses, pipeline);
  if (!fits) run["leftOut"] = true;
  run.erase("definition");
  for (json::value& step : run["steps"].as_array()) {
    for (json::value& attempt : step.as_object()["attempts"].as_array()) {
      for (json::value& request : attempt.as_object()["requests"].as_array()) {
        for (const char* key : {"headers", "body", "response", "leftOut"})
          request.as_object().erase(key);
      }
    }
  }
  return run;
}

}  // namespace

rt::Task<HttpResponse> Api::explain(std::string id, Caller who) {
  json::value delivery = nullptr;
  std::optional<EventId> event_id;
  if (id.starts_with("dlv_")) {
    const auto asked = DeliveryId::parse(id);
    if (!asked) co_return problem_of(asked.error());
    AWAIT(const auto row, delivery_for(*asked, who));
    if (!row) co_return problem_of(row.error());
    event_id = row->event;
    delivery = view_of(*row, true);
  } else if (id.starts_with("run_")) {
    const auto asked = RunId::parse(id);
    if (!asked) co_return problem_of(asked.error());
    AWAIT(const auto row, run_for(*asked, who));
    if (!row) co_return problem_of(row.error());
    event_id = row->run.event;
  } else {
    const auto asked = EventId::parse(id);
    if (!asked)
      co_return problem(400, "invalid",
                        "explain takes the id of an event, a delivery or a run: evt_…, dlv_…, run_…");
    event_id = *asked;
  }
  json::object out{{"delivery", delivery}, {"event", nullptr}, {"runs", json::array()}};
  if (!event_id) co_return json_answer(out);
  AWAIT(const auto event, event_for(*event_id, who));
  if (!event) co_return problem_of(event.error());
  if (!delivery.is_null()) {
    const bool first = event->event.delivery.text() == find_text(delivery, "id");
    out["delivery"].as_object()["duplicateOf"] =
        first ? json::value(nullptr) : json::value(event->event.delivery.text());
  }
  json::object event_view = view_of(*event);
  add_retrying(event_view, *event, pipeline_);
  out["event"] = std::move(event_view);
  AWAIT(const auto pauses, store_.pauses());
  if (!pauses) co_return problem_of(pauses.error());
  std::size_t room = kValuesMax;
  for (std::size_t i = 0; i < std::min(event->runs.size(), kRunsMax); ++i) {
    AWAIT(auto run, store_.run(event->runs[i].id, 0));
    if (!run) co_return problem_of(run.error());
    out["runs"].as_array().push_back(short_view(*std::move(run), *pauses, pipeline_, room));
  }
  co_return json_answer(out);
}

}  // namespace postlude::api
