#include "api/waits.h"

#include "api/views.h"
#include "base/check.h"

namespace postlude::api {

namespace {

std::string rough(Duration time) {
  const auto up = std::chrono::ceil<std::chrono::seconds>(time);
  return to_text(std::max<std::chrono::seconds>(up, std::chrono::seconds(1)));
}

std::string text_of(const Rate& rate) {
  const std::string per = to_text(rate.per);  // 1h is written h in a rate
  return std::to_string(rate.count) + "/" + (per.size() == 2 && per.starts_with('1') ? per.substr(1) : per);
}

// The first of the pauses that keep the step from being taken up; "": none does.
std::string paused_by(const Step& step, const store::RunDetail& detail,
                      const std::vector<store::Pause>& pauses) {
  for (const store::Pause& pause : pauses) {
    if (!store::holds(pause, detail.run, detail.team,
                      [&](std::string_view target) { return step.target == target; }))
      continue;
    return "the end of the pause of " + (pause.kind == "all" ? "all runs" : pause.kind + " " + pause.name) +
           " by " + pause.actor;
  }
  return "";
}

bool is_down(const std::string& target, pipeline::Pipeline& pipeline) {
  return pipeline.rules().target(target) != nullptr &&
         pipeline.breaker(target).state(rt::steady_now()) != engine::Breaker::State::kClosed;
}

// "target web, which fails (its breaker is open); the next probe is in 4s"; "": its breaker is closed.
std::string breaker_of(const std::string& target, pipeline::Pipeline& pipeline) {
  if (!is_down(target, pipeline)) return "";
  const Duration until = pipeline.breaker(target).until(rt::steady_now());
  return "target " + target + ", which fails (its breaker is open)" +
         (until > Duration(0) ? "; the next probe is in " + rough(until) : "");
}

// Its time has not come: it is tried again later.
std::string next_attempt(const Step& step, pipeline::Pipeline& pipeline) {
  if (step.state != StepState::kPending || step.attempts == 0 || step.because == Because::kKeyInUse)
    return "";
  const std::string down = breaker_of(step.target, pipeline);
  const std::string when = rough(*step.due_at - rt::now());
  return down.empty() ? "its next attempt, in " + when : down + "; its next attempt is in " + when;
}

// What a step waits for, whose next attempt is due, or comes later; "": it is about to be taken up.
std::string step_waits_for(const Step& step, const store::RunDetail& detail,
                           const std::vector<store::Pause>& pauses, pipeline::Pipeline& pipeline) {
  const bool free = step.state == StepState::kPending || step.state == StepState::kWaiting;
  if (!free || !step.due_at) return "";
  const bool later = *step.due_at > rt::now();
  if (std::string pause = later ? "" : paused_by(step, detail, pauses); !pause.empty()) return pause;
  if (later) return next_attempt(step, pipeline);
  const connector::Target* target = pipeline.rules().target(step.target);
  if (target == nullptr) return "";
  if (std::string down = breaker_of(target->name, pipeline); !down.empty()) return down;
  const Duration now = rt::steady_now();
  const std::string name = "target " + target->name;
  if (target->limits.rate) {
    const Duration until = pipeline.target_rates().until_next(target->name, *target->limits.rate, now);
    if (until > Duration(0))
      return "the rate of " + name + " (" + text_of(*target->limits.rate) + "); the next attempt is in " +
             rough(until);
  }
  const auto busy = detail.under_way.find(target->name);
  if (busy == detail.under_way.end() || busy->second < target->limits.concurrency) return "";
  return "a free slot of " + name + ": all that its `concurrency` allows are in use (" +
         std::to_string(target->limits.concurrency) + ")";
}

std::string run_waits_for(const store::RunDetail& detail) {
  if (!detail.behind) return "";
  return detail.behind->text() + ", which is before it in the queue '" + detail.run.queue_key + "'" +
         (detail.before > 1 ? ", and " + std::to_string(detail.before - 1) + " more" : "");
}

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

json::array retrying(const std::vector<store::RunLine::Due>& due, pipeline::Pipeline& pipeline) {
  json::array out;
  for (const store::RunLine::Due& step : due) {
    const bool down = is_down(step.target, pipeline);
    if (step.attempts == 0 && !down) continue;  // it is about to begin
    out.push_back(json::object{{"number", step.index + 1},
                               {"name", step.title},
                               {"target", or_null(step.target)},
                               {"reason", or_null(step.reason)},
                               {"dueAt", step.due_at ? json::value(to_rfc3339(*step.due_at)) : nullptr}});
    if (out.size() == store::kWaitingListed) break;
  }
  return out;
}

void add_retrying(json::object& view, const store::EventDetail& event, pipeline::Pipeline& pipeline) {
  json::array& runs = view["runs"].as_array();
  CHECK(runs.size() == event.runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i)
    runs[i].as_object()["retrying"] = retrying(event.runs[i].due, pipeline);
}

void add_waits(json::object& view, const store::RunDetail& detail, const std::vector<store::Pause>& pauses,
               pipeline::Pipeline& pipeline) {
  view["pausedBy"] = holding(pauses, detail);
  std::vector<store::RunLine::Due> due;
  for (const Step& step : detail.run.steps) {
    const bool comes = step.state == StepState::kPending && step.due_at && step.because != Because::kKeyInUse;
    const bool again = step.state == StepState::kRunning && step.attempts > 1 && !step.spread;
    if (comes || again)
      due.push_back({step.index, step.title, step.target, step.reason, step.attempts, step.due_at});
  }
  view["retrying"] = terminal(detail.run.state) ? json::array() : retrying(due, pipeline);
  view["waitsFor"] = or_null(run_waits_for(detail));
  json::array& steps = view["steps"].as_array();
  CHECK(steps.size() == detail.run.steps.size());
  for (const Step& step : detail.run.steps) {
    steps[step.index].as_object()["waitsFor"] = terminal(detail.run.state)
                                                    ? json::value(nullptr)
                                                    : or_null(step_waits_for(step, detail, pauses, pipeline));
  }
}

}  // namespace postlude::api
