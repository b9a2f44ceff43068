#pragma once
// Thread: a thread that may fail to start, which is an error and no exception, and that leaves signals alone.

#include <functional>
#include <thread>

#include "base/result.h"

namespace postlude::rt {

// kUnavailable: the system starts no thread now (a limit on processes, or no memory). The caller joins or
// detaches it. `name` is what ps and gdb show, at most 15 bytes.
Result<std::thread> start_thread(const char* name, std::function<void()> work);

}  // namespace postlude::rt
