#include "base/zone.h"

#include <date/tz.h>

#include <exception>
#include <vector>

#include "base/text.h"

namespace postlude {
namespace {

constexpr std::size_t kNameMax = 64;

Instant at(std::chrono::seconds since_epoch) {
  return Instant(std::chrono::duration_cast<Duration>(since_epoch));
}

date::local_info info_of(const date::time_zone* zone, std::chrono::local_seconds local) {
  return zone->get_info(date::local_seconds(local.time_since_epoch()));
}

}  // namespace

Result<Zone> Zone::find(std::string_view name) {
  const std::string shown = "'" + std::string(name.substr(0, kNameMax)) + "'";
  try {
    const date::tzdb& all = date::get_tzdb();
    for (const date::time_zone& zone : all.zones) {
      if (zone.name() != name) continue;
      static_cast<void>(zone.get_info(date::sys_seconds{}));  // reads the zone's file, which may throw
      return Zone(&zone);
    }
    std::vector<std::string> names;
    for (const date::time_zone& zone : all.zones)
      names.push_back(zone.name());
    const std::string near = name.size() > kNameMax ? "" : nearest(name, names);
    return Error(Code::kInvalid, "unknown time zone " + shown +
                                     (near.empty() ? "; zones are named like Asia/Shanghai or UTC"
                                                   : "; did you mean '" + near + "'?"));
  } catch (const std::exception& e) {
    return Error(Code::kInvalid, "the time zone " + shown + " cannot be read: " + e.what() +
                                     "; zones come with the system's package tzdata");
  }
}

std::string_view Zone::name() const {
  return zone_->name();
}

std::chrono::seconds Zone::offset(Instant t) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(t.time_since_epoch());
  return zone_->get_info(date::sys_seconds(seconds)).offset;
}

std::chrono::local_seconds Zone::local(Instant t) const {
  return std::chrono::local_seconds(std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()) +
                                    offset(t));
}

Instant Zone::earliest(std::chrono::local_seconds local) const {
  const date::local_info info = info_of(zone_, local);
  if (info.result == date::local_info::nonexistent) return at(info.first.end.time_since_epoch());
  return at(local.time_since_epoch() - info.first.offset);
}

Instant Zone::latest(std::chrono::local_seconds local) const {
  const date::local_info info = info_of(zone_, local);
  if (info.result == date::local_info::nonexistent) return at(info.first.end.time_since_epoch());
  if (info.result == date::local_info::ambiguous) return at(local.time_since_epoch() - info.second.offset);
  return at(local.time_since_epoch() - info.first.offset);
}

}  // namespace postlude
