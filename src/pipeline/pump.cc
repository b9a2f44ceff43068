#include "pipeline/pump.h"

#include <algorithm>

#include "base/log.h"

namespace postlude::pipeline {

namespace {

void told_over(Repeated& trouble, std::string_view words) {
  if (const std::size_t times = trouble.over(); times > 0) log::info(words, {{"failures", times}});
}

}  // namespace

Pump::Pump(rt::Loop& loop, Pipeline& pipeline, store::Store& store, PumpOptions options)
    : loop_(loop),
      pipeline_(pipeline),
      store_(store),
      options_(options),
      group_(loop, "pump"),
      plan_waker_(loop) {}

void Pump::start() {
  group_.start(plan_loop());
  group_.start(step_loop());
}

void Pump::offer(Event event) {
  missed_ = true;
  if (behind_ || stopping_) return;  // the plan loop finds it in its turn
  if (in_hand_.size() >= options_.planning_max || bytes_in_hand_ >= store::kUnplannedBytes) {
    behind_ = true;
    plan_waker_.wake();
    return;
  }
  enqueue(std::move(event));
}

void Pump::enqueue(Event event) {
  if (!in_hand_.insert(event.id).second) return;
  bytes_in_hand_ += bytes_of(event);
  std::string key = canary_key(event);
  std::deque<Event>& queue = canaries_[key];
  queue.push_back(std::move(event));
  if (queue.size() == 1) group_.start(plan_canary(std::move(key)));
}

void Pump::put_down(const Event& event) {
  in_hand_.erase(event.id);
  bytes_in_hand_ -= bytes_of(event);
}

// One event of a canary after the other, so that its runs are made in the order of its events.
rt::Task<> Pump::plan_canary(std::string key) {
  while (!canaries_[key].empty() && !stopping_) {
    const Event event = canaries_[key].front();
    AWAIT(const Status planned, pipeline_.plan(event));
    if (!planned && planned.error().code != Code::kConflict) {
      if (const std::size_t times = not_planned_.came(rt::steady_now()); times > 0)
        log::warn("an event could not be planned; it will be again",
                  {{"event", event.id.text()}, {"why", planned.error().message}, {"times", times}});
      // In order or not at all: the canary's later events wait in the store as well.
      for (const Event& left : canaries_[key])
        put_down(left);
      canaries_.erase(key);
      behind_ = true;
      co_return;
    }
    told_over(not_planned_, "events are planned again");
    put_down(event);
    canaries_[key].pop_front();
  }
  canaries_.erase(key);
  if (behind_) plan_waker_.wake();
}

rt::Task<> Pump::plan_loop() {
  while (!stopping_) {
    if (behind_ && in_hand_.size() < options_.planning_max / 2 &&
        bytes_in_hand_ < store::kUnplannedBytes / 2) {
      const std::size_t room = options_.planning_max;
      missed_ = false;
      AWAIT(auto events, store_.unplanned(room));
      if (!events) {
        if (const std::size_t times = not_read_.came(rt::steady_now()); times > 0) {
          log::warn("unplanned events could not be read",
                    {{"why", events.error().message}, {"times", times}});
        }
      } else {
        told_over(not_read_, "unplanned events are read again");
        std::size_t bytes = 0;
        for (Event& event : *events) {
          bytes += bytes_of(event);
          enqueue(std::move(event));
        }
        if (missed_) continue;  // accepted while we read: it may not be in this list
        if (events->size() < room && bytes < store::kUnplannedBytes) behind_ = false;
      }
    }
    AWAIT_DONE(plan_waker_.wait_at_most(options_.plan_again));
  }
}

store::Claim Pump::next_claim() {
  store::Claim claim;
  claim.now = rt::now();
  claim.steps_max = std::min<std::size_t>(64, options_.steps_max - std::min(options_.steps_max, steps_));
  const Duration now = rt::steady_now();
  until_rate_ = options_.step_again;
  for (const connector::Target& target : pipeline_.rules().targets()) {
    const auto at = under_way_.find(target.name);
    const std::size_t busy = at == under_way_.end() ? 0 : at->second;
    std::size_t room = target.limits.concurrency - std::min(target.limits.concurrency, busy);
    engine::Breaker& breaker = pipeline_.breaker(target.name);
    room = breaker.room(room, busy, now);
    const Duration probe = breaker.until(now);
    if (probe > Duration(0))
      until_rate_ = std::min(until_rate_, std::max<Duration>(probe, std::chrono::milliseconds(1)));
    if (target.limits.rate) {
      const std::size_t wanted = std::min(room, claim.steps_max);
      room = pipeline_.target_rates().take(target.name, *target.limits.rate, wanted, now);
      if (room == 0 && wanted > 0) {
        const Duration until = pipeline_.target_rates().until_next(target.name, *target.limits.rate, now);
        until_rate_ = std::min(until_rate_, std::max<Duration>(until, std::chrono::milliseconds(1)));
      }
    }
    claim.room[target.name] = room;
  }
  const auto own = under_way_.find("");
  const std::size_t busy = own == under_way_.end() ? 0 : own->second;
  claim.room[""] = options_.built_ins_max - std::min(options_.built_ins_max, busy);
  return claim;
}

// Gives back what the rates allowed and the claim did not use.
void Pump::settle_rates(const store::Claim& claim, const std::vector<store::Work>& works) {
  for (const connector::Target& target : pipeline_.rules().targets()) {
    if (!target.limits.rate) continue;
    const auto used =
        static_cast<std::size_t>(std::count_if(works.begin(), works.end(), [&](const store::Work& work) {
          return work.run.steps[work.step].target == target.name && !work.overdue;
        }));
    const auto room = claim.room.find(target.name);
    if (room != claim.room.end() && room->second > used)
      pipeline_.target_rates().give_back(target.name, room->second - used);
  }
}

rt::Task<> Pump::step_loop() {
  while (!stopping_) {
    if (store_.take_made_event()) {  // by a run that failed, within the store: nobody has offered it
      behind_ = true;
      plan_waker_.wake();
    }
    store::Claim claim = next_claim();
    std::size_t claimed = 0;
    const std::size_t wanted = claim.steps_max;
    if (wanted > 0) {
      const store::Claim asked = claim;
      AWAIT(auto works, store_.claim(std::move(claim)));
      if (!works) {
        settle_rates(asked, {});
        if (const std::size_t times = not_claimed_.came(rt::steady_now()); times > 0) {
          log::warn("due steps could not be claimed", {{"why", works.error().message}, {"times", times}});
        }
      } else {
        told_over(not_claimed_, "due steps are claimed again");
        settle_rates(asked, *works);
        claimed = works->size();
        for (store::Work& work : *works) {
          ++steps_;
          ++under_way_[work.run.steps[work.step].target];
          group_.start(carry(std::move(work)));
        }
      }
    }
    if (claimed == 0) AWAIT_DONE(store_.woken(until_rate_));
  }
}

rt::Task<> Pump::carry(store::Work work) {
  const std::string target = work.run.steps[work.step].target;
  std::optional<store::Work> next = std::move(work);
  while (next) {  // a run's steps of one target follow each other without asking who else waits
    const std::string step = next->run.id.text() + "/" + std::to_string(next->step);
    store::Work now = *std::move(next);
    next.reset();
    AWAIT(auto advanced, pipeline_.advance(std::move(now)));
    if (advanced) {
      next = *std::move(advanced);
    } else if (advanced.error().code != Code::kConflict) {
      // The outcome is lost; the lease lapses at the next start, and the effects' rules decide.
      log::error("an attempt's outcome could not be recorded",
                 {{"step", step}, {"why", advanced.error().message}});
    }
  }
  --steps_;
  --under_way_[target];
  store_.wake();  // its target has room again
}

rt::Task<bool> Pump::stop() {
  stopping_ = true;
  plan_waker_.wake();
  store_.wake();
  AWAIT(const bool all, group_.close(options_.drain));
  co_return all;
}

rt::Task<> Pump::finish() {
  AWAIT(const bool all, group_.close(std::chrono::seconds(1)));
  if (!all) log::warn("some steps had not ended; they go on at the next start", {{"count", group_.size()}});
}

}  // namespace postlude::pipeline
