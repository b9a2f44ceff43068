#pragma once
// LogQueue: a bounded queue of lines, which a thread writes in order to a descriptor whose reader may be
// slow.

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

// Writes all `bytes` to `fd`, waiting for its reader; false if that fails.
bool write_all(int fd, std::string_view bytes);

class LogQueue : public std::enable_shared_from_this<LogQueue> {
 public:
  // `dropped_line` makes the line that reports a number of dropped lines.
  LogQueue(int fd, std::size_t bytes_max, std::function<std::string(std::uint64_t)> dropped_line);

  // Never waits for the descriptor. Starts the thread if there is none; as long as no thread can be started,
  // writes at once what the descriptor accepts.
  void push(std::string line);
  bool flush(std::chrono::milliseconds at_most);
  std::uint64_t dropped() const;

 private:
  void run();
  // -- call these with the lock held
  void begin_thread();
  void write_what_fits();
  std::string take();  // the next bytes to write
  void enqueue(std::string line);
  void lost(std::string_view lines);

  const int fd_;
  const std::size_t bytes_max_;
  const std::function<std::string(std::uint64_t)> dropped_line_;
  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::string> lines_;
  std::string rest_;  // of a batch, while there is no thread
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t untold_ = 0;  // dropped lines that no line has reported yet
  bool full_ = false;  // set until half of the queue is free, so that gaps do not alternate with single lines
  bool writing_ = false;
  bool thread_ = false;
  std::chrono::steady_clock::time_point next_try_{};
};

}  // namespace postlude::log
