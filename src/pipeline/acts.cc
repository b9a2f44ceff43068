// People's acts on runs: retry and resume.

#include "engine/decide.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

rt::Task<Status> Pipeline::retry(RunId run, bool stale, std::string actor) {
  AWAIT(Status done, parts_.store.retry(run, stale, std::move(actor), rt::now()));
  co_return done;
}

rt::Task<Status> Pipeline::resume(RunId run, std::string step, store::ResumeAs as, std::string actor,
                                  std::string cause) {
  const Instant at = rt::now();
  store::Rule rule = [at](const Run& now) { return engine::follow(now, at); };
  AWAIT(Status done, parts_.store.resume(run, step, as, actor, at, std::move(rule), std::move(cause)));
  co_return done;
}

}  // namespace postlude::pipeline
