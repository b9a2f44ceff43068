#include "rt/group.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "base/check.h"
#include "base/log.h"

namespace postlude::rt {

namespace {

// co_spawn alone would run the task inside start() up to its first wait.
Task<> at_next_turn(Task<> task) {
  co_await boost::asio::post(boost::asio::use_awaitable);
  co_await std::move(task);
}

std::string what(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "something other than a std::exception";
  }
}

}  // namespace

struct Group::Impl {
  Impl(Loop& loop_in, std::string name_in) : loop(loop_in), name(std::move(name_in)), ended(loop_in) {}
  Loop& loop;
  std::string name;
  Waker ended;
  std::size_t inside = 0;
  bool abandoned = false;
};

Group::Group(Loop& loop, std::string name) : impl_(std::make_shared<Impl>(loop, std::move(name))) {}

Group::~Group() {
  CHECK(impl_->inside == 0 || impl_->loop.ended());
}

void Group::start(Task<> task) {
  ++impl_->inside;
  boost::asio::co_spawn(
      impl_->loop.context(), at_next_turn(std::move(task)),
      [impl = impl_](const std::exception_ptr& failure) {
        if (failure)
          log::error("an exception left a coroutine", {{"group", impl->name}, {"what", what(failure)}});
        if (!impl->abandoned) {
          --impl->inside;
          impl->ended.wake();
        }
        if (failure) impl->loop.fail(impl->name);
      });
}

std::size_t Group::size() const {
  return impl_->inside;
}

Task<bool> Group::close(Duration at_most) {
  const auto impl = impl_;
  const Duration until = steady_now() + at_most;
  while (impl->inside > 0) {
    const Duration left = until - steady_now();
    if (left <= Duration(0)) co_return false;
    co_await impl->ended.wait_at_most(left);
  }
  co_return true;
}

void Group::abandon() {
  impl_->inside = 0;
  impl_->abandoned = true;
}

}  // namespace postlude::rt
