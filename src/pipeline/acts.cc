// People's acts on runs: retry and resume.

#include "engine/decide.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

rt::Task<Status> Pipeline::retry(RunId run, bool stale, std::string actor) {
  AWAIT(Status done, parts_.store.retry(run, stale, std::move(actor), rt::now()));
  co_return done;
}

// The definitions of a run's steps that wait for what they start.
rt::Task<Result<std::set<std::uint32_t>>> Pipeline::polling_steps(RunId run) {
  AWAIT_TRY(const store::RunBrief brief, parts_.store.brief(run));
  CO_TRY(const auto bound, bound_for(brief.run.workflow, brief.text));
  std::set<std::uint32_t> out;
  for (std::uint32_t i = 0; i < bound->steps.size(); ++i) {
    const auto notify = bound->steps[i].teams.find(brief.team);
    const BoundStep& step = notify == bound->steps[i].teams.end() ? bound->steps[i] : *notify->second;
    if (step.action != nullptr && step.action->waiting() != nullptr) out.insert(i);
  }
  co_return out;
}

rt::Task<Status> Pipeline::resume(store::Resume wanted) {
  wanted.now = rt::now();
  if (!wanted.outputs.empty()) {
    if (wanted.as != store::ResumeAs::kDone)
      co_return Error(Code::kInvalid, "outputs belong to `as` done: nothing else yields any");
    wanted.outputs = hidden().mask_json(wanted.outputs);
    AWAIT_TRY(wanted.polls, polling_steps(wanted.run));
  }
  store::Rule rule = [at = wanted.now](const Run& now) { return engine::follow(now, at); };
  AWAIT(Status done, parts_.store.resume(std::move(wanted), std::move(rule)));
  co_return done;
}

}  // namespace postlude::pipeline
