#pragma once
// Zone: a time zone of the system's IANA database (package tzdata): converts between instants and local time.
//
// A fat database, such as Debian's, has clock changes until 2037; after that the last offset applies.

#include <chrono>
#include <string>
#include <string_view>

#include "base/time.h"

namespace date {
class time_zone;
}

namespace postlude {

class Zone {
 public:
  // "Asia/Shanghai", "UTC"; kInvalid names the nearest zone, or says that the system has no database.
  static Result<Zone> find(std::string_view name);

  std::string_view name() const;
  std::chrono::seconds offset(Instant t) const;       // of local time from UTC
  std::chrono::local_seconds local(Instant t) const;  // local time at `t`
  // The instant of a local time. A time that the clock leaves out is the moment of the jump; a time that
  // occurs twice is the first moment for earliest(), the last for latest().
  Instant earliest(std::chrono::local_seconds local) const;
  Instant latest(std::chrono::local_seconds local) const;

 private:
  explicit Zone(const date::time_zone* zone) : zone_(zone) {}
  const date::time_zone* zone_;  // owned by the database, which lives as long as the process
};

}  // namespace postlude
