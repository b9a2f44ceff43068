// Taking up another version of the configuration.

#include "base/log.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

void Pipeline::use(std::shared_ptr<const Rules> rules) {
  rules_ = std::move(rules);
  telemetry_->use(*rules_);
  pinned_.clear();
  // Secrets of the version before stay hidden: answers to its requests may still arrive.
  renew_masker(Duration(0));
  look_at_secrets();
  parts_.expressions.announce(rules_->expressions());
  background_.start(say_what_is_told(rules_));
}

// Until the store knows, or another version of the rules says something else.
rt::Task<> Pipeline::say_what_is_told(std::shared_ptr<const Rules> rules) {
  Duration pause = std::chrono::milliseconds(100);
  while (rules == rules_ && !stopping_) {
    AWAIT(const Status said, parts_.store.set_told(rules->told()));
    if (said) co_return;
    log::warn("could not store which own events have workflows; trying again",
              {{"why", said.error().message}});
    AWAIT_DONE(rt::sleep_for(pause));
    pause = std::min<Duration>(pause * 2, std::chrono::seconds(5));
  }
}

}  // namespace postlude::pipeline
