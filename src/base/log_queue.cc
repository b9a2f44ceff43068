#include "base/log_queue.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

namespace postlude::log {

namespace {

constexpr std::size_t kBatchBytes = 64U << 10U;
constexpr std::size_t kFitsBytes =
    4096;  // as much a pipe takes without waiting once poll() says that it takes some
constexpr std::size_t kStackBytes = 256U << 10U;
constexpr std::chrono::seconds kTryAgain{1};
constexpr std::chrono::milliseconds kGather{1};

bool takes_some(int fd, int wait_ms) {
  pollfd wanted{fd, POLLOUT, 0};
  return ::poll(&wanted, 1, wait_ms) > 0;
}

}  // namespace

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      (void)takes_some(fd, 1000);
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

LogQueue::LogQueue(int fd, std::size_t bytes_max, std::function<std::string(std::uint64_t)> dropped_line)
    : fd_(fd), bytes_max_(bytes_max), dropped_line_(std::move(dropped_line)) {}

void LogQueue::push(std::string line) {
  std::unique_lock lock(mutex_);
  if (!thread_) begin_thread();
  full_ = bytes_ + line.size() > bytes_max_ || (full_ && bytes_ > bytes_max_ / 2);
  if (full_) {
    ++dropped_;
    ++untold_;
  } else {
    if (untold_ > 0) enqueue(dropped_line_(std::exchange(untold_, 0)));
    enqueue(std::move(line));
  }
  if (!thread_) return write_what_fits();
  lock.unlock();  // who is woken takes it
  more_.notify_one();
}

bool LogQueue::flush(std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!thread_) write_what_fits();
      if (lines_.empty() && rest_.empty() && untold_ == 0 && !writing_) return true;
    }
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::uint64_t LogQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void LogQueue::enqueue(std::string line) {
  bytes_ += line.size();
  lines_.push_back(std::move(line));
}

void LogQueue::lost(std::string_view lines) {
  dropped_ += static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
}

std::string LogQueue::take() {
  std::string batch = std::exchange(rest_, "");
  while (!lines_.empty() && batch.size() < kBatchBytes) {
    bytes_ -= lines_.front().size();
    batch += lines_.front();
    lines_.pop_front();
  }
  if (batch.empty() && untold_ > 0) batch = dropped_line_(std::exchange(untold_, 0));
  return batch;
}

// By hand, since std::thread throws where none can be started.
void LogQueue::begin_thread() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_try_) return;
  next_try_ = now + kTryAgain;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  auto self = std::make_unique<std::shared_ptr<LogQueue>>(shared_from_this());
  const auto main = [](void* held) -> void* {
    const std::unique_ptr<std::shared_ptr<LogQueue>> queue(static_cast<std::shared_ptr<LogQueue>*>(held));
    (*queue)->run();
    return nullptr;
  };
  pthread_sigmask(SIG_BLOCK, &all, &before);  // signals are the loop's
  pthread_t thread{};
  thread_ = pthread_create(&thread, &attributes, main, self.get()) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (thread_) (void)self.release();
}

void LogQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock, [this] { return !lines_.empty() || untold_ > 0; });
    // To be woken for each line costs who logs more than the line does: what comes in a moment goes with it.
    lock.unlock();
    std::this_thread::sleep_for(kGather);
    lock.lock();
    const std::string batch = take();
    writing_ = true;
    lock.unlock();
    const bool written = write_all(fd_, batch);
    lock.lock();
    writing_ = false;
    if (!written) lost(batch);
  }
}

void LogQueue::write_what_fits() {
  for (;;) {
    if (rest_.empty()) rest_ = take();
    if (rest_.empty() || !takes_some(fd_, 0)) return;
    const std::string_view piece = std::string_view(rest_).substr(0, kFitsBytes);
    if (!write_all(fd_, piece)) lost(piece);
    rest_.erase(0, piece.size());
  }
}

}  // namespace postlude::log
