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

// Why a step whose time has come is not under way; "": it is about to be.
std::string step_waits_for(const Step& step, const store::RunDetail& detail,
                           const std::vector<store::Pause>& pauses, pipeline::Pipeline& pipeline) {
  const bool free = step.state == StepState::kPending || step.state == StepState::kWaiting;
  if (!free || !step.due_at || *step.due_at > rt::now()) return "";
  if (std::string pause = paused_by(step, detail, pauses); !pause.empty()) return pause;
  const connector::Target* target = pipeline.rules().target(step.target);
  if (target == nullptr) return "";
  const Duration now = rt::steady_now();
  const std::string name = "target " + target->name;
  engine::Breaker& breaker = pipeline.breaker(target->name);
  if (breaker.state(now) != engine::Breaker::State::kClosed) {
    const Duration until = breaker.until(now);
    return name + ", which fails (its breaker is open)" +
           (until > Duration(0) ? "; the next probe is in " + rough(until) : "");
  }
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

void add_waits(json::object& view, const store::RunDetail& detail, const std::vector<store::Pause>& pauses,
               pipeline::Pipeline& pipeline) {
  view["pausedBy"] = holding(pauses, detail);
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
