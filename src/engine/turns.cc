#include "engine/turns.h"

#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"

namespace postlude::engine {

namespace {

constexpr std::size_t kCauseMax = 200;

std::string title_of(const Step& step) {
  return step.title.empty() ? "step " + std::to_string(step.index + 1) : step.title;
}

// An element's failure is told by its forEach step, an announcement's by nobody.
bool counts(const Step& step) {
  return !step.element_of && !step.continues;
}

enum class Visit : std::uint8_t { kNotVisited, kClean, kFailed };

// Whether something on the way to `i` has failed. Each step is looked at once, however many ways there are.
template <class StepAt, class Failed>
bool failed_upstream(std::uint32_t i, std::vector<Visit>& seen, const StepAt& step, const Failed& failed) {
  if (seen[i] != Visit::kNotVisited) return seen[i] == Visit::kFailed;
  seen[i] = Visit::kClean;
  const auto& needs = step(i).needs;
  const bool hurt = std::any_of(needs.begin(), needs.end(), [&](std::uint32_t need) {
    return failed(need) || failed_upstream(need, seen, step, failed);
  });
  if (hurt) seen[i] = Visit::kFailed;
  return hurt;
}

// The run's steps as they will be, while it is worked out.
class Turns {
 public:
  Turns(const Run& run, Instant now, Decision& decision) : run_(run), now_(now), decision_(decision) {
    for (const Step& step : run.steps)
      rows_.push_back({step.state, step.due_at.has_value(), step.held, step.spread, false});
    for (const StepChange& change : decision.changes) {
      Row& row = rows_[change.index];
      row = {change.state, change.due_at.has_value(), change.held, change.spread || row.spread, true};
    }
    for (const Step& added : decision.added)
      rows_.push_back({added.state, added.due_at.has_value(), false, false, true});
  }

  void settle() {
    do {
      moved_ = false;
      for (std::uint32_t i = 0; i < rows_.size(); ++i)
        look_at(i);
    } while (moved_);
    conclude();
  }

 private:
  struct Row {
    StepState state = StepState::kPending;
    bool due = false;
    bool held = false;
    bool spread = false;
    bool changed = false;
  };

  const Step& step(std::uint32_t i) const {
    return i < run_.steps.size() ? run_.steps[i] : decision_.added[i - run_.steps.size()];
  }
  bool ended(std::uint32_t i) const { return terminal(rows_[i].state); }
  bool failed(std::uint32_t i) const { return rows_[i].state == StepState::kFailed && !step(i).continues; }

  bool list_over(StepList list) const {
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
      if (step(i).list == list && !ended(i)) return false;
    }
    return true;
  }
  bool list_failed(StepList list) const {
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
      if (step(i).list == list && counts(step(i)) && rows_[i].state == StepState::kFailed) return true;
    }
    return false;
  }
  bool cancelling() const { return !run_.cancel.empty(); }

  // Whether a step that it needs, directly or through others, has failed.
  bool hurt(std::uint32_t i) const {
    std::vector<Visit> seen(rows_.size(), Visit::kNotVisited);
    return failed_upstream(
        i, seen, [&](std::uint32_t s) -> const Step& { return step(s); },
        [&](std::uint32_t s) { return failed(s); });
  }
  // The failure that leaves it out: the first there is, in the order of the list.
  std::string hurt_by(std::uint32_t i) const {
    for (std::uint32_t s = 0; s < rows_.size(); ++s) {
      if (step(s).list == step(i).list && counts(step(s)) && failed(s)) return title_of(step(s));
    }
    return "an earlier step";
  }

  StepChange& change(std::uint32_t i, StepState state, std::string reason) {
    moved_ = true;
    rows_[i].state = state;
    rows_[i].due = false;
    rows_[i].held = false;
    rows_[i].changed = true;
    for (StepChange& known : decision_.changes) {
      if (known.index != i) continue;
      known.state = state;
      known.reason = std::move(reason);
      known.because = Because::kOther;
      known.due_at = std::nullopt;
      known.held = known.asks = false;
      known.cause.clear();
      return known;
    }
    StepChange fresh;
    fresh.index = i;
    fresh.state = state;
    fresh.reason = std::move(reason);
    decision_.changes.push_back(std::move(fresh));
    return decision_.changes.back();
  }

  void give_turn(std::uint32_t i) {
    if (i >= run_.steps.size()) {  // a new row: it is written as it stands
      decision_.added[i - run_.steps.size()].due_at = now_;
      rows_[i].due = true;
      moved_ = true;
      return;
    }
    change(i, StepState::kPending, "").due_at = now_;
    rows_[i].due = true;
  }

