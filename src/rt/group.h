#pragma once
// Group: the coroutines somebody has started and must see end. There is no other way to start one.
//
// Its owner closes it before dying; the destructor checks that nobody is inside. For the loop's thread only.

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

  void start(Task<> task);   // begins it at the loop's next turn
  std::size_t size() const;  // how many have not ended
  Task<bool> close(
      Duration at_most);  // true: the last has ended; false: the time is over, some are still inside
  // For the end of the process: the loop is gone, its coroutines were destroyed with it.
  void abandon();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::rt
