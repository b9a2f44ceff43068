#pragma once
// VirtualClock: time that advances only when nothing is ready to run, with repeatable random numbers, for
// simulations, `test` and `simulate`.
//
// It outlives the loops that run in its time, so that the world outside a process (other systems, callers)
// goes on when a crash ends a loop. One at a time per thread; while it exists, rt::now(), rt::steady_now()
// and random_bytes() of this thread use it.

#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/time.h"
#include "rt/wall.h"

namespace postlude::rt {

class VirtualClock {
 public:
  VirtualClock(Instant start, std::uint64_t seed);
  ~VirtualClock();
  VirtualClock(const VirtualClock&) = delete;
  VirtualClock& operator=(const VirtualClock&) = delete;
  static VirtualClock* current();  // of this thread; nullptr: time is real

  Instant now() const { return wall_; }  // of the world; a process sees rt::now()
  Wall& believed() { return believed_; }
  Duration steady() const { return steady_; }
  void jump(Duration by) { wall_ += by; }  // moves the wall clock only, as if somebody set it

  // Schedules a call. Calls run in the order of their times, and at one time in the order of scheduling.
  // drop(owner) removes the calls of an owner; nullptr: no owner.
  using Ticket = std::pair<Duration, std::uint64_t>;
  Ticket at(Duration when, std::function<void()> call, const void* owner = nullptr);
  Ticket after(Duration d, std::function<void()> call) { return at(steady_ + d, std::move(call)); }
  std::function<void()> take(const Ticket& ticket);  // cancels it; empty: it was called already
  void drop(const void* owner);

  std::optional<Duration> next() const;  // time of the next call
  void advance_to(Duration when);        // calls nothing; never goes backwards
  void call_next();                      // advances to the next call and makes it

 private:
  struct Entry {
    std::function<void()> call;
    const void* owner = nullptr;
  };
  Instant wall_;
  Wall believed_;  // as seen by the process that lives now
  Duration steady_;
  std::uint64_t asked_ = 0;
  std::map<Ticket, Entry> entries_;
};

// RealTime: while it exists, this thread uses real time and real random numbers: for outside work for which
// virtual time waits.
class RealTime {
 public:
  RealTime();
  ~RealTime();
  RealTime(const RealTime&) = delete;
  RealTime& operator=(const RealTime&) = delete;

 private:
  VirtualClock* before_;
  bool paused_before_;
};

}  // namespace postlude::rt
