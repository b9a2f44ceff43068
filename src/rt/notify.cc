#include "rt/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace postlude::rt {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // before threads start
  return value == nullptr ? "" : value;
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  return value;
}

Error failed(const char* what) {
  return {Code::kUnavailable,
          std::string("notify socket: ") + what + ": " + std::generic_category().message(errno)};
}

}  // namespace

Notify Notify::from_environment() {
  Duration watchdog{};
  const std::string pid = environment("WATCHDOG_PID");
  const auto usec = number(environment("WATCHDOG_USEC"));
  if (usec && *usec > 0 && (pid.empty() || number(pid) == getpid())) watchdog = Duration(*usec);
  return Notify(environment("NOTIFY_SOCKET"), watchdog);
}

std::optional<Duration> Notify::watchdog_period() const {
  if (!enabled() || watchdog_ <= Duration(0)) return std::nullopt;
  return watchdog_;
}

Status Notify::reloading() const {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  const std::int64_t now = ts.tv_sec * 1'000'000 + ts.tv_nsec / 1000;
  return send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now));
}

Status Notify::status(std::string_view text) const {
  return send("STATUS=" + std::string(text.substr(0, text.find('\n'))));
}

Status Notify::send(std::string_view state) const {
  if (!enabled()) return ok();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool known = socket_.front() == '/' || socket_.front() == '@';
  if (!known || socket_.size() >= sizeof(address.sun_path)) {
    return Error(Code::kInvalid, "notify socket: not a path that fits: " + socket_);
  }
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());

  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed("socket");
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
  const auto sent =
      sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), length);
  Status result = ok();
  if (sent != static_cast<ssize_t>(state.size())) result = failed("send");
  close(fd);
  return result;
}

}  // namespace postlude::rt
