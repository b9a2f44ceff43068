#pragma once
// Aside: makes calls that block, such as those to a slow disk, or that take long, on a thread of their own
// while the loop goes on.

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "rt/loop.h"

namespace postlude::rt {

class Aside {
 public:
  explicit Aside(Loop& loop);
  ~Aside();  // a call still in progress finishes on its own, and its result is lost
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

  // Whether a call of any Aside is in progress. A process that ends meanwhile must end by _Exit, because the
  // call may use objects that the end of main() destroys.
  static bool at_work();

  // Loop thread. `call` must own everything that it uses, and must end in bounded time. kUnavailable: no
  // thread can be started now, and `call` was not made.
  template <class T>
  Task<Result<T>> run(std::function<T()> call) {
    auto value = std::make_shared<std::optional<T>>();
    const Result<Latch*> done = begin([call = std::move(call), value] { value->emplace(call()); });
    if (!done) co_return done.error();
    co_await (*done)->wait();
    co_return std::move(**value);
  }

  // Loop thread. The same for what takes long because there is much of it: one after the other in this
  // process, so that the loop keeps a core. Made here at once if no thread can be started, or if time is
  // virtual.
  template <class T>
  Task<T> compute(std::function<T()> call) {
    auto value = std::make_shared<std::optional<T>>();
    const std::function<void()> work = [call = std::move(call), value] { value->emplace(call()); };
    Latch* done = begin_in_turn(work);
    if (done == nullptr) {
      work();
    } else {
      co_await done->wait();
    }
    co_return std::move(**value);
  }

 private:
  struct Door;
  // Owned here until it opens, so that the coroutine that waits for it is destroyed with this object.
  Result<Latch*> begin(std::function<void()> call);
  Latch* begin_in_turn(std::function<void()> call);  // nullptr: nothing was begun
  std::shared_ptr<Door> door_;
};

}  // namespace postlude::rt
