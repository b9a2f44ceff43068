#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <ctime>
#include <memory>
#include <utility>

#include "base/log_queue.h"
#include "base/printable.h"

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
  struct Second {
    std::time_t at = -1;
    std::string text;
  };
  thread_local Second last;  // many lines have it in common
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  if (ts.tv_sec != last.at) {
    tm parts{};
    gmtime_r(&ts.tv_sec, &parts);
    char text[40];
    last.text.assign(text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &parts));
    last.at = ts.tv_sec;
  }
  std::string millis = std::to_string(ts.tv_nsec / 1'000'000);
  millis.insert(0, 3 - millis.size(), '0');
  return last.text + millis + "Z";
}

// Builds a line: names of fields are ours, values are foreign.
class Line {
 public:
  Line(Format format, Level level, std::string_view message) : json_(format == Format::kJson) {
    text_ = json_ ? "{" : "";
    put("time", now_text());
    put("level", name_of(level));
    put("msg", message);
  }

  void put(std::string_view name, std::string_view value) {
    std::string shown = quoted_printable(value, kFieldBytesMax);
    if (!json_ && shown.size() == value.size() + 2 && value.find_first_of(" =") == std::string_view::npos &&
        !value.empty()) {
      shown = value;  // nothing needs quoting
    }
    if (text_.size() + name.size() + shown.size() > kLineBytesMax) {
      ++left_out_;
      return;
    }
    if (text_.size() > 1) text_.push_back(json_ ? ',' : ' ');
    text_ += json_ ? "\"" + std::string(name) + "\":" : std::string(name) + "=";
    text_ += shown;
  }

  std::string end() && {
    if (const int n = std::exchange(left_out_, 0); n > 0) put("fieldsLeftOut", std::to_string(n));
    text_ += json_ ? "}\n" : "\n";
    return std::move(text_);
  }

 private:
  bool json_;
  std::string text_;
  int left_out_ = 0;
};

std::string made(Level level, std::string_view message, Fields fields) {
  Line line(format_now, level, message);
  for (const Field& field : fields) {
    if (!field.value.empty()) line.put(field.name, field.value);  // it has none
  }
  return std::move(line).end();
}

std::string dropped_line(std::uint64_t count) {
  return made(Level::kWarn, "log lines were dropped here: standard error was not read fast enough",
              {{"lines", std::to_string(count)}});
}

// Never destroyed: its thread may be writing until the process has ended.
std::shared_ptr<LogQueue>* queue = nullptr;

}  // namespace

void configure(Format format, Level level) {
  format_now = format;
  level_now = level;
}

bool enabled(Level level) {
  return level >= level_now.load(std::memory_order_relaxed);
}

void start_queue() {
  if (queue != nullptr) return;
  queue = new std::shared_ptr(std::make_shared<LogQueue>(STDERR_FILENO, kQueueBytesMax, dropped_line));
}

std::uint64_t dropped() {
  return queue == nullptr ? 0 : (*queue)->dropped();
}

bool flush(std::chrono::milliseconds at_most) {
  return queue == nullptr || (*queue)->flush(at_most);
}

void write(Level level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  std::string line = made(level, message, fields);
  if (queue != nullptr) {
    (*queue)->push(std::move(line));
  } else {
    // A log that cannot be written is no reason to fail.
    (void)write_all(STDERR_FILENO, line);
  }
}

}  // namespace postlude::log
