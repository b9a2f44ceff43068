#pragma once
// Notify: reports our state to the service manager (systemd's sd_notify protocol); does nothing without one.

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
  // The longest silence that the manager's watchdog allows; nullopt: no watchdog. Call watchdog() twice as
  // often.
  std::optional<Duration> watchdog_period() const;

  // Each call sends one datagram. Log an error and go on.
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
