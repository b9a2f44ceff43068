// Recording the end of an attempt, for as long as the store does not take it.

#include "base/log.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

rt::Task<Result<std::optional<store::Work>>> Pipeline::record(store::AttemptEnd end, store::Rule rule,
                                                              bool go_on) {
  Duration pause = std::chrono::milliseconds(100);
  while (true) {
    Result<std::optional<store::Work>> recorded = std::optional<store::Work>();
    if (go_on && !stopping_) {
      AWAIT(recorded, parts_.store.record_and_go_on(end, rule));
    } else {
      AWAIT(const Status done, parts_.store.record(end, rule));
      if (!done) recorded = done.error();
    }
    const bool again = !recorded && (recorded.error().code == Code::kOverloaded ||
                                     recorded.error().code == Code::kUnavailable);
    if (!again) {
      if (const std::size_t times = not_recorded_.over(); times > 0)
        log::info("the store takes outcomes again", {{"failures", times}});
      co_return recorded;
    }
    if (const std::size_t times = not_recorded_.came(rt::steady_now()); times > 0)
      log::warn("the store did not take an outcome; trying again",
                {{"attempt", end.lease.attempt.text()}, {"why", recorded.error().message}, {"times", times}});
    AWAIT_DONE(rt::sleep_for(pause));
    // While stopping as often as can be: the end does not wait for it.
    pause =
        stopping_ ? std::chrono::milliseconds(100) : std::min<Duration>(pause * 2, std::chrono::seconds(5));
  }
}

}  // namespace postlude::pipeline
