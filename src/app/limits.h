#pragma once
// Limits: how many connections each listener may keep, so that descriptors are left for everything else.

#include <cstddef>

#include "base/result.h"

namespace postlude::app {

struct ConnectionLimits {
  std::size_t hooks = 0, admin = 0;
};

// Of a process that may have so many descriptors open.
ConnectionLimits connection_limits(std::size_t descriptors);

// Asks the system for as many descriptors as this process may have; how many that is.
std::size_t raise_descriptors();

// Whether all that the daemon opens when it starts can be opened; if not, the message names the limit.
// Without these it would end somewhere on the way, and say nothing that helps.
Status check_descriptors();

}  // namespace postlude::app
