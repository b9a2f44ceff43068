#pragma once
// Result<T>: a value, or an Error whose code says how to react. Functions report failure in no other way.
//
// Nothing in this program throws across a folder boundary. A bug is a CHECK, not an Error.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace postlude {

// Each code exists because some caller reacts to it differently. Details belong in `message`.
enum class Code : std::uint8_t {
  kInvalid = 1,      // the input is wrong; the same input will fail again
  kDenied = 2,       // the caller is not who they claim to be, or lacks the right
  kNotFound = 3,     // no such thing
  kConflict = 4,     // somebody else was first: a stale lease, the same id with another body
  kOverloaded = 5,   // one of our own limits was reached (queue, disk full); shed and retry later
  kUnavailable = 6,  // a dependency failed before doing anything; retry with backoff
  kUnknown = 7,      // it may or may not have happened; find out before repeating
  kCorrupt = 8,      // stored data fails its own checks; stop and call a human
  kCancelled = 9,    // we are shutting down
};

struct Error {
  Code code;
  std::string message;  // for humans; lower case, no full stop; never parsed, never holds a secret
  // Where the error was created; not std::source_location, which clang 14 (tidy, fuzz) lacks.
  const char* file;
  int line;

  Error(Code code_in, std::string message_in, const char* file_in = __builtin_FILE(),
        int line_in = __builtin_LINE())
      : code(code_in), message(std::move(message_in)), file(file_in), line(line_in) {}
};

template <class T>
class [[nodiscard]] Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): `return value;` is the point
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor): so is `return Error(...)`
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& operator*() & { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  const T& operator*() const& { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;
inline Status ok() {
  return Done{};
}

}  // namespace postlude

// TRY(decl, expr): bind the value, or return the error to the caller. For a Status: TRY_DONE(expr).
#define POSTLUDE_CONCAT_2(a, b) a##b
#define POSTLUDE_CONCAT(a, b) POSTLUDE_CONCAT_2(a, b)
#define POSTLUDE_TRY(result, decl, ...)                      \
  auto result = (__VA_ARGS__);                               \
  if (!result.has_value()) return std::move(result).error(); \
  decl = *std::move(result)
#define TRY(decl, ...) POSTLUDE_TRY(POSTLUDE_CONCAT(try_result_, __COUNTER__), decl, __VA_ARGS__)
#define TRY_DONE(...)                                                            \
  do {                                                                           \
    auto try_done_result = (__VA_ARGS__);                                        \
    if (!try_done_result.has_value()) return std::move(try_done_result).error(); \
  } while (0)
