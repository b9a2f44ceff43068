#pragma once
// CHECK: asserts what must hold, also in production. A failed check logs where and why, and aborts: the
// ordinary start is the recovery, so aborting is safer than going on in an unforeseen state.

namespace postlude {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace postlude

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) ::postlude::check_failed(#condition, __FILE__, __LINE__); \
  } while (0)
