#include "rehearsal/trial.h"

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "rehearsal/yaml_text.h"
#include "rt/virtual_clock.h"

namespace postlude::rehearsal {

namespace {

constexpr Duration kAtMost = std::chrono::hours(24 * 366);   // of virtual time
constexpr Duration kRealAtMost = std::chrono::seconds(120);  // of everybody's
constexpr std::size_t kRequestsMax = 10'000;
constexpr std::size_t kPasteMax = 10;

Duration real_time() {
  const rt::RealTime real;
  return rt::steady_now();
}

// Text that a test's author may paste into `responses`.
std::string paste(const Message& message) {
  if (!message.statement.empty()) {
    return "- {request: " + to_text(json::value(message.method + " " + message.statement)) +
           ", target: " + message.target + (message.method == "QUERY" ? ", rows: [{}]}" : ", count: 1}");
  }
  std::string path = message.path;
  char between = '?';
  for (const auto& member : message.query) {
    const json::array values =
        member.value().is_array() ? member.value().get_array() : json::array{member.value()};
    for (const json::value& value : values) {
      path += between + percent_encode(std::string_view(member.key())) + "=" +
              percent_encode(view(value.as_string()));
      between = '&';
    }
  }
  return "- {request: " + to_text(json::value(message.method + " " + path)) + ", target: " + message.target +
         ", status: 200, body: {}}";
}

std::string indented(std::string_view text, std::size_t by) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) out += std::string(by, ' ') + std::string(line) + "\n";
  }
  return out;
}

// The systems: what they answer to what goes out.
class World {
 public:
  World(const Test& test, const pipeline::Rules& rules)
      : test_(test), rules_(rules), uses_(test.responses.size(), 0) {}

  rehearsal::ScriptedAnswer answer(const Sent& sent) {
    const connector::Target* target = rules_.target(sent.target);
    const Message message =
        message_of(sent.target, target == nullptr ? std::string_view() : target->url, sent.shown());
    messages.push_back(message);
    const auto index = choose(message);
    if (!index) {
      unanswered.push_back(message);
      if (!unanswered_at) unanswered_at = rt::now();
      return {std::chrono::seconds(1), Error(Code::kUnavailable, "the test has no response for it")};
    }
    ++uses_[*index];
    const Response& response = test_.responses[*index];
    if (!response.fault) return {response.delay, response.answer};
    switch (*response.fault) {
      case NoAnswer::kRefused:
        return {response.delay, Error(Code::kUnavailable, "the connection was refused")};
      case NoAnswer::kReset:
        return {response.delay, Error(Code::kUnknown, "the connection was reset")};
      case NoAnswer::kTimeout:
        break;
    }
    return {std::chrono::hours(24), Error(Code::kUnknown, "no answer came")};  // longer than any timeout
  }

  std::vector<std::string> unused() const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      const Response& response = test_.responses[i];
      if (uses_[i] > 0) continue;
      out.push_back(response.place.text() + ": the response to " + response.written +
                    (response.target.empty() ? "" : " of " + response.target) + " was never used");
    }
    return out;
  }

  std::vector<Message> messages;
  std::vector<Message> unanswered;
  std::optional<Instant> unanswered_at;

 private:
  static bool same_path(std::string_view a, std::string_view b) {
    return a == b || (percent_decode(a) && percent_decode(a) == percent_decode(b));
  }
  static bool fits(const Response& response, const Message& message) {
    return (response.target.empty() || response.target == message.target) &&
           response.method == message.method && same_path(response.path, message.path) &&
           (response.statement.empty() || response.statement == message.statement) &&
           (!response.query || canonical(*response.query) == canonical(message.query));
  }
  // The first unused one, else the last that repeats.
  std::optional<std::size_t> choose(const Message& message) const {
    std::optional<std::size_t> again;
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      if (!fits(test_.responses[i], message)) continue;
      if (uses_[i] == 0) return i;
      if (test_.responses[i].repeat) again = i;
    }
    return again;
  }

  const Test& test_;
  const pipeline::Rules& rules_;
  std::vector<std::size_t> uses_;
};

SeenRun seen_run(const Run& run) {
  SeenRun out{run.workflow, std::string(to_text(run.state)), run.reason, {}};
  for (const Step& step : run.steps) {
    if (step.element_of || step.announces) continue;
    out.steps.push_back(
        {step_label(step.name, step.definition), std::string(to_text(step.state)), step.reason});
  }
  return out;
}

std::string what_for(const Run& run, const Step& step) {
  const std::string label = "step '" + step_label(step.name, step.definition) + "' of " + run.workflow + " ";
  if (step.asks) return label + "waits for an approval: add it to `approvals`";
  if (step.held) return label + "is held for a person: " + step.reason;
  if (step.uses == "callback") return label + "waits for a callback: add it to `callbacks`";
  const std::string reason = step.reason.empty() ? "" : ": " + step.reason;
  const std::string due = step.due_at ? ", until " + to_rfc3339(*step.due_at) : "";
  return label + "is " + std::string(to_text(step.state)) + due + reason;
}