  void look_at(std::uint32_t i) {
    if (ended(i)) return;
    if (rows_[i].spread) {
      gather(i);
      return;
    }
    const bool leased = rows_[i].state == StepState::kRunning;
    if (leased) return;
    if (cancelling() && left_out_by_cancel(i)) {
      change(i, StepState::kCancelled, run_.cancel);
      return;
    }
    if (step(i).announces) {
      announce(i, *step(i).announces);
      return;
    }
    if (rows_[i].state != StepState::kPending || rows_[i].due) return;
    if (step(i).element_of) {  // its step has begun; a person had it begin anew
      give_turn(i);
    } else {
      take_turn(i);
    }
  }

  // `finally` is taken even so, where anything has begun at all.
  bool left_out_by_cancel(std::uint32_t i) const {
    // One that waits may have begun before: it was to go on once more.
    return step(i).list != StepList::kFinally || !run_.started_at || run_.waits_turn;
  }

  void announce(std::uint32_t i, std::uint32_t of) {
    if (rows_[i].held && ended(of)) {  // nobody is to be asked about it any more
      change(i, StepState::kFailed, "the wait is over; whether it was announced is unclear");
      return;
    }
    if (rows_[i].state != StepState::kPending) return;
    if (ended(of)) {
      change(i, StepState::kSkipped, rows_[i].due ? "the wait is over" : "there was no wait");
    } else if (rows_[of].state == StepState::kWaiting && !rows_[of].held && !rows_[i].due) {
      give_turn(i);
    }
  }

  // Whether the steps that it needs have ended; and the steps that those need, if a person skipped one before
  // its turn.
  bool needs_over(std::uint32_t i) const {
    std::vector<bool> seen(rows_.size(), false);
    std::vector<std::uint32_t> open{i};
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      for (const std::uint32_t need : step(at).needs) {
        if (!ended(need)) return false;
        if (rows_[need].state != StepState::kSkipped || seen[need]) continue;
        seen[need] = true;
        open.push_back(need);
      }
    }
    return true;
  }

  void take_turn(std::uint32_t i) {
    if (step(i).list == StepList::kOnFailure) {
      if (!list_over(StepList::kSteps)) return;
      if (!list_failed(StepList::kSteps)) {
        change(i, StepState::kSkipped, "no step failed").because = Because::kNoFailure;
        return;
      }
    }
    if (step(i).list == StepList::kFinally &&
        !(list_over(StepList::kSteps) && list_over(StepList::kOnFailure))) {
      return;
    }
    if (!needs_over(i)) return;
    if (hurt(i) && !step(i).after_failure) {
      change(i, StepState::kSkipped, hurt_by(i) + " failed").because = Because::kStepFailed;
      return;
    }
    if (step(i).list != StepList::kSteps && untouched(step(i).list)) decision_.begins_list = true;
    give_turn(i);
  }

  bool untouched(StepList list) const {
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
      if (step(i).list != list) continue;
      if (rows_[i].due || step(i).started_at || rows_[i].state == StepState::kWaiting) return false;
    }
    return true;
  }

  std::string outputs_of(std::uint32_t i) const {
    for (const StepChange& c : decision_.changes) {
      if (c.index == i && c.outputs) return c.outputs->empty() ? "null" : *c.outputs;
    }
    return step(i).outputs.empty() ? "null" : step(i).outputs;
  }
  std::string reason_of(std::uint32_t i) const {
    for (const StepChange& c : decision_.changes) {
      if (c.index == i) return c.reason;
    }
    return step(i).reason;
  }

  // What its failure is grouped by.
  std::string cause_in(std::uint32_t i) const {
    std::string cause = step(i).cause;
    for (const StepChange& c : decision_.changes) {
      if (c.index == i) cause = c.cause;
    }
    return cause.empty() ? cause_of(title_of(step(i)), reason_of(i)) : cause;
  }

  // A forEach step ends with the last of its elements; its outputs are theirs, in order.
  void gather(std::uint32_t i) {
    std::vector<std::uint32_t> elements;
    std::vector<std::uint32_t> bad;
    bool cancelled = false;
    for (std::uint32_t e = 0; e < rows_.size(); ++e) {
      if (step(e).element_of != i || step(e).announces) continue;
      if (step(e).round != step(i).round) continue;  // of an earlier failure
      if (!ended(e)) return;
      elements.push_back(e);
      if (rows_[e].state == StepState::kFailed) bad.push_back(e);
      cancelled = cancelled || rows_[e].state == StepState::kCancelled;
    }
    if (!bad.empty()) {
      const std::string why = reason_of(bad.front());
      const std::string one = cause_in(bad.front());
      const bool other = one != cause_of(title_of(step(bad.front())), why);
      change(
          i, StepState::kFailed,
          std::to_string(bad.size()) + " of " + std::to_string(elements.size()) + " elements failed: " + why)
          .cause = other ? one : "";
    } else if (cancelled) {
      change(i, StepState::kCancelled, run_.cancel);
    } else {
      std::string outputs = "[";
      for (const std::uint32_t e : elements) {
        if (outputs.size() > 1) outputs += ",";
        outputs += outputs_of(e);
      }
      change(i, StepState::kSucceeded, "").outputs = outputs + "]";
    }
  }

  void conclude() {
    bool all = true;
    bool busy = false;
    for (const Row& row : rows_) {
      all = all && terminal(row.state);
      busy = busy || (row.state == StepState::kRunning && !row.spread) ||
             (row.state == StepState::kPending && row.due);
    }
    decision_.reason.clear();
    if (!all) {
      decision_.run = busy ? RunState::kRunning : RunState::kWaiting;
      for (std::uint32_t i = 0; i < rows_.size(); ++i) {
        if (!rows_[i].held) continue;
        decision_.reason = title_of(step(i)) + ": " + reason_of(i);
        break;
      }
      return;
    }
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].state != StepState::kFailed || !counts(step(i))) continue;
      decision_.run = RunState::kFailed;
      decision_.reason = title_of(step(i)) + ": " + reason_of(i);
      decision_.cause = cause_in(i);
      return;
    }
    decision_.run = cancelling() ? RunState::kCancelled : RunState::kSucceeded;
    if (cancelling()) decision_.reason = run_.cancel;
  }

  const Run& run_;
  const Instant now_;
  Decision& decision_;
  std::vector<Row> rows_;
  bool moved_ = false;
};

}  // namespace

