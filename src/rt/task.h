#pragma once
// Task<T>: a coroutine on the loop. The only header through which folders use asio.
//
// Three rules, enforced by tools/tidy:
//   - a coroutine takes values, or references to objects that outlive the loop. (A private helper may take a
//     reference to a named local of the coroutine that awaits it.)
//   - no coroutine is a lambda with captures;
//   - the operand of co_await holds no brace and no lambda: g++ 12 destroys such temporaries twice. AWAIT and
//     AWAIT_TRY make the call in a statement of its own, and are always safe.

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace postlude::rt {

template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace postlude::rt

// For results at hand, inside a coroutine.
#define POSTLUDE_CO_TRY(result, decl, ...)                      \
  auto result = (__VA_ARGS__);                                  \
  if (!result.has_value()) co_return std::move(result).error(); \
  decl = *std::move(result)
#define CO_TRY(decl, ...) POSTLUDE_CO_TRY(POSTLUDE_CONCAT(try_result_, __COUNTER__), decl, __VA_ARGS__)

#define POSTLUDE_AWAIT(task, decl, ...) \
  auto task = (__VA_ARGS__);            \
  decl = co_await std::move(task)
#define AWAIT(decl, ...) POSTLUDE_AWAIT(POSTLUDE_CONCAT(await_task_, __COUNTER__), decl, __VA_ARGS__)

// For a Task<> without a result. One statement, also under an `if`.
#define AWAIT_DONE(...)                   \
  do {                                    \
    auto await_done_task = (__VA_ARGS__); \
    co_await std::move(await_done_task);  \
  } while (0)

#define POSTLUDE_AWAIT_TRY(task, result, decl, ...)             \
  auto task = (__VA_ARGS__);                                    \
  auto result = co_await std::move(task);                       \
  if (!result.has_value()) co_return std::move(result).error(); \
  decl = *std::move(result)
#define AWAIT_TRY(decl, ...)                                                                             \
  POSTLUDE_AWAIT_TRY(POSTLUDE_CONCAT(try_task_, __COUNTER__), POSTLUDE_CONCAT(try_result_, __COUNTER__), \
                     decl, __VA_ARGS__)
