#pragma once
// Group: owns coroutines until they end. There is no other way to start a coroutine.
//
// The owner closes the group before destroying it; the destructor checks that no coroutine is left. Loop
// thread only.

#include <cstddef>
#include <memory>
#include <string>

#include "rt/loop.h"

namespace postlude::rt {

class Group {
 public:
  Group(Loop& loop, std::string name);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  void start(Task<> task);             // runs it at the loop's next turn
  std::size_t size() const;            // number of coroutines that have not ended
  Task<bool> close(Duration at_most);  // true: all have ended; false: the time is over, and some have not
  // For the end of the process, after the loop has destroyed the coroutines.
  void abandon();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::rt