// Why a run has not ended.
std::vector<std::string> waits_of(const Run& run) {
  std::vector<std::string> out;
  for (const Step& step : run.steps) {
    const bool moves = step.state == StepState::kWaiting || step.state == StepState::kRunning || step.due_at;
    if (moves && !terminal(step.state)) out.push_back(what_for(run, step));
  }
  if (out.empty())
    out.push_back("the run of " + run.workflow + " is still " + std::string(to_text(run.state)));
  return out;
}

void look_at_runs(Rehearsal& rehearsal, EventId event, TrialResult& trial) {
  trial.details = runs_of(rehearsal);
  for (const store::RunBrief& detail : trial.details) {
    trial.runs.push_back(seen_run(detail.run));
    if (!terminal(detail.run.state)) {
      for (std::string& why : waits_of(detail.run))
        trial.waits.push_back(std::move(why));
    }
    for (const Step& step : detail.run.steps) {
      if (step.state != StepState::kFailed) continue;
      trial.notes.push_back(detail.run.workflow + ": step '" + step_label(step.name, step.definition) +
                            "' failed: " + step.reason);
    }
    if (detail.run.state == RunState::kFailed && !detail.run.reason.empty())
      trial.notes.push_back(detail.run.workflow + " failed: " + detail.run.reason);
  }
  auto stored = rehearsal.ask(rehearsal.store().event(event));
  if (!stored || !*stored) return;
  trial.plan = std::move((*stored)->plan);
  for (const store::Planned& planned : trial.plan) {
    if (!planned.runs) trial.notes.push_back(planned.workflow + " does not run: " + planned.why);
  }
}

void say_what_is_unanswered(const World& world, TrialResult& trial) {
  trial.cut_short = true;
  for (std::size_t i = 0; i < std::min(world.unanswered.size(), kPasteMax); ++i) {
    const Message& message = world.unanswered[i];
    Message shown = message;
    std::erase_if(shown.headers, [](const Header& h) { return is_ordinary(h); });
    trial.errors.push_back("there is no response for this request:\n" +
                           indented(yaml_text(value_of(shown)), 4) + "  add to `responses`, say\n    " +
                           paste(message));
  }
}

}  // namespace

TrialResult play(const Test& test, const std::shared_ptr<const pipeline::Rules>& rules,
                 pipeline::Expressions& expressions) {
  TrialResult trial;
  World world(test, *rules);
  Options options;
  options.start = test.now;
  const Duration began = real_time();
  auto begun = Rehearsal::begin(
      rules, expressions, [&world](const Sent& sent) { return world.answer(sent); }, std::move(options));
  if (!begun) {
    trial.errors.push_back("the test could not begin: " + begun.error().message);
    return trial;
  }
  Rehearsal& rehearsal = **begun;
  const auto event = rehearsal.accept(test.event);
  if (!event) {
    const bool filtered = event.error().code == Code::kDenied;
    (filtered ? trial.notes : trial.errors)
        .push_back(filtered ? event.error().message
                            : "the event would not be taken: " + event.error().message);
    if (filtered) trial.errors = world.unused();
    return trial;
  }
  People people(rehearsal, test.replies);
  bool too_long = false;
  const auto enough = [&] {
    // Reports all requests sent at the same moment together.
    if (world.unanswered_at && rt::now() > *world.unanswered_at) return true;
    too_long = too_long || real_time() - began > kRealAtMost || world.messages.size() > kRequestsMax;
    return too_long;
  };
  people.run_until_quiet(enough, kAtMost);
  look_at_runs(rehearsal, *event, trial);
  trial.requests = world.messages;
  if (!world.unanswered.empty()) {
    say_what_is_unanswered(world, trial);
    return trial;
  }
  if (too_long) {
    trial.errors.push_back(world.messages.size() > kRequestsMax
                               ? "stopped: more than " + std::to_string(kRequestsMax) + " requests went out"
                               : "stopped: it took longer than " + to_text(kRealAtMost));
  }
  for (std::vector<std::string> problems : {people.problems(), world.unused()})
    trial.errors.insert(trial.errors.end(), problems.begin(), problems.end());
  return trial;
}

Comparison judge(const Test& test, const TrialResult& trial) {
  Comparison out;
  out.why = trial.errors;
  if (trial.cut_short) return out;
  if (!test.runs && !test.requests) {
    out.why.emplace_back("`expect` says nothing: `postlude test --update` writes what was seen");
    out.why.insert(out.why.end(), trial.waits.begin(), trial.waits.end());
    return out;
  }
  // A run may be expected to wait; where it is not, what it waits for is missing in the test.
  const auto as_expected = [&](const SeenRun& run) {
    return test.runs && std::any_of(test.runs->begin(), test.runs->end(), [&](const ExpectedRun& e) {
             return e.workflow == run.workflow && e.state == run.state;
           });
  };
  const auto ended = [](const SeenRun& run) {
    const auto state = run_state_named(run.state);
    CHECK(state.has_value());
    return terminal(*state);
  };
  const bool waiting = std::any_of(trial.runs.begin(), trial.runs.end(),
                                   [&](const SeenRun& run) { return !ended(run) && !as_expected(run); });
  if (waiting) out.why.insert(out.why.end(), trial.waits.begin(), trial.waits.end());
  if (test.runs) out.runs = diff_of_runs(*test.runs, trial.runs);
  if (test.requests) out.requests = diff_of_requests(*test.requests, trial.requests);
  return out;
}

}  // namespace postlude::rehearsal
