#include "base/time.h"

#include <gtest/gtest.h>

#include <vector>

namespace postlude {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Time, WritesRfc3339) {
  EXPECT_EQ(to_rfc3339(instant(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(instant(1'795'342'272'345'678)), "2026-11-22T10:11:12.345Z");
  EXPECT_EQ(to_rfc3339(instant(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(instant(951'782'400'000'000)), "2000-02-29T00:00:00.000Z");
}

TEST(Time, ReadsRfc3339) {
  const std::vector<std::pair<std::string_view, std::int64_t>> cases{
      {"1970-01-01T00:00:00Z", 0},
      {"2026-11-22T10:11:12.345678Z", 1'795'342'272'345'678},
      {"2026-11-22T10:11:12.3456789999Z", 1'795'342'272'345'678},
      {"2026-11-22t18:11:12+08:00", 1'795'342'272'000'000},
      {"2026-11-22 04:41:12-05:30", 1'795'342'272'000'000},
      {"2022-10-28T07:26:19Z", 1'666'941'979'000'000},
      {"2000-02-29T00:00:00Z", 951'782'400'000'000},
  };
  for (const auto& [text, us] : cases) {
    const auto t = parse_rfc3339(text);
    ASSERT_TRUE(t) << text;
    EXPECT_EQ(micros(*t), us) << text;
  }
  for (const std::string_view wrong :
       {"", "2026", "2026-11-22", "2026-11-22T10:11:12", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T10:11:12.Z", "2026-11-22T10:11:12Zx", "2026-11-22T10:11:12+8:00",
        "2026-11-22T10:11:12+08", "2026-11-22T10:11:12+08:0", "2026/11/22T10:11:12Z",
        "x026-11-22T10:11:12Z"}) {
    EXPECT_FALSE(parse_rfc3339(wrong)) << wrong;
  }
}

TEST(Time, ReadsRetryAfter) {
  const Instant now = *parse_rfc3339("1994-11-06T08:49:00Z");
  const std::vector<std::pair<std::string_view, Duration>> cases{
      {"0", seconds(0)},
      {"120", seconds(120)},
      {" 2 ", seconds(2)},
      {"1.5", milliseconds(1500)},
      {"0.000001", microseconds(1)},
      {"Sun, 06 Nov 1994 08:49:37 GMT", seconds(37)},
      {"Sunday, 06-Nov-94 08:49:37 GMT", seconds(37)},
      {"Sun Nov  6 08:49:37 1994", seconds(37)},
      {"Sun, 06 Nov 1994 08:48:37 GMT", seconds(0)},  // past
      {"Sunday, 06-Nov-44 08:49:00 GMT", seconds(1'577'923'200)},
      {"99999999999999999999", seconds(1'000'000'000)},
  };
  for (const auto& [text, after] : cases) {
    const auto read = parse_retry_after(text, now);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, after) << text;
  }
  for (const std::string_view wrong :
       {"", "soon", "-1", "1.2.3", ".5", "1s", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov"}) {
    EXPECT_FALSE(parse_retry_after(wrong, now)) << wrong;
  }
}

TEST(Time, ReadsAndWritesDurations) {
  const std::vector<std::pair<std::string_view, Duration>> cases{
      {"0s", seconds(0)},
      {"30s", seconds(30)},
      {"5m", minutes(5)},
      {"1d", hours(24)},
      {"1h30m", minutes(90)},
      {"250ms", milliseconds(250)},
      {"10us", microseconds(10)},
      {"1d2h3m4s5ms6us", hours(26) + minutes(3) + seconds(4) + milliseconds(5) + microseconds(6)},
  };
  for (const auto& [text, duration] : cases) {
    const auto read = parse_duration(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, duration) << text;
    EXPECT_EQ(to_text(duration), text);
  }
  EXPECT_EQ(*parse_duration("24h"), hours(24));
  EXPECT_EQ(*parse_duration("90s"), seconds(90));
  EXPECT_EQ(*parse_duration("3µs"), microseconds(3));
  EXPECT_EQ(*parse_duration("36500d"), hours(36500 * 24));
  for (const std::string_view wrong : {"", "30", "s", "1x", "1 s", " 1s", "1s ", "-1s", "1.5s", "1m1h",
                                       "1s1s", "36501d", "99999999999999999999s", "36500d1s"}) {
    const auto read = parse_duration(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, Code::kInvalid);
  }
}

TEST(Time, ReadsRatesAndSizes) {
  EXPECT_EQ(parse_rate("10/s")->count, 10U);
  EXPECT_EQ(parse_rate("10/s")->per, seconds(1));
  EXPECT_EQ(parse_rate("5/h")->per, hours(1));
  EXPECT_EQ(parse_rate("7/d")->per, hours(24));
  for (const std::string_view wrong :
       {"", "10", "/s", "0/s", "10/ms", "10/x", "10/", "-1/s", "1.5/s", "9999999999/s"}) {
    EXPECT_FALSE(parse_rate(wrong)) << wrong;
  }
  const std::vector<std::pair<std::string_view, std::uint64_t>> sizes{
      {"512", 512},        {"0", 0}, {"3B", 3}, {"1KiB", 1024}, {"1MiB", 1U << 20U}, {"2GiB", 2ULL << 30U},
      {"10MB", 10'000'000}};
  for (const auto& [text, size] : sizes) {
    ASSERT_TRUE(parse_size(text)) << text;
    EXPECT_EQ(*parse_size(text), size) << text;
  }
  for (const std::string_view wrong :
       {"", "MiB", "1mib", "1 MiB", "-1", "1.5MiB", "99999999999999GiB", "1TiB"}) {
    EXPECT_FALSE(parse_size(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace postlude
