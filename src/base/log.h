#pragma once
// Log: writes one event per line to standard error, as logfmt or JSON, with the ids that it concerns. Any
// thread may call.
//
// A daemon calls start_queue(); then no caller ever waits for the reader of standard error. Lines wait in a
// bounded queue for a thread that writes them. When the queue is full, lines are dropped, and a line in their
// place says how many. Without start_queue() each call writes its line itself.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace postlude::log {

enum class Level : std::uint8_t { kDebug = 1, kInfo, kWarn, kError };
enum class Format : std::uint8_t { kLogfmt = 1, kJson };

constexpr std::size_t kFieldBytesMax = 8U << 10U;  // of one value or message; a cut is marked
constexpr std::size_t kLineBytesMax = 16U << 10U;  // further fields are left out, and the line says so
constexpr std::size_t kQueueBytesMax = 1U << 20U;

struct Field {
  std::string_view name;
  std::string value;

  Field(std::string_view name_in, std::string value_in) : name(name_in), value(std::move(value_in)) {}
  Field(std::string_view name_in, std::string_view value_in) : name(name_in), value(value_in) {}
  Field(std::string_view name_in, const char* value_in) : name(name_in), value(value_in) {}
  Field(std::string_view name_in, std::int64_t value_in) : name(name_in), value(std::to_string(value_in)) {}
  Field(std::string_view name_in, int value_in) : name(name_in), value(std::to_string(value_in)) {}
  Field(std::string_view name_in, std::size_t value_in) : name(name_in), value(std::to_string(value_in)) {}
};
using Fields = std::initializer_list<Field>;

void configure(Format format, Level level);  // call before threads start; the default is logfmt and info
bool enabled(Level level);
void write(Level level, std::string_view message, Fields fields);

void start_queue();       // once, before other threads start
std::uint64_t dropped();  // lines, since the start
// Waits until the queued lines are written, for at most `at_most`; false: some are not.
bool flush(std::chrono::milliseconds at_most);

inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::kDebug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::kInfo, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) {
  write(Level::kWarn, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::kError, message, fields);
}

}  // namespace postlude::log
