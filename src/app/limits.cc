#include "app/limits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace postlude::app {

namespace {

constexpr std::size_t kHooksMost = 4096;
constexpr std::size_t kAdminMost = 256;
constexpr std::size_t kWanted = 8192;
// For the store, the evaluators, connections to targets, configuration and logs.
constexpr std::size_t kKeptFree = 512;

// The store's files, the evaluators' pipes, both listeners, what wakes the threads, and some connections.
constexpr std::size_t kNeeded = 48;

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

Status check_descriptors() {
  const std::size_t allowed = raise_descriptors();
  std::vector<int> opened;
  int error = 0;
  while (error == 0 && opened.size() < kNeeded) {
    const int one = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (one < 0) {
      error = errno;
    } else {
      opened.push_back(one);
    }
  }
  for (const int one : opened)
    close(one);
  if (error == 0) return ok();
  const std::string words = error == EMFILE ? "this process may open only " + std::to_string(allowed) +
                                                  " files, and has others open"
                                            : std::strerror(error);
  return Error(Code::kOverloaded, "Postlude needs " + std::to_string(kNeeded) +
                                      " open files to start, and could open " +
                                      std::to_string(opened.size()) + ": " + words +
                                      "; raise the limit (`ulimit -n`, LimitNOFILE= of systemd)");
}

}  // namespace postlude::app
