#pragma once
// Notify: tells the service manager (systemd's sd_notify protocol) how we are; does nothing where none
// listens.

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace postlude::rt {

class Notify {
 public:
  // Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID. Call before threads start.
  static Notify from_environment();
  Notify() = default;
  explicit Notify(std::string socket, Duration watchdog = Duration(0))
      : socket_(std::move(socket)), watchdog_(watchdog) {}

  bool enabled() const { return !socket_.empty(); }
  // How long we may be silent before we are killed; nullopt: nobody watches. Send watchdog() twice as often.
  std::optional<Duration> watchdog_period() const;

  // Each sends one datagram. An error is for the log: the service goes on without its manager's knowing.
  Status ready() const { return send("READY=1"); }
  Status stopping() const { return send("STOPPING=1"); }
  Status watchdog() const { return send("WATCHDOG=1"); }
  Status reloading() const;                    // followed by ready()
  Status status(std::string_view text) const;  // one line, shown by systemctl status

 private:
  Status send(std::string_view state) const;

  std::string socket_;  // a path, or an abstract name that begins with @
  Duration watchdog_{};
};

}  // namespace postlude::rt
