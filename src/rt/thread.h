#pragma once
// Thread: starts a thread that handles no signals; failure to start is an Error, not an exception.

#include <functional>
#include <thread>

#include "base/result.h"

namespace postlude::rt {

// kUnavailable: the system cannot start a thread now (a limit on processes, or no memory). The caller joins
// or detaches it. ps and gdb show `name`, at most 15 bytes.
Result<std::thread> start_thread(const char* name, std::function<void()> work);

}  // namespace postlude::rt
