#pragma once
// Loop: the one thread that owns all mutable state; timers, and the doors through which other threads post to
// it.
//
// Everything here is for the loop's thread except Loop::post() and Waker::wake().

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "rt/task.h"

namespace postlude::rt {

class VirtualClock;

// Wall-clock time now, and a clock that nobody can set for measuring durations. While this thread has a
// VirtualClock, both are its.
Instant now();
// What the machine's clock says, set or not: for times that others have written by theirs; for no wait of
// ours.
Instant wall_now();
// How far the wall clock has been set ahead of now() since the start, where that is more than a minute; else
// 0.
Duration wall_off();
Duration steady_now();

class Loop {
 public:
  Loop();
  explicit Loop(VirtualClock& clock);  // whose time it lives in: one thread, no sockets, see run_virtual()
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();                             // until stop(), on the calling thread
  void stop();                            // from the loop's thread or through post()
  void post(std::function<void()> call);  // any thread: runs `call` on the loop, in order
  boost::asio::io_context& context() { return *context_; }

  // An exception left a coroutine of that group, which is a bug: what it was about is lost, and the program
  // has to end. How is for whoever runs the loop to say; where nobody does, the process exits, with status 1.
  std::function<void(std::string_view group)> on_failure;
  void fail(std::string_view group);

  // -- in virtual time only
  // Runs what is ready; when nothing is, the clock jumps to what comes next. Until `done` (asked before each
  // jump) says so: true. Or until stop(), or until the steady clock shows `until`, which it then does: false.
  bool run_virtual(Duration until, const std::function<bool()>& done);
  VirtualClock* clock() const { return clock_; }
  // As if the process had died: what waits on the loop is destroyed, without running another line of it. Not
  // while it runs.
  void end();
  bool ended() const { return !context_; }

 private:
  bool run_ready();

  std::optional<boost::asio::io_context> context_;
  VirtualClock* clock_ = nullptr;
  bool stopped_ = false;  // in virtual time
  bool running_ = false;  // in virtual time
};

// Completes after `d` by the clock that cannot be set.
Task<> sleep_for(Duration d);

// Waker: something to wait for that may be signalled from any thread; signals before the wait are kept, as
// one.
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

// Latch: opens once, and resumes the coroutine that waits for it inside open(). Loop thread only; costs no
// turn of the loop and no timer. Whoever opens it answers for opening it in bounded time.
class Latch {
 public:
  Latch() = default;
  Latch(const Latch&) = delete;
  Latch& operator=(const Latch&) = delete;

  void open();  // once; later calls do nothing
  bool is_open() const { return open_; }
  Task<> wait();  // one waiter at a time; at once when it is open; the latch outlives the wait

 private:
  bool open_ = false;
  std::function<void()> resume_;
};

// Completion: one value handed from any thread to the coroutine that waits for it. Make one, give its setter
// to the other thread, await get(). Who holds the setter answers for calling it.
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
