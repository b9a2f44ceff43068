#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/json.h"
#include "base/log_queue.h"
#include "base/printable.h"
#include "base/text.h"

namespace postlude::log {
namespace {

using std::chrono::milliseconds;

// -- a line
TEST(Printable, EscapesWhatATerminalWouldObey) {
  struct Case {
    std::string_view text;
    std::string_view shown;
  };
  const std::vector<Case> cases{
      {"plain", R"("plain")"},
      {"", R"("")"},
      {"a \"b\" \\", R"("a \"b\" \\")"},
      {"\n\r\t", R"("\n\r\t")"},
      {std::string_view("\0\x1b[2J\x07", 6), R"("\u0000\u001b[2J\u0007")"},
      {"\x7f", R"("\u007f")"},
      {"\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0", "\"\\u0080\\u009b\\u009f\xC2\xA0\""},
      {"\x9b"
       "31m",
       R"("\ufffd31m")"},  // C1 as a byte of its own
      {"a\xE2\x80\xAE"
       "b\xE2\x81\xA6",
       R"("a\u202eb\u2066")"},
      {"\xD8\x9C\xE2\x80\x8F\xE2\x80\x8B", R"("\u061c\u200f\u200b")"},
      {"\xE2\x80\xA8\xE2\x80\xA9\xEF\xBB\xBF", R"("\u2028\u2029\ufeff")"},
      {"中文 é 🐤", "\"中文 é 🐤\""},
      {"\xED\xA0\x80\xC0\xAF\xF5", R"("\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd")"},  // surrogate, overlong, none
      {"\xE4\xB8", R"("\ufffd\ufffd")"},                                          // cut off
  };
  for (const Case& c : cases) {
    EXPECT_EQ(quoted_printable(c.text, 1000), c.shown);
    EXPECT_TRUE(parse_json(quoted_printable(c.text, 1000))) << c.shown;
  }
  EXPECT_EQ(quoted_printable("abcdef", 4), "\"abc… (3 bytes more)\"");
  EXPECT_EQ(quoted_printable("中文", 3), "\"中… (3 bytes more)\"");
}

// What write() puts on standard error.
std::string written(Format format, std::string_view message, Fields fields) {
  configure(format, Level::kInfo);
  testing::internal::CaptureStderr();
  write(Level::kInfo, message, fields);
  std::string line = testing::internal::GetCapturedStderr();
  configure(Format::kLogfmt, Level::kInfo);
  return line;
}

TEST(Log, WritesOneLineWhateverIsInIt) {
  const std::string line =
      written(Format::kLogfmt, "two words",
              {{"bare", "x-1"}, {"equal", "a=b"}, {"none", ""}, {"bad", "a\nlevel=error\x1b[0m"}});
  EXPECT_EQ(line.substr(line.find(" level=")),
            " level=info msg=\"two words\" bare=x-1 equal=\"a=b\" bad=\"a\\nlevel=error\\u001b[0m\"\n");
  const std::string json = written(Format::kJson, "m", {{"bad", "\xC2\x9B \"\n"}, {"n", 3}});
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 1);
  const auto parsed = parse_json(std::string_view(json).substr(0, json.size() - 1));
  ASSERT_TRUE(parsed) << json;
  EXPECT_EQ(find_text(*parsed, "bad"), "\xC2\x9B \"\n");
  EXPECT_EQ(find_text(*parsed, "level"), "info");
}

TEST(Log, BoundsWhatALineHolds) {
  const std::string big(900'000, 'x');
  const std::string wild(900'000, '\x01');
  for (const Format format : {Format::kLogfmt, Format::kJson}) {
    const std::string line =
        written(format, big, {{"a", big}, {"b", wild}, {"c", wild}, {"last", "still here"}});
    EXPECT_LE(line.size(), kLineBytesMax + 100);
    EXPECT_NE(line.find("bytes more)"), std::string::npos);
    EXPECT_NE(line.find("fieldsLeftOut"), std::string::npos);
    EXPECT_EQ(line.back(), '\n');
  }
  const std::string line = written(Format::kLogfmt, "m", {{"a", big}, {"last", "still here"}});
  EXPECT_NE(line.find("last=\"still here\""), std::string::npos);
}

// -- the queue
struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    if (ends[0] >= 0) close(ends[0]);
    close(ends[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Until a line is `last`; reading waits for the queue's thread.
  std::vector<std::string> lines_until(const std::string& last) {
    std::string all;
    std::array<char, 65536> some{};
    while (!("\n" + all).ends_with("\n" + last + "\n")) {
      const ssize_t n = read(ends[0], some.data(), some.size());
      if (n <= 0) break;
      all.append(some.data(), static_cast<std::size_t>(n));
    }
    std::vector<std::string> out;
    for (const std::string_view line : split(all, '\n'))
      out.emplace_back(line);
    out.pop_back();
    return out;
  }

  std::array<int, 2> ends{-1, -1};
};

std::shared_ptr<LogQueue> queue_on(int fd, std::size_t bytes_max) {
  return std::make_shared<LogQueue>(fd, bytes_max,
                                    [](std::uint64_t n) { return "dropped " + std::to_string(n) + "\n"; });
}

TEST(LogQueue, DropsAndCountsWhatNobodyReadsAndKeepsTheOrder) {
  Pipe pipe;
  const auto queue = queue_on(pipe.ends[1], 100'000);
  constexpr int kLines = 50'000;  // 64 KiB fit into the pipe, 64 KiB into the writer's hand
  for (int i = 0; i < kLines; ++i)
    queue->push("line " + std::to_string(i) + "\n");
  EXPECT_FALSE(queue->flush(milliseconds(20)));
  EXPECT_GT(queue->dropped(), 10'000U);
  std::vector<std::string> all;
  std::thread reader([&] { all = pipe.lines_until("end"); });
  EXPECT_TRUE(queue->flush(milliseconds(20'000)));
  queue->push("end\n");  // there is room again
  reader.join();
  // Each line, or how many are missing just there.
  std::uint64_t next = 0;
  std::uint64_t missing = 0;
  all.pop_back();
  for (const std::string& line : all) {
    if (line.starts_with("dropped ")) {
      missing += std::stoull(line.substr(8));
      next += std::stoull(line.substr(8));
    } else {
      ASSERT_EQ(line, "line " + std::to_string(next++));
    }
  }
  EXPECT_EQ(next, static_cast<std::uint64_t>(kLines));
  EXPECT_EQ(queue->dropped(), missing);
}

TEST(LogQueue, KeepsTheLinesOfManyThreadsWhole) {
  Pipe pipe;
  const auto queue = queue_on(pipe.ends[1], 10'000'000);
  constexpr int kEach = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&queue, t] {
      for (int i = 0; i < kEach; ++i)
        queue->push(std::to_string(t) + " " + std::to_string(i) + "\n");
    });
  }
  std::vector<std::string> all;
  std::thread reader([&] { all = pipe.lines_until("end"); });
  for (std::thread& thread : threads)
    thread.join();
  queue->push("end\n");
  reader.join();
  std::array<int, 4> next{};
  ASSERT_EQ(all.size(), 4 * kEach + 1U);
  all.pop_back();
  for (const std::string& line : all) {
    const auto t = static_cast<std::size_t>(line[0] - '0');
    ASSERT_EQ(line, std::to_string(t) + " " + std::to_string(next.at(t)++));
  }
  EXPECT_EQ(queue->dropped(), 0U);
}

TEST(LogQueue, CountsWhatCannotBeWritten) {
  Pipe pipe;
  close(std::exchange(pipe.ends[0], -1));
  const auto queue = queue_on(pipe.ends[1], 1000);
  queue->push("a\n");
  queue->push("b\n");
  EXPECT_TRUE(queue->flush(milliseconds(5000)));
  EXPECT_EQ(queue->dropped(), 2U);
}

}  // namespace
}  // namespace postlude::log
