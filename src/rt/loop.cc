#include "rt/loop.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>

#include "base/check.h"

namespace postlude::rt {
namespace {

// asio counts in nanoseconds from now; what is beyond its range means "very long".
constexpr Duration kLongestWait = std::chrono::hours(24 * 365);

Duration clamp(Duration d) {
  return std::clamp(d, Duration(0), kLongestWait);
}

}  // namespace

Instant now() {
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return instant(ts.tv_sec * 1'000'000 + ts.tv_nsec / 1000);
}

Duration steady_now() {
  timespec ts{};
  clock_gettime(CLOCK_BOOTTIME, &ts);  // counts while the machine sleeps, unlike CLOCK_MONOTONIC
  return Duration(ts.tv_sec * 1'000'000 + ts.tv_nsec / 1000);
}

Loop::Loop() : context_(1) {}
Loop::~Loop() = default;

void Loop::run() {
  const auto guard = boost::asio::make_work_guard(context_);
  context_.run();
}

void Loop::stop() {
  context_.stop();
}

void Loop::post(std::function<void()> call) {
  boost::asio::post(context_, std::move(call));
}

Task<> sleep_for(Duration d) {
  auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::steady_timer timer(executor);
  timer.expires_after(clamp(d));
  auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
  co_await timer.async_wait(token);
}

struct Waker::Impl {
  explicit Impl(Loop& loop_in) : loop(loop_in), timer(loop_in.context()) {}
  Loop& loop;
  boost::asio::steady_timer timer;
  bool signalled = false;               // loop thread
  std::atomic<bool> on_its_way{false};  // a signal has been posted and has not arrived: no need for another
};

Waker::Waker(Loop& loop) : impl_(std::make_shared<Impl>(loop)) {}
Waker::~Waker() = default;

void Waker::wake() {
  if (impl_->on_its_way.exchange(true)) return;
  impl_->loop.post([impl = impl_] {
    impl->on_its_way = false;
    impl->signalled = true;
    impl->timer.cancel();
  });
}

Task<> Waker::wait_at_most(Duration d) {
  const auto impl = impl_;
  if (!impl->signalled) {
    impl->timer.expires_after(clamp(d));
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    co_await impl->timer.async_wait(token);
  }
  impl->signalled = false;
}

void Latch::open() {
  if (open_) return;
  open_ = true;
  // From here on `this` may die with the coroutine that is resumed.
  if (const auto resume = std::move(resume_)) resume();
}

Task<> Latch::wait() {
  if (open_) co_return;
  CHECK(!resume_);
  auto start = [this](auto handler) {
    auto held = std::make_shared<decltype(handler)>(std::move(handler));
    resume_ = [held] { std::move (*held)(); };
  };
  auto waiting = boost::asio::async_initiate<decltype(boost::asio::use_awaitable), void()>(
      start, boost::asio::use_awaitable);
  co_await std::move(waiting);
}

}  // namespace postlude::rt