void settle(const Run& run, Instant now, Decision& decision) {
  Turns(run, now, decision).settle();
}

const Step* failed_step(const Run& run) {
  for (const Step& step : run.steps) {
    if (step.state == StepState::kFailed && counts(step)) return &step;
  }
  return nullptr;
}

bool after_failure(const Run& run, std::uint32_t step) {
  CHECK(step < run.steps.size());
  const Step& row = run.steps[step];
  if (row.list == StepList::kOnFailure) return true;
  if (row.list == StepList::kFinally && failed_step(run) != nullptr) return true;
  std::vector<Visit> seen(run.steps.size(), Visit::kNotVisited);
  const auto step_at = [&](std::uint32_t s) -> const Step& { return run.steps[s]; };
  const auto failed = [&](std::uint32_t s) {
    return run.steps[s].state == StepState::kFailed && !run.steps[s].continues;
  };
  return failed_upstream(row.element_of.value_or(step), seen, step_at, failed);
}

std::string cause_of(std::string_view title, std::string_view reason) {
  reason = reason.substr(0, reason.find(kAdvice));
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto word = [&](char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::string out(title);
  out += ": ";
  for (std::size_t at = 0; at < reason.size() && out.size() <= kCauseMax;) {
    std::size_t end = at;
    bool digits = false;
    while (end < reason.size() && (word(reason[end]) || reason[end] == '_')) {
      digits = digits || digit(reason[end]);
      ++end;
    }
    if (end == at && reason[at] == '/' &&
        (at == 0 || reason[at - 1] == ' ')) {  // a path names what it is about
      at = std::min(reason.find_first_of(" :,;", at), reason.size());
      out += "/*";
      continue;
    }
    if (end == at) {
      out += reason[at++];
      continue;
    }
    const std::string_view token = reason.substr(at, end - at);
    // A status such as 404 says what happened; ids, times and longer numbers only whom it happened to.
    const bool status = token.size() == 3 && token.front() >= '1' && token.front() <= '5' &&
                        std::all_of(token.begin(), token.end(), digit) && (at == 0 || reason[at - 1] == ' ');
    if (digits && !status) {
      if (!out.ends_with('#')) out += '#';
    } else {
      out += token.substr(0, kCauseMax + 1 - out.size());
    }
    at = end;
  }
  return std::string(whole_characters(out, kCauseMax));
}

}  // namespace postlude::engine
