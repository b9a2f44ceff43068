#pragma once
// VirtualClock: time that passes only when nothing else can happen, and chance that repeats itself, for
// simulations, `test` and `simulate`.
//
// It outlives the loops that live in its time, so that what is outside of a process (the other systems, the
// callers) goes on when a loop ends as in a crash. One at a time per thread; while it exists, rt::now(),
// rt::steady_now() and random_bytes() of this thread are its.

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

  Instant now() const { return wall_; }  // of the world; what a process believes of it is rt::now()
  Wall& believed() { return believed_; }
  Duration steady() const { return steady_; }
  void jump(Duration by) { wall_ += by; }  // of the wall clock alone, as when somebody sets it

  // Calls in the order of their times, those of one time in the order of asking. `owner`: with whom they are
  // dropped; nullptr: nobody.
  using Ticket = std::pair<Duration, std::uint64_t>;
  Ticket at(Duration when, std::function<void()> call, const void* owner = nullptr);
  Ticket after(Duration d, std::function<void()> call) { return at(steady_ + d, std::move(call)); }
  std::function<void()> take(const Ticket& ticket);  // it will not be called; empty: it has been
  void drop(const void* owner);

  std::optional<Duration> next() const;  // when there is something to call
  void advance_to(Duration when);        // calls nothing; never backwards
  void call_next();                      // advances to it

 private:
  struct Entry {
    std::function<void()> call;
    const void* owner = nullptr;
  };
  Instant wall_;
  Wall believed_;  // of the process that lives now
  Duration steady_;
  std::uint64_t asked_ = 0;
  std::map<Ticket, Entry> entries_;
};

// RealTime: while it lives, this thread's time and chance are real: for work outside, which the virtual time
// waits for.
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
