#include "rehearsal/people.h"

#include <algorithm>

namespace postlude::rehearsal {

namespace {

constexpr std::size_t kRunsMax = 1'000;

bool wanted(const GivenAnswer& reply, const Run& run, const Step& step) {
  if (reply.step != step.name || step.announces) return false;
  if (!reply.workflow.empty() && reply.workflow != run.workflow) return false;
  if (reply.kind == AnswerKind::kCallback) return step.uses == "callback" && !step.element_of;
  return step.asks && step.state == StepState::kWaiting;
}

}  // namespace

std::vector<store::RunBrief> runs_of(Rehearsal& rehearsal) {
  std::vector<store::RunBrief> out;
  store::Page page;
  page.limit = kRunsMax;
  const auto runs = rehearsal.ask(rehearsal.store().runs(store::Filter(), page));
  if (!runs || !*runs) return out;
  for (auto run = (*runs)->rbegin(); run != (*runs)->rend(); ++run) {
    auto detail = rehearsal.ask(rehearsal.store().brief(run->id));
    if (detail && *detail) out.push_back(std::move(**detail));
  }
  return out;
}

People::People(Rehearsal& rehearsal, std::vector<GivenAnswer> replies)
    : rehearsal_(rehearsal), replies_(std::move(replies)), states_(replies_.size(), State::kOpen) {}

bool People::quiet() {
  if (asked_at_ != rehearsal_.memory().commits()) {
    asked_at_ = rehearsal_.memory().commits();
    quiet_ = rehearsal_.memory().quiet();
  }
  return quiet_;
}

bool People::all_given() const {
  return std::all_of(states_.begin(), states_.end(), [](State s) { return s == State::kGiven; });
}

void People::look() {
  for (const store::RunBrief& detail : runs_of(rehearsal_)) {
    if (!terminal(detail.run.state)) look_at(detail.run);
  }
}

void People::look_at(const Run& run) {
  for (const Step& step : run.steps) {
    for (std::size_t i = 0; i < replies_.size(); ++i) {
      if (states_[i] != State::kOpen || answered_.contains(step.id) || !wanted(replies_[i], run, step))
        continue;
      const bool callback = replies_[i].kind == AnswerKind::kCallback;
      const Instant since = callback ? run.created_at : rt::now();
      due_.push_back({since + replies_[i].after, i, run.id, step.index});
      states_[i] = State::kDue;
      answered_.insert(step.id);
    }
  }
}

void People::give_what_is_due() {
  for (std::size_t i = 0; i < due_.size();) {
    if (due_[i].at > rt::now()) {
      ++i;
      continue;
    }
    const Due due = due_[i];
    due_.erase(due_.begin() + static_cast<std::ptrdiff_t>(i));
    states_[due.reply] = State::kGiven;
    const GivenAnswer& reply = replies_[due.reply];
    const auto taken = rehearsal_.ask(
        rehearsal_.store().answer(due.run, due.step, Answer{reply.kind, reply.by, reply.body, rt::now()}));
    if (!taken || !*taken) {
      refused_.push_back("the answer to step '" + reply.step + "' (" + reply.place.text() +
                         ") was not taken: " + (taken ? taken->error().message : "the process died"));
    }
  }
}

bool People::run_until_quiet(const std::function<bool()>& enough, Duration at_most) {
  const Instant end = rt::now() + at_most;
  while (!enough() && rt::now() < end) {
    if (all_given())
      return rehearsal_.run_until([&] { return enough() || quiet(); }, end - rt::now()) && !enough();
    const std::uint64_t commits = rehearsal_.memory().commits();
    look();
    give_what_is_due();
    Instant until = end;
    for (const Due& due : due_)
      until = std::min(until, due.at);
    if (due_.empty() && quiet() && rehearsal_.memory().commits() == commits) return true;
    rehearsal_.run_until([&] { return enough() || rehearsal_.memory().commits() != commits; },
                         until - rt::now());
  }
  return false;
}

std::vector<std::string> People::problems() const {
  std::vector<std::string> out = refused_;
  for (std::size_t i = 0; i < replies_.size(); ++i) {
    if (states_[i] == State::kGiven) continue;
    const bool callback = replies_[i].kind == AnswerKind::kCallback;
    out.push_back(replies_[i].place.text() + ": no step '" + replies_[i].step + "' " +
                  (callback ? "was there to be called back" : "waited for this approval"));
  }
  return out;
}

}  // namespace postlude::rehearsal
