#pragma once
// Zone: a time zone of the IANA database, as the system has it (package tzdata): what a clock on the wall
// says.
//
// A fat database, as Debian's, knows the changes of the clocks until 2037; after that the last offset stays.

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
  // "Asia/Shanghai", "UTC"; kInvalid names the nearest zone, or says that there is no database.
  static Result<Zone> find(std::string_view name);

  std::string_view name() const;
  std::chrono::seconds offset(Instant t) const;       // of local time from UTC
  std::chrono::local_seconds local(Instant t) const;  // what the wall's clock says
  // When the clock says so. A time that the clock leaves out is the moment of its jump; one that it says
  // twice is the first or the last of the two.
  Instant earliest(std::chrono::local_seconds local) const;
  Instant latest(std::chrono::local_seconds local) const;

 private:
  explicit Zone(const date::time_zone* zone) : zone_(zone) {}
  const date::time_zone* zone_;  // of the database, which stays as long as the process
};

}  // namespace postlude
