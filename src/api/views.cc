#include "api/views.h"

namespace postlude::api {

namespace {

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

// Stored JSON; what cannot be parsed (a body cut at its limit) is shown as text.
json::value stored(const std::string& text) {
  if (text.empty()) return nullptr;
  auto value = parse_json(text);
  return value ? std::move(*value) : json::value(text);
}

json::object view_of(const Request& request) {
  json::object view{{"request", request.name},
                    {"effect", to_text(request.effect)},
                    {"key", text_or_null(request.key)},
                    {"method", request.method},
                    {"url", request.url},
                    {"headers", stored(request.headers)},
                    {"body", stored(request.body)},
                    {"sentAt", time_or_null(request.sent_at)},
                    {"endedAt", time_or_null(request.ended_at)},
                    {"result", to_text(request.result)},
                    {"status", request.status == 0 ? json::value(nullptr) : json::value(request.status)},
                    {"response", stored(request.response)},
                    {"why", text_or_null(request.why)},
                    {"settledBy", text_or_null(request.settled_by)}};
  if (request.cut) view["cut"] = true;
  if (request.left_out) view["leftOut"] = true;
  return view;
}

json::object view_of(const store::Attempt& attempt) {
  json::array requests;
  for (const Request& request : attempt.requests)
    requests.push_back(view_of(request));
  return {{"id", attempt.id.text()},
          {"number", attempt.number},
          {"startedAt", to_rfc3339(attempt.started_at)},
          {"endedAt", time_or_null(attempt.ended_at)},
          {"outcome", text_or_null(attempt.outcome)},
          {"why", text_or_null(attempt.why)},
          {"requests", std::move(requests)}};
}

std::string_view name_of(StepList list) {
  switch (list) {
    case StepList::kSteps:
      return "steps";
    case StepList::kOnFailure:
      return "onFailure";
    case StepList::kFinally:
      return "finally";
  }
  return "";
}

// Steps are known outside by their number, from 1.
json::value number_or_null(const std::optional<std::uint32_t>& index) {
  return index ? json::value(*index + 1) : json::value(nullptr);
}

json::object view_of(const Step& step) {
  json::array needs;
  for (const std::uint32_t index : step.needs)
    needs.emplace_back(index + 1);
  return {{"number", step.index + 1},
          {"id", text_or_null(step.name)},
          {"name", step.title},
          {"uses", step.uses},
          {"list", name_of(step.list)},
          {"needs", std::move(needs)},
          {"elementOf", number_or_null(step.element_of)},
          {"item", stored(step.item)},
          {"announces", number_or_null(step.announces)},
          {"state", to_text(step.state)},
          {"reason", text_or_null(step.reason)},
          {"because", text_or_null(std::string(to_text(step.because)))},
          {"trace", stored(step.trace)},
          {"held", step.held},
          {"asks", step.asks},
          {"key", text_or_null(step.shared_key)},
          {"unclear", step.unclear},
          {"tries", step.attempts},
          {"dueAt", time_or_null(step.due_at)},
          {"overBy", time_or_null(step.over_by)},
          {"startedAt", time_or_null(step.started_at)},
          {"now", time_or_null(step.now)},
          {"finishedAt", time_or_null(step.finished_at)},
          {"with", stored(step.input)},
          {"outputs", stored(step.outputs)}};
}

// An answer with its author and time.
json::object view_of(const Answer& answer) {
  const std::string_view kind = answer.kind == AnswerKind::kApproved   ? "approved"
                                : answer.kind == AnswerKind::kRejected ? "rejected"
                                                                       : "callback";
  return {{"kind", kind}, {"by", answer.by}, {"at", to_rfc3339(answer.at)}, {"body", stored(answer.body)}};
}

}  // namespace

json::value time_or_null(const std::optional<Instant>& t) {
  return t ? json::value(to_rfc3339(*t)) : json::value(nullptr);
}

json::object view_of(const Delivery& delivery, bool whole) {
  json::object view{{"id", delivery.id.text()},
                    {"source", text_or_null(delivery.source)},
                    {"cluster", text_or_null(delivery.cluster)},
                    {"hook", text_or_null(delivery.hook)},
                    {"canary", text_or_null(delivery.canary)},
                    {"receivedAt", to_rfc3339(delivery.received_at)},
                    {"verdict", to_text(delivery.verdict)},
                    {"reason", text_or_null(delivery.reason)},
                    {"proof", text_or_null(delivery.proof)},
                    {"status", delivery.status == 0 ? json::value(nullptr) : json::value(delivery.status)},
                    {"event", delivery.event ? json::value(delivery.event->text()) : json::value(nullptr)},
                    {"method", delivery.method},
                    {"path", delivery.target},
                    {"remote", delivery.remote},
                    {"repeats", delivery.repeats},
                    {"lastAt", time_or_null(delivery.last_at)}};
  if (whole) {
    view["headers"] = stored(delivery.headers);
    view["body"] = delivery.body;
  }
  return view;
}

json::object line_of(const Event& event) {
  json::object view = document_of(event);
  for (const std::string_view key : {"metadata", "payload", "canary", "release"})
    view.erase(key);
  return view;
}

json::object view_of(const store::EventDetail& detail) {
  json::object view = document_of(detail.event);
  json::array plan;
  for (const store::Planned& p : detail.plan) {
    plan.push_back(
        json::object{{"workflow", p.workflow}, {"runs", p.runs}, {"why", p.why}, {"trace", stored(p.trace)}});
  }
  json::array runs;
  for (const store::RunLine& run : detail.runs)
    runs.push_back(line_of(run));
  json::array deliveries;
  for (const Delivery& delivery : detail.deliveries)
    deliveries.push_back(view_of(delivery, false));
  view["planned"] = detail.planned;
  view["plan"] = std::move(plan);
  view["runs"] = std::move(runs);
  view["deliveries"] = std::move(deliveries);
  return view;
}

json::object view_of(const Run& run) {
  return {{"id", run.id.text()},
          {"event", run.event.text()},
          {"workflow", run.workflow},
          {"state", to_text(run.state)},
          {"reason", text_or_null(run.reason)},
          {"cause", text_or_null(run.cause)},
          {"dismissed", run.dismissed},
          {"cancel", text_or_null(run.cancel)},
          {"shadow", run.shadow},
          {"stale", run.stale},
          {"replayOf", run.replay_of ? json::value(run.replay_of->text()) : json::value(nullptr)},
          {"queue", run.queue_key},
          {"createdAt", to_rfc3339(run.created_at)},
          {"startedAt", time_or_null(run.started_at)},
          {"finishedAt", time_or_null(run.finished_at)},
          {"deadlineAt", time_or_null(run.deadline_at)},
          {"peopleSince", time_or_null(run.people_since)}};
}

json::object line_of(const store::RunLine& run) {
  json::object view = view_of(run);
  view["namespace"] = text_or_null(run.name_space);
  view["name"] = text_or_null(run.name);
  view["version"] = nullptr;  // of the release: no cluster tells of it yet
  view["durationSeconds"] = nullptr;
  if (run.started_at && run.finished_at)
    view["durationSeconds"] = static_cast<double>((*run.finished_at - *run.started_at).count()) / 1e6;
  json::array paused_by;
  for (const store::Pause& pause : run.paused_by)
    paused_by.push_back(view_of(pause));
  view["pausedBy"] = std::move(paused_by);
  json::array waiting;
  for (const store::RunLine::Waiting& step : run.waiting) {
    waiting.push_back(json::object{
        {"number", step.index + 1}, {"name", step.title}, {"for", step.asks ? "approval" : "resume"}});
  }
  view["waitingSteps"] = std::move(waiting);
  return view;
}

json::object view_of(const store::Pause& pause) {
  return {{"kind", pause.kind},
          {"name", pause.name},
          {"at", to_rfc3339(pause.at)},
          {"by", pause.actor},
          {"reason", text_or_null(pause.why)}};
}

json::object view_of(const store::CauseGroup& group, const char* at) {
  return {{"cause", group.cause},        {"workflow", group.workflow}, {"count", group.count},
          {"first", group.first.text()}, {"last", group.last.text()},  {at, time_or_null(group.at)},
          {"reason", group.reason}};
}

json::object view_of(const store::RunDetail& detail) {
  json::object view = view_of(detail.run);
  view["namespace"] = text_or_null(detail.name_space);
  view["name"] = text_or_null(detail.name);
  view["version"] = nullptr;  // as in lists
  view["team"] = text_or_null(detail.team);
  view["vars"] = stored(detail.run.vars);
  json::array steps;
  for (const Step& step : detail.run.steps) {
    json::object one = view_of(step);
    json::array attempts;
    for (const store::Attempt& attempt : detail.attempts) {
      if (attempt.step == step.id) attempts.push_back(view_of(attempt));
    }
    one["attempts"] = std::move(attempts);
    const auto all = detail.attempts_of.find(step.id);
    one["attemptsInAll"] = all == detail.attempts_of.end() ? 0 : all->second;
    one["answer"] = nullptr;
    const auto answer = detail.answers.find(step.index);
    if (answer != detail.answers.end()) one["answer"] = view_of(answer->second);
    steps.push_back(std::move(one));
  }
  view["steps"] = std::move(steps);
  const json::value pinned = stored(detail.text);
  const json::value* definition = find(pinned, "text");
  view["definition"] = definition == nullptr ? pinned : *definition;
  return view;
}

json::array holding(const std::vector<store::Pause>& pauses, const store::RunDetail& detail) {
  json::array out;
  const Run& run = detail.run;
  if (terminal(run.state)) return out;
  for (const store::Pause& pause : pauses) {
    const auto works_on = [&](std::string_view target) {
      return std::any_of(run.steps.begin(), run.steps.end(),
                         [&](const Step& step) { return step.target == target && !terminal(step.state); });
    };
    if (store::holds(pause, run, detail.team, works_on)) out.push_back(view_of(pause));
  }
  return out;
}

}  // namespace postlude::api
