#pragma once
// CHECK: what must hold, also in production. A failed one logs where and why, and aborts: recovery is the
// ordinary way of starting, so stopping is safer than going on with a state that nobody thought of.

namespace postlude {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace postlude

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) ::postlude::check_failed(#condition, __FILE__, __LINE__); \
  } while (0)
