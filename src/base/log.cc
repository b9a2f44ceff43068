#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <ctime>

#include "base/json.h"

namespace postlude::log {

namespace {

std::atomic<Format> format_now{Format::kLogfmt};
std::atomic<Level> level_now{Level::kInfo};

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "error";
}

std::string now_text() {
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  tm parts{};
  gmtime_r(&ts.tv_sec, &parts);
  char text[40];
  const std::size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string millis = std::to_string(ts.tv_nsec / 1'000'000);
  millis.insert(0, 3 - millis.size(), '0');
  return std::string(text, size) + "." + millis + "Z";
}

// logfmt: bare where nothing needs quoting, else as a JSON string, which also keeps a line a line.
void put_logfmt(std::string& line, std::string_view value) {
  const bool bare = !value.empty() && value.find_first_of(" \"=\\\n\r\t") == std::string_view::npos;
  if (bare) {
    line += value;
  } else {
    line += json::serialize(json::string(value));
  }
}

}  // namespace

void configure(Format format, Level level) {
  format_now = format;
  level_now = level;
}

bool enabled(Level level) {
  return level >= level_now.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  std::string line;
  if (format_now == Format::kJson) {
    json::object object;
    object["time"] = now_text();
    object["level"] = name_of(level);
    object["msg"] = message;
    for (const Field& field : fields)
      object[field.name] = field.value;
    line = json::serialize(object);
  } else {
    line = "time=" + now_text() + " level=" + std::string(name_of(level)) + " msg=";
    put_logfmt(line, message);
    for (const Field& field : fields) {
      line.push_back(' ');
      line += field.name;
      line.push_back('=');
      put_logfmt(line, field.value);
    }
  }
  line.push_back('\n');
  // One write keeps lines of several threads whole. A log that cannot be written is no reason to fail.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace postlude::log
