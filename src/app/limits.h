#pragma once
// Limits: how many connections each listener may have, so that enough descriptors remain for other uses.

#include <cstddef>

#include "base/result.h"

namespace postlude::app {

struct ConnectionLimits {
  std::size_t hooks = 0, admin = 0;
};

// For a process that may have this many open descriptors.
ConnectionLimits connection_limits(std::size_t descriptors);

// Raises this process' limit of descriptors to its maximum, and returns it.
std::size_t raise_descriptors();

// Whether all that the daemon opens when it starts can be opened; if not, the message names the limit.
// Without these it would end somewhere on the way, and say nothing that helps.
Status check_descriptors();

}  // namespace postlude::app
