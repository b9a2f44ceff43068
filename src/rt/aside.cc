#include "rt/aside.h"

#include <atomic>
#include <mutex>
#include <set>

#include "rt/thread.h"
#include "rt/virtual_clock.h"

namespace postlude::rt {

namespace {

std::atomic<int> calls = 0;

struct Call {
  std::function<void()> make;
  explicit Call(std::function<void()> call) : make(std::move(call)) { ++calls; }
  ~Call() {
    make = nullptr;  // with what it owns
    --calls;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
};

}  // namespace

bool Aside::at_work() {
  return calls > 0;
}

// Lets a thread that finishes late find out whether the loop still exists.
struct Aside::Door {
  std::mutex mutex;
  Loop* loop = nullptr;
  std::set<std::shared_ptr<Latch>> waited;  // the loop's thread alone
};

Aside::Aside(Loop& loop) : door_(std::make_shared<Door>()) {
  door_->loop = &loop;
}

Aside::~Aside() {
  {
    const std::lock_guard lock(door_->mutex);
    door_->loop = nullptr;
  }
  door_->waited.clear();
}

Result<Latch*> Aside::begin(std::function<void()> call) {
  const auto latch = std::make_shared<Latch>();
  TRY(std::thread thread, start_thread("aside", [door = door_, call = std::make_shared<Call>(std::move(call)),
                                                 weak = std::weak_ptr(latch)] {
        call->make();
        const std::lock_guard lock(door->mutex);
        if (door->loop == nullptr) return;
        door->loop->post([door, weak] {
          const auto held = weak.lock();
          if (held == nullptr) return;
          door->waited.erase(held);
          held->open();
        });
      }));
  thread.detach();
  door_->waited.insert(latch);
  return latch.get();
}

Latch* Aside::begin_in_turn(std::function<void()> call) {
  static std::mutex turn;
  if (VirtualClock::current() != nullptr) return nullptr;
  const Result<Latch*> done = begin([call = std::move(call)] {
    const std::lock_guard lock(turn);
    call();
  });
  return done ? *done : nullptr;
}

}  // namespace postlude::rt
