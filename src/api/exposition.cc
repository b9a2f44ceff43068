// The values of /metrics that are read when somebody asks, not counted as they happen.

#include "api/answers.h"
#include "api/api.h"
#include "base/log.h"
#include "metrics/catalogue.h"

namespace postlude::api {

namespace {

namespace m = metrics;
using Series = std::vector<std::pair<m::Values, double>>;

constexpr std::array kStates{RunState::kQueued,    RunState::kRunning, RunState::kWaiting,
                             RunState::kSucceeded, RunState::kFailed,  RunState::kCancelled};

// Of what is configured too, where there is nothing of it.
void tell_runs(m::Metrics& metrics, const store::Counts& counts, const pipeline::Rules& rules) {
  std::map<std::string, std::map<std::string, std::int64_t>> runs = counts.by_workflow;
  std::map<std::pair<std::string, std::string>, std::int64_t> held;
  for (const auto& [where, count] : counts.held)
    held[{where.first, where.second.empty() ? "postlude" : where.second}] += count;
  for (const auto& bound : rules.workflows()) {
    const std::string& name = bound->workflow->name;
    for (const RunState state : kStates)
      runs[name].emplace(to_text(state), 0);
    for (const pipeline::BoundStep& step : bound->steps) {
      if (!step.target.empty()) held.emplace(std::pair(name, step.target), 0);
    }
  }
  Series series;
  for (const auto& [workflow, states] : runs) {
    for (const auto& [state, count] : states)
      series.push_back({{workflow, state}, static_cast<double>(count)});
  }
  metrics.set_all(m::kRuns, std::exchange(series, {}));
  for (const auto& [where, count] : held)
    series.push_back({{where.first, where.second}, static_cast<double>(count)});
  metrics.set_all(m::kStepsHeld, series);
}

}  // namespace

rt::Task<HttpResponse> Api::exposition() {
  AWAIT(const auto counts, store_.counts());
  if (counts) {
    tell_runs(metrics_, *counts, pipeline_.rules());
    metrics_.set(m::kEventsWaiting, {}, static_cast<double>(counts->unplanned));
    for (const char* kind : {"workflow", "target", "team", "source", "all"}) {
      const auto paused = counts->paused.find(kind);
      metrics_.set(m::kPaused, {kind},
                   paused == counts->paused.end() ? 0 : static_cast<double>(paused->second));
    }
    metrics_.set(m::kApprovalsWaiting, {}, static_cast<double>(counts->asking));
    metrics_.set(m::kStoreBytes, {}, static_cast<double>(counts->bytes));
    metrics_.set(m::kStepsDue, {}, static_cast<double>(counts->due));
    const double age =
        counts->oldest_due ? static_cast<double>((rt::now() - *counts->oldest_due).count()) / 1e6 : 0;
    metrics_.set(m::kQueueAgeSeconds, {}, std::max(age, 0.0));
  }
  metrics_.advance(m::kLogDropped, {}, static_cast<double>(log::dropped()));
  const store::Stats stats = store_.stats();
  metrics_.advance(m::kCommits, {}, static_cast<double>(stats.commits));
  metrics_.advance(m::kCommands, {}, static_cast<double>(stats.commands));
  co_return answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics_.exposition());
}

}  // namespace postlude::api
