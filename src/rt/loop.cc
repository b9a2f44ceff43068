#include "rt/loop.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <ctime>

#include "base/check.h"
#include "base/log.h"
#include "rt/virtual_clock.h"

namespace postlude::rt {
namespace {

// asio counts in nanoseconds from now; what is beyond its range means "very long".
constexpr Duration kLongestWait = std::chrono::hours(24 * 365);
// Handlers that run without time passing; more go round in a circle.
constexpr int kTurnsMax = 10'000'000;

Wall of_this_process;

Duration clamp(Duration d) {
  return std::clamp(d, Duration(0), kLongestWait);
}

}  // namespace

Instant now() {
  VirtualClock* clock = VirtualClock::current();
  Wall& wall = clock != nullptr ? clock->believed() : of_this_process;
  return wall.believe(wall_now(), steady_now());
}

Instant wall_now() {
  if (const VirtualClock* clock = VirtualClock::current()) return clock->now();
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return instant(ts.tv_sec * 1'000'000 + ts.tv_nsec / 1000);
}

Duration wall_off() {
  return of_this_process.off();
}

Duration steady_now() {
  if (const VirtualClock* clock = VirtualClock::current()) return clock->steady();
  timespec ts{};
  clock_gettime(CLOCK_BOOTTIME, &ts);  // counts while the machine sleeps, unlike CLOCK_MONOTONIC
  return Duration(ts.tv_sec * 1'000'000 + ts.tv_nsec / 1000);
}

Loop::Loop() : context_(std::in_place, 1) {}
Loop::Loop(VirtualClock& clock) : context_(std::in_place, 1), clock_(&clock) {
  clock.believed().begin_anew();
  (void)clock.believed().believe(clock.now(), clock.steady());
}

Loop::~Loop() {
  if (clock_ != nullptr && context_) clock_->drop(&*context_);
}

void Loop::run() {
  CHECK(clock_ == nullptr && VirtualClock::current() == nullptr);
  const auto guard = boost::asio::make_work_guard(*context_);
  context_->run();
}

void Loop::stop() {
  stopped_ = true;
  if (context_) context_->stop();
}

void Loop::fail(std::string_view group) {
  if (on_failure) return on_failure(group);
  (void)log::flush(std::chrono::milliseconds(500));
  std::_Exit(1);
}

void Loop::post(std::function<void()> call) {
  if (context_) boost::asio::post(*context_, std::move(call));
}

bool Loop::run_ready() {
  for (int turns = 0; !stopped_ && context_->poll_one() > 0; ++turns)
    CHECK(turns < kTurnsMax);
  return !stopped_;
}

bool Loop::run_virtual(Duration until, const std::function<bool()>& done) {
  CHECK(clock_ != nullptr && context_);
  CHECK(VirtualClock::current() == clock_);
  const auto guard = boost::asio::make_work_guard(*context_);
  context_->restart();
  stopped_ = false;
  running_ = true;
  bool said = false;
  while (run_ready()) {
    said = done && done();
    if (said) break;
    const std::optional<Duration> next = clock_->next();
    if (!next || *next > until) {
      clock_->advance_to(until);
      break;
    }
    clock_->call_next();
  }
  running_ = false;
  return said;
}

void Loop::end() {
  CHECK(clock_ != nullptr && context_ && !running_);
  clock_->drop(&*context_);
  context_.reset();
}

namespace {

// Wakes the calling coroutine after `d`, or before, by whoever takes the ticket and calls what it gets.
Task<> sleep_virtually(VirtualClock* clock, boost::asio::any_io_executor executor, Duration d,
                       VirtualClock::Ticket* ticket) {
  auto start = [clock, executor, d, ticket](auto handler) {
    auto held = std::make_shared<decltype(handler)>(std::move(handler));
    const void* owner = &boost::asio::query(executor, boost::asio::execution::context);
    *ticket = clock->at(
        clock->steady() + d,
        [held, executor] { boost::asio::post(executor, [held] { std::move (*held)(); }); }, owner);
  };
  auto waiting = boost::asio::async_initiate<decltype(boost::asio::use_awaitable), void()>(
      start, boost::asio::use_awaitable);
  co_await std::move(waiting);
}

}  // namespace

Task<> sleep_for(Duration d) {
  auto executor = co_await boost::asio::this_coro::executor;
  if (VirtualClock* clock = VirtualClock::current()) {
    VirtualClock::Ticket ticket;
    co_await sleep_virtually(clock, executor, clamp(d), &ticket);
    co_return;
  }
  boost::asio::steady_timer timer(executor);
  timer.expires_after(clamp(d));
  auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
  co_await timer.async_wait(token);
}

struct Waker::Impl {
  explicit Impl(Loop& loop_in) : loop(loop_in) {
    if (loop.clock() == nullptr) timer.emplace(loop.context());
  }

  void interrupt() {
    if (timer) timer->cancel();
    // In virtual time the sleeper is the clock's, not ours: else the two would hold each other.
    if (!waiting) return;
    if (const auto call = loop.clock()->take(*std::exchange(waiting, std::nullopt))) call();
  }

  Loop& loop;
  std::optional<boost::asio::steady_timer> timer;  // none in virtual time
  std::optional<VirtualClock::Ticket> waiting;     // in virtual time
  bool signalled = false;                          // loop thread
  std::atomic<bool> on_its_way{false};  // a signal has been posted and has not arrived: no need for another
};

Waker::Waker(Loop& loop) : impl_(std::make_shared<Impl>(loop)) {}
Waker::~Waker() = default;

void Waker::wake() {
  if (impl_->on_its_way.exchange(true)) return;
  impl_->loop.post([impl = impl_] {
    impl->on_its_way = false;
    impl->signalled = true;
    impl->interrupt();
  });
}

Task<> Waker::wait_at_most(Duration d) {
  const auto impl = impl_;
  if (!impl->signalled && impl->timer) {
    impl->timer->expires_after(clamp(d));
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    co_await impl->timer->async_wait(token);
  } else if (!impl->signalled) {
    impl->waiting.emplace();
    co_await sleep_virtually(impl->loop.clock(), impl->loop.context().get_executor(), clamp(d),
                             &*impl->waiting);
    impl->waiting.reset();
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
