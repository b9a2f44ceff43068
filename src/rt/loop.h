#pragma once
// Loop: the one thread that owns all mutable state; timers, and the doors through which other threads post to it.
//
// Everything here is for the loop's thread except Loop::post() and Waker::wake().

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "base/time.h"
#include "rt/task.h"

namespace postlude::rt {

// Wall-clock time now, and a clock that nobody can set for measuring durations.
Instant now();
Duration steady_now();

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // until stop(), on the calling thread
  void stop();  // from the loop's thread or through post()
  void post(std::function<void()> call);  // any thread: runs `call` on the loop, in order
  boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_;
};

// Completes after `d` by the clock that cannot be set.
Task<> sleep_for(Duration d);

// Waker: something to wait for that may be signalled from any thread; signals before the wait are kept, as one.
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

// Completion: one value handed from any thread to the coroutine that waits for it.
//
//   auto [door, task] ... is not needed: make one, give its `set` to the other thread, await `get`.
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
        state->value = std::move(held);
        state->waker.wake();
      });
    };
  }

  // Loop thread, once.
  Task<T> get() {
    auto state = state_;
    while (!state->value) {
      co_await state->waker.wait_at_most(std::chrono::hours(1));
    }
    co_return std::move(*state->value);
  }

 private:
  struct State {
    explicit State(Loop& loop_in) : loop(loop_in), waker(loop_in) {}
    Loop& loop;
    Waker waker;
    std::shared_ptr<T> value;
  };
  std::shared_ptr<State> state_;
};

}  // namespace postlude::rt
