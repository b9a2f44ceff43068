#pragma once
// LogQueue: lines on their way to a descriptor whose reader may be slow: bounded, in order, written by a
// thread.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace postlude::log {

// Whether `fd` takes all of `bytes`; waits for its reader.
bool write_all(int fd, std::string_view bytes);

class LogQueue : public std::enable_shared_from_this<LogQueue> {
 public:
  // `dropped_line` makes the line that says that so many are missing.
  LogQueue(int fd, std::size_t bytes_max, std::function<std::string(std::uint64_t)> dropped_line);

  // Never waits for the descriptor. Begins the thread where there is none yet; as long as none can be
  // started, what the descriptor takes at once is written on the spot.
  void push(std::string line);
  bool flush(std::chrono::milliseconds at_most);
  std::uint64_t dropped() const;

 private:
  void run();
  // -- under the lock
  void begin_thread();
  void write_what_fits();
  std::string take();  // what is to be written next
  void enqueue(std::string line);
  void lost(std::string_view lines);

  const int fd_;
  const std::size_t bytes_max_;
  const std::function<std::string(std::uint64_t)> dropped_line_;
  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::string> lines_;
  std::string rest_;  // of a batch, where no thread writes
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t untold_ = 0;  // of them
  bool full_ = false;         // until half of it is free: no line between two gaps
  bool writing_ = false;
  bool thread_ = false;
  std::chrono::steady_clock::time_point next_try_{};
};

}  // namespace postlude::log
