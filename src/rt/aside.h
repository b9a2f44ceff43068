#pragma once
// Aside: calls that may block, as on a slow disk, made on a thread of their own while the loop goes on.

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "rt/loop.h"

namespace postlude::rt {

class Aside {
 public:
  explicit Aside(Loop& loop);
  ~Aside();  // a call that has not come back goes on alone, and what it yields is lost
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

  // A call of any Aside has not come back. A process that ends meanwhile must end by _Exit: the call may use
  // what the end of main() destroys.
  static bool at_work();

  // Loop thread. `call` shares nothing with the loop: it owns what it uses. Whoever calls answers for its
  // end. kUnavailable: no thread can be started now, and nothing was called.
  template <class T>
  Task<Result<T>> run(std::function<T()> call) {
    auto value = std::make_shared<std::optional<T>>();
    const Result<Latch*> done = begin([call = std::move(call), value] { value->emplace(call()); });
    if (!done) co_return done.error();
    co_await (*done)->wait();
    co_return std::move(**value);
  }

 private:
  struct Door;
  // Ours until it has opened: whoever waits for it goes with it.
  Result<Latch*> begin(std::function<void()> call);
  std::shared_ptr<Door> door_;
};

}  // namespace postlude::rt
