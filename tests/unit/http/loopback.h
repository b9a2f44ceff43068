#pragma once
// Loopback: raw sockets on 127.0.0.1, a loop on a thread of its own; for the tests of src/http only.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "rt/group.h"

namespace postlude::http {

// For tests whose subject is time itself: a peer that is slow, a connection that grows old.
inline void let_pass(Duration d) {
  ::poll(nullptr, 0, static_cast<int>(d.count() / 1000));
}

inline void set_timeouts(int fd, int seconds) {
  timeval tv{};
  tv.tv_sec = seconds;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

// A blocking TCP connection; what blocks longer than ten seconds fails.
class Wire {
 public:
  explicit Wire(int fd) : fd_(fd) { set_timeouts(fd, 10); }
  static Wire to(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << std::strerror(errno);
    return Wire(fd);
  }
  Wire(Wire&& other) noexcept : fd_(std::exchange(other.fd_, -1)), left_(std::move(other.left_)) {}
  Wire& operator=(Wire&&) = delete;
  ~Wire() { close_now(); }

  int fd() const { return fd_; }
  void close_now() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void reset() {  // closes with an RST
    linger l{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    close_now();
  }
  void end() { shutdown(fd_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // What comes next; "" at the end, after a reset, or after the time.
  std::string some() {
    char buffer[65536];
    const auto n = recv(fd_, buffer, sizeof(buffer), 0);
    timed_out_ = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : "";
  }
  std::string until(std::string_view mark) {  // up to and with `mark`, or all there is
    std::size_t at = 0;
    while ((at = left_.find(mark)) == std::string::npos) {
      const std::string more = some();
      if (more.empty()) return std::exchange(left_, "");
      left_ += more;
    }
    std::string out = left_.substr(0, at + mark.size());
    left_.erase(0, at + mark.size());
    return out;
  }
  std::string exactly(std::size_t n) {
    while (left_.size() < n) {
      const std::string more = some();
      if (more.empty()) break;
      left_ += more;
    }
    std::string out = left_.substr(0, n);
    left_.erase(0, out.size());
    return out;
  }
  std::string rest() {  // until the peer closes
    std::string out = std::exchange(left_, "");
    for (std::string more = some(); !more.empty(); more = some())
      out += more;
    return out;
  }
  // The peer has closed, and sent nothing before that.
  bool closed() {
    if (!left_.empty()) return false;
    return some().empty() && !timed_out_;
  }
  bool quiet_for(int milliseconds) {
    pollfd p{fd_, POLLIN, 0};
    return left_.empty() && poll(&p, 1, milliseconds) == 0;
  }

 private:
  int fd_;
  std::string left_;
  bool timed_out_ = false;
};

struct Heard {
  int status = 0;  // 0: no answer
  std::string head;
  std::string body;
};

// One answer with a Content-Length (or none, for those without body).
inline Heard hear(Wire& wire, bool head_only = false) {
  Heard out;
  out.head = wire.until("\r\n\r\n");
  if (out.head.size() < 12 || !out.head.starts_with("HTTP/1.1 ")) return out;
  out.status = std::stoi(out.head.substr(9, 3));
  const std::size_t at = out.head.find("Content-Length: ");
  if (at != std::string::npos && !head_only) out.body = wire.exactly(std::stoul(out.head.substr(at + 16)));
  return out;
}

// A listening socket whose port nobody else has.
class Listener {
 public:
  explicit Listener(int backlog = 1024) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd_, backlog), 0);
    socklen_t size = sizeof(address);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { stop(); }
  std::uint16_t port() const { return port_; }
  // The next connection's descriptor; -1 once stopped.
  int next() const {
    while (true) {
      pollfd p{fd_, POLLIN, 0};
      poll(&p, 1, 20);
      if (stopped_) return -1;
      if ((p.revents & POLLIN) == 0) continue;
      const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) return fd;
    }
  }
  void quit() { stopped_ = true; }
  void stop() {
    quit();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopped_{false};
};

// A loop on its own thread, and a way to run things on it.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread() {
    loop_.post([this] { loop_.stop(); });
    thread_.join();
    group_.abandon();
  }
  rt::Loop& loop() { return loop_; }

  template <class T>
  T call(std::function<T()> f) {
    std::promise<T> promise;
    auto future = promise.get_future();
    loop_.post([&] { promise.set_value(f()); });
    return future.get();
  }
  void call_void(std::function<void()> f) {
    call<bool>([&f] {
      f();
      return true;
    });
  }
  // Starts a task made on the loop; its value comes through the future.
  template <class T>
  std::future<T> start(std::function<rt::Task<T>()> make) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    loop_.post([this, promise, make = std::move(make)] { group_.start(fulfil<T>(promise, make)); });
    return future;
  }

 private:
  template <class T>
  static rt::Task<> fulfil(std::shared_ptr<std::promise<T>> promise, std::function<rt::Task<T>()> make) {
    AWAIT(auto value, make());
    promise->set_value(std::move(value));
  }

  rt::Loop loop_;
  rt::Group group_{loop_, "test"};
  std::thread thread_;
};

}  // namespace postlude::http
