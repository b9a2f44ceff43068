// What /metrics tells beside what is counted as it happens.

#include "api/answers.h"
#include "api/api.h"

namespace postlude::api {

rt::Task<HttpResponse> Api::exposition() {
  AWAIT(const auto counts, store_.counts());
  if (counts) {
    metrics_.set("postlude_events_waiting", "Accepted events that are not planned yet.", {},
                 static_cast<double>(counts->unplanned));
    for (const auto& [workflow, states] : counts->by_workflow) {
      for (const auto& [state, count] : states) {
        metrics_.set("postlude_runs", "Runs by workflow and state.",
                     {{"workflow", workflow}, {"state", state}}, static_cast<double>(count));
      }
    }
    metrics_.set("postlude_approvals_waiting", "Steps that wait for somebody's approval.", {},
                 static_cast<double>(counts->asking));
    for (const char* kind : {"workflow", "target", "team", "source", "all"}) {
      const auto paused = counts->paused.find(kind);
      metrics_.set("postlude_paused", "What is held back, by kind.", {{"kind", kind}},
                   paused == counts->paused.end() ? 0 : static_cast<double>(paused->second));
    }
    metrics_.set("postlude_store_bytes", "Size of the database and its log.", {},
                 static_cast<double>(counts->bytes));
    metrics_.set("postlude_steps_due", "Steps whose time has come and that nobody works on.", {},
                 static_cast<double>(counts->due));
    const double age =
        counts->oldest_due ? static_cast<double>((rt::now() - *counts->oldest_due).count()) / 1e6 : 0;
    metrics_.set("postlude_queue_age_seconds", "How long the oldest of them has been due.", {},
                 std::max(age, 0.0));
  }
  metrics_.set("postlude_build_info", "What runs here.", {{"version", POSTLUDE_VERSION}}, 1);
  const store::Stats stats = store_.stats();
  metrics_.set("postlude_store_commits", "Commits since the start.", {}, static_cast<double>(stats.commits));
  metrics_.set("postlude_store_commands", "Commands committed since the start.", {},
               static_cast<double>(stats.commands));
  metrics_.set("postlude_store_commit_seconds", "Time spent in commits since the start.", {},
               static_cast<double>(stats.commit_micros) / 1e6);
  co_return answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics_.exposition());
}

}  // namespace postlude::api
