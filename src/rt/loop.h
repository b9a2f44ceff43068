#pragma once
// Loop: the one thread that owns all mutable state, with timers, and the means by which other threads post to
// it.
//
// Loop thread only, except Loop::post() and Waker::wake().

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "rt/task.h"

namespace postlude::rt {

class VirtualClock;

// Wall-clock time, and a monotonic clock for durations. Both come from this thread's VirtualClock, if it has
// one.
Instant now();
// The machine's clock, even if somebody sets it: to compare with times that other systems wrote; never for
// our own waits.
Instant wall_now();
// How far the wall clock was set ahead of now() since the start, if by more than a minute; else 0.
Duration wall_off();
Duration steady_now();

class Loop {
 public:
  Loop();
  explicit Loop(VirtualClock& clock);  // runs in the clock's time: one thread, no sockets, see run_virtual()
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();                             // until stop(), on the calling thread
  void stop();                            // from the loop's thread or through post()
  void post(std::function<void()> call);  // any thread: runs `call` on the loop, in order
  boost::asio::io_context& context() { return *context_; }

  // Called when an exception leaves a coroutine of that group. This is a bug: its work is lost, and the
  // program must end. If this is empty, the process exits with status 1.
  std::function<void(std::string_view group)> on_failure;
  void fail(std::string_view group);

  // -- in virtual time only
  // Runs what is ready; when nothing is, advances the clock to the next call. Returns true once `done` (asked
  // before each advance) returns true. Returns false after stop(), or when the steady clock reaches `until`.
  bool run_virtual(Duration until, const std::function<bool()>& done);
  VirtualClock* clock() const { return clock_; }
  // As if the process had died: destroys everything that waits on the loop, without running it. Not while the
  // loop runs.
  void end();
  bool ended() const { return !context_; }

 private:
  bool run_ready();

  std::optional<boost::asio::io_context> context_;
  VirtualClock* clock_ = nullptr;
  bool stopped_ = false;  // in virtual time
  bool running_ = false;  // in virtual time
};

// Completes after `d` on the monotonic clock.
Task<> sleep_for(Duration d);

// Waker: wakes one waiting coroutine from any thread. Signals before the wait are kept, as one.
class Waker {
 public:
  explicit Waker(Loop& loop);
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  void wake();                      // any thread
  Task<> wait_at_most(Duration d);  // loop thread; one waiter at a time

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Latch: opens once; open() resumes the waiting coroutine directly, without a turn of the loop or a timer.
// Loop thread only. Its owner must open it in bounded time.
class Latch {
 public:
  Latch() = default;
  Latch(const Latch&) = delete;
  Latch& operator=(const Latch&) = delete;

  void open();  // once; later calls do nothing
  bool is_open() const { return open_; }
  Task<> wait();  // one waiter at a time; returns at once if it is open; the latch must outlive the wait

 private:
  bool open_ = false;
  std::function<void()> resume_;
};

// Completion: hands one value from any thread to the coroutine that waits for it. Give setter() to the other
// thread and await get(). The holder of the setter must call it.
template <class T>
class Completion {
 public:
  explicit Completion(Loop& loop) : state_(std::make_shared<State>(loop)) {}

  // Any thread, once. Later calls are ignored.
  std::function<void(T)> setter() const {
    return [state = state_](T value) {
      auto held = std::make_shared<T>(std::move(value));
      state->loop.post([state, held] {
        if (state->value) return;
        state->value = held;
        state->latch.open();
      });
    };
  }

  // Loop thread, once.
  Task<T> get() {
    const auto state = state_;
    co_await state->latch.wait();
    co_return std::move(*state->value);
  }

 private:
  struct State {
    explicit State(Loop& loop_in) : loop(loop_in) {}
    Loop& loop;
    Latch latch;
    std::shared_ptr<T> value;
  };
  std::shared_ptr<State> state_;
};

}  // namespace postlude::rt
