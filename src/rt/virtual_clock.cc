#include "rt/virtual_clock.h"

#include <vector>

#include "base/chance.h"
#include "base/check.h"

namespace postlude::rt {

namespace {
thread_local VirtualClock* of_this_thread = nullptr;
// As of a machine that has run for a while: nothing takes the beginning of time for "never".
constexpr Duration kUptime = std::chrono::hours(1);
}  // namespace

VirtualClock* VirtualClock::current() {
  return of_this_thread;
}

VirtualClock::VirtualClock(Instant start, std::uint64_t seed) : wall_(start), steady_(kUptime) {
  CHECK(of_this_thread == nullptr);
  of_this_thread = this;
  seed_chance(seed);
}

VirtualClock::~VirtualClock() {
  CHECK(of_this_thread == this);
  of_this_thread = nullptr;
  unseed_chance();
}

VirtualClock::Ticket VirtualClock::at(Duration when, std::function<void()> call, const void* owner) {
  const Ticket ticket{std::max(when, steady_), ++asked_};
  entries_.emplace(ticket, Entry{std::move(call), owner});
  return ticket;
}

std::function<void()> VirtualClock::take(const Ticket& ticket) {
  const auto found = entries_.find(ticket);
  if (found == entries_.end()) return nullptr;
  std::function<void()> call = std::move(found->second.call);
  entries_.erase(found);
  return call;
}

void VirtualClock::drop(const void* owner) {
  std::vector<Entry> dropped;  // their ends may look at us
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto here = it++;
    if (here->second.owner != owner) continue;
    dropped.push_back(std::move(here->second));
    entries_.erase(here);
  }
}

std::optional<Duration> VirtualClock::next() const {
  return entries_.empty() ? std::nullopt : std::optional<Duration>(entries_.begin()->first.first);
}

void VirtualClock::advance_to(Duration when) {
  if (when <= steady_) return;
  wall_ += when - steady_;
  steady_ = when;
}

void VirtualClock::call_next() {
  CHECK(!entries_.empty());
  advance_to(entries_.begin()->first.first);
  const std::function<void()> call = std::move(entries_.begin()->second.call);
  entries_.erase(entries_.begin());
  call();
}

RealTime::RealTime() : before_(std::exchange(of_this_thread, nullptr)), paused_before_(pause_chance(true)) {}

RealTime::~RealTime() {
  of_this_thread = before_;
  pause_chance(paused_before_);
}

}  // namespace postlude::rt
