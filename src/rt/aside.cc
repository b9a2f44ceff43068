#include "rt/aside.h"

#include <mutex>
#include <thread>

namespace postlude::rt {

// What a thread that comes back late must ask: the loop may be gone.
struct Aside::Door {
  std::mutex mutex;
  Loop* loop = nullptr;
};

Aside::Aside(Loop& loop) : door_(std::make_shared<Door>()) {
  door_->loop = &loop;
}

Aside::~Aside() {
  const std::lock_guard lock(door_->mutex);
  door_->loop = nullptr;
}

std::shared_ptr<Latch> Aside::begin(std::function<void()> call) {
  auto latch = std::make_shared<Latch>();
  std::thread([door = door_, call = std::move(call), latch] {
    call();
    const std::lock_guard lock(door->mutex);
    if (door->loop != nullptr) door->loop->post([latch] { latch->open(); });
  }).detach();
  return latch;
}

}  // namespace postlude::rt
