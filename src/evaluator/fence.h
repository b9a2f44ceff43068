#pragma once
// Fence: restricts an evaluator to memory, time, its socket, and reading time zones.

#include <string>

namespace postlude::evaluator {

// For the rest of this process: it can open no other file, create no socket, start nothing, and see or signal
// no other process; attempts fail with EPERM or EACCES. Returns "", or the restrictions that this kernel
// lacks; the others still apply.
std::string raise_fence();

}  // namespace postlude::evaluator
