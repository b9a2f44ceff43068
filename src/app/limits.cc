#include "app/limits.h"

#include <sys/resource.h>

#include <algorithm>

namespace postlude::app {

namespace {

constexpr std::size_t kHooksMost = 4096;
constexpr std::size_t kAdminMost = 256;
constexpr std::size_t kWanted = 8192;
// For the store, the evaluators, connections to targets, configuration and logs.
constexpr std::size_t kKeptFree = 512;

}  // namespace

ConnectionLimits connection_limits(std::size_t descriptors) {
  const std::size_t free = descriptors - std::min(kKeptFree, descriptors / 2);
  ConnectionLimits out;
  out.admin = std::clamp<std::size_t>(free / 8, 4, kAdminMost);
  out.hooks = std::clamp<std::size_t>(free - std::min(free, out.admin), 4, kHooksMost);
  return out;
}

std::size_t raise_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kKeptFree;
  if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < kWanted) {
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kWanted);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  }
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 20U));
}

}  // namespace postlude::app
