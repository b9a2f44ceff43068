#include "pipeline/telemetry.h"

#include "base/log.h"
#include "base/text.h"
#include "metrics/catalogue.h"

namespace postlude::pipeline {

namespace {

namespace m = metrics;

constexpr std::array<std::string_view, 4> kVerdictNames{"accepted", "duplicate", "filtered", "rejected"};
constexpr std::array kStepEnds{StepState::kSucceeded, StepState::kFailed, StepState::kSkipped,
                               StepState::kCancelled};
constexpr std::array kRunEnds{RunState::kSucceeded, RunState::kFailed, RunState::kCancelled};

// Lines a second. Of calls without proof fewer: whoever likes can make them.
constexpr std::size_t kStrangersLines = 5;
constexpr std::size_t kSendersLines = 20;

constexpr std::size_t kWordsShown = 500;
constexpr std::size_t kTargetShown = 200;

double seconds(Duration d) {
  return static_cast<double>(d.count()) / 1e6;
}

std::string words(std::string_view text) {
  return cut(std::string(text), kWordsShown);
}

// As in /metrics: the name of an action without its target's.
std::string action_name(const std::string& target, const std::string& uses) {
  return target.empty() ? uses : uses.substr(uses.find('/') + 1);
}

std::string target_name(const std::string& target) {
  return target.empty() ? "postlude" : target;
}

template <std::size_t... I>
std::array<std::string_view, sizeof...(I)> names_of_outcomes(std::index_sequence<I...> /*all*/) {
  return {kind_of(Outcome(std::in_place_index<I>))...};
}

const auto& outcome_names() {
  static const auto names = names_of_outcomes(std::make_index_sequence<std::variant_size_v<Outcome>>());
  return names;
}

}  // namespace

Telemetry::Telemetry(rt::Loop& loop, m::Metrics& metrics)
    : metrics_(metrics),
      intake_(metrics.histogram(m::kIntakeSeconds, {})),
      commit_seconds_(metrics.histogram(m::kCommitSeconds, {})),
      commit_commands_(metrics.histogram(m::kCommitCommands, {})),
      without_proof_(loop, "refused calls without proof", kStrangersLines),
      refused_(loop, "refused calls with proof", kSendersLines),
      repeated_(loop, "duplicate and filtered deliveries", kSendersLines) {
  know("", "");
  for (const int status : {400, 408, 431, 503})
    broken_[status] = metrics_.counter(m::kBrokenRequests, {std::to_string(status)});
}

void Telemetry::know(const std::string& source, const std::string& hook) {
  By<Hook>& of_source = hooks_[source];
  if (of_source.contains(hook)) return;
  Hook& made = of_source[hook];
  for (std::size_t i = 0; i < kVerdicts; ++i)
    made.verdicts[i] = metrics_.counter(m::kDeliveries, {source, hook, std::string(kVerdictNames[i])});
  if (!source.empty()) made.not_stored = metrics_.counter(m::kNotStored, {source, hook});
}

void Telemetry::use(const Rules& rules) {
  for (const std::string& path : rules.sources().paths()) {
    const auto route = rules.sources().route(path);
    if (route) know(route->source->name(), route->hook);
  }
  for (const connector::Target& target : rules.targets())
    metrics_.set(m::kBreakerOpen, {target.name}, 0);
  for (const auto& bound : rules.workflows()) {
    (void)workflow(bound->workflow->name);
    const auto know_steps = [&](std::string_view team) {
      for (const Step& step : bound->step_rows(team))
        (void)action(step.target, step.uses);
    };
    know_steps("");
    for (const engine::Team& team : rules.teams())
      know_steps(team.name);
  }
}

const Telemetry::Hook& Telemetry::hook(std::string_view source, std::string_view hook) const {
  const auto of_source = hooks_.find(source);
  if (of_source != hooks_.end()) {
    const auto found = of_source->second.find(hook);
    if (found != of_source->second.end()) return found->second;
  }
  return hooks_.find("")->second.find("")->second;  // whoever called cannot name a series
}

Telemetry::Action& Telemetry::action(const std::string& target, const std::string& uses) {
  By<Action>& of_target = actions_[target];
  const auto found = of_target.find(uses);
  if (found != of_target.end()) return found->second;
  Action& made = of_target[uses];
  const std::string named = target_name(target);
  const std::string verb = action_name(target, uses);
  for (std::size_t i = 0; i < kOutcomes; ++i)
    made.attempts[i] = metrics_.counter(m::kAttempts, {named, verb, std::string(outcome_names()[i])});
  for (std::size_t i = 0; i < kStepEnds.size(); ++i)
    made.ends[i] = metrics_.counter(m::kStepsEnded, {named, verb, std::string(to_text(kStepEnds[i]))});
  return made;
}

Telemetry::Workflow& Telemetry::workflow(const std::string& name) {
  const auto found = workflows_.find(name);
  if (found != workflows_.end()) return found->second;
  Workflow& made = workflows_[name];
  for (std::size_t i = 0; i < kRunEnds.size(); ++i)
    made.ends[i] = metrics_.counter(m::kRunsEnded, {name, std::string(to_text(kRunEnds[i]))});
  made.seconds = metrics_.histogram(m::kRunSeconds, {name});
  return made;
}

// -- what comes in

void Telemetry::delivery(const Delivery& delivery, const std::string& canary, Duration took) {
  count_delivery(delivery);
  if (took != Duration(0)) intake_.observe(seconds(took));
  if (delivery.verdict != Verdict::kAccepted) log_delivery(delivery, canary);
}

void Telemetry::count_delivery(const Delivery& delivery) {
  const auto verdict = static_cast<std::size_t>(delivery.verdict) - 1;
  hook(delivery.source, delivery.hook).verdicts[verdict].add();
}

void Telemetry::log_delivery(const Delivery& d, const std::string& canary) {
  const bool room = d.verdict == Verdict::kRejected ? take_refusal(d.proof)
                                                    : log::enabled(log::Level::kInfo) && repeated_.take();
  if (room) write_delivery(d, canary);
}

bool Telemetry::take_refusal(std::string_view proof) {
  return log::enabled(log::Level::kWarn) && (proof.empty() ? without_proof_ : refused_).take();
}

void Telemetry::write_delivery(const Delivery& d, const std::string& canary) {
  const auto level = d.verdict == Verdict::kRejected ? log::Level::kWarn : log::Level::kInfo;
  log::write(level, "delivery " + std::string(to_text(d.verdict)),
             {{"delivery", d.id ? d.id.text() : ""},
              {"event", d.event ? d.event->text() : ""},
              {"source", d.source},
              {"cluster", d.cluster},
              {"hook", d.hook},
              {"canary", cut(canary, kTargetShown)},
              {"path", d.source.empty() ? cut(d.target, kTargetShown) : std::string()},
              {"status", d.status},
              {"why", words(d.reason)},
              {"proof", d.proof},
              {"remote", d.remote}});
}

void Telemetry::not_stored(const std::string& source, const std::string& hook_name, std::string_view why) {
  hook(source, hook_name).not_stored.add();
  if (!refused_.take()) return;
  log::error("a delivery could not be stored and was answered 503",
             {{"source", source}, {"hook", hook_name}, {"why", words(why)}});
}

void Telemetry::broken(int status, std::string_view why) {
  const auto known = broken_.find(status);
  const m::Counter counter =
      known != broken_.end() ? known->second : metrics_.counter(m::kBrokenRequests, {std::to_string(status)});
  counter.add();
  if (!log::enabled(log::Level::kInfo) || !without_proof_.take()) return;
  log::info("a request could not be read", {{"status", status}, {"why", words(why)}});
}

// -- what is done

void Telemetry::attempt(const store::Work& work, const Outcome& outcome, Duration took) {
  const Step& step = work.run.steps[work.step];
  Action& of = action(step.target, step.uses);
  of.attempts[outcome.index()].add();
  auto& latency = of.seconds[outcome.index()];
  if (!latency) {
    latency = metrics_.histogram(
        m::kAttemptSeconds,
        {target_name(step.target), action_name(step.target, step.uses), std::string(kind_of(outcome))});
  }
  latency->observe(seconds(took));
  // A hold is reported with the commit that holds the step, whatever the attempt's outcome was.
  const bool expected = std::holds_alternative<Held>(outcome) || std::holds_alternative<Succeeded>(outcome) ||
                        std::holds_alternative<Skipped>(outcome) || std::holds_alternative<Waits>(outcome) ||
                        std::holds_alternative<Spread>(outcome);
  const auto level = expected ? log::Level::kDebug : log::Level::kWarn;
  if (!log::enabled(level)) return;
  log::write(level, "attempt ended",
             {{"run", work.run.id.text()},
              {"workflow", work.run.workflow},
              {"canary", cut(work.event->name_space + "/" + work.event->name, kTargetShown)},
              {"step", step.title},
              {"target", step.target},
              {"attempt", work.lease.attempt.text()},
              {"outcome", kind_of(outcome)},
              {"why", words(why_of(outcome))}});
}

void Telemetry::breaker(const std::string& target, bool open) {
  metrics_.set(m::kBreakerOpen, {target}, open ? 1 : 0);
}

void Telemetry::happened(const store::Happened& happened) {
  for (const store::Happened::Commit& commit : happened.commits) {
    commit_seconds_.observe(seconds(commit.took));
    commit_commands_.observe(static_cast<double>(commit.commands));
  }
  for (const store::StepEnd& end : happened.steps) {
    const auto state = static_cast<std::size_t>(end.state) - static_cast<std::size_t>(kStepEnds.front());
    action(end.target, end.uses).ends[state].add();
  }
  for (const store::StepHeld& held : happened.held)
    log_held(held);
  for (const store::RunEnd& end : happened.runs) {
    Workflow& of = workflow(end.workflow);
    of.ends[static_cast<std::size_t>(end.state) - static_cast<std::size_t>(kRunEnds.front())].add();
    of.seconds.observe(seconds(end.took));
    log_end(end);
  }
}

void Telemetry::log_held(const store::StepHeld& held) {
  if (!log::enabled(log::Level::kWarn)) return;
  const std::string number = std::to_string(held.number);
  log::warn("a step is held for a person", {{"run", held.run.text()},
                                            {"workflow", held.workflow},
                                            {"canary", cut(held.canary, kTargetShown)},
                                            {"step", held.step},
                                            {"target", held.target},
                                            {"why", words(held.reason)},
                                            {"cause", words(held.cause)},
                                            {"do", "postlude runs resume " + held.run.text() + " --step " +
                                                       number + " --as done, repeat or fail"}});
}

void Telemetry::log_end(const store::RunEnd& end) {
  const auto level = end.state == RunState::kFailed ? log::Level::kError : log::Level::kInfo;
  if (!log::enabled(level)) return;
  log::write(level, "run " + std::string(to_text(end.state)),
             {{"run", end.run.text()},
              {"workflow", end.workflow},
              {"event", end.event.text()},
              {"canary", cut(end.canary, kTargetShown)},
              {"took", postlude::to_text(std::chrono::duration_cast<std::chrono::milliseconds>(end.took))},
              {"cause", words(end.cause)},
              {"why", words(end.reason)}});
}

void Telemetry::stop() {
  without_proof_.stop();
  refused_.stop();
  repeated_.stop();
}

}  // namespace postlude::pipeline
