#include "base/calendar.h"

#include <gtest/gtest.h>

namespace postlude {
namespace {

Instant at(std::string_view text) {
  auto parsed = parse_rfc3339(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Instant();
}

Calendar calendar(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  auto read = Calendar::from_json(*value);
  EXPECT_TRUE(read) << read.error().message;
  return *read;
}

constexpr const char* kFreeze =
    R"({"timezone":"Asia/Shanghai","windows":[{"days":["fri"],"from":"18:00","to":"24:00"},{"from":"2027-02-05","to":"2027-02-15"}]})";
constexpr const char* kNight = R"({"timezone":"UTC","windows":[{"from":"22:00","to":"06:00"}]})";
constexpr const char* kWeekend =
    R"({"timezone":"Europe/Berlin","windows":[{"days":["fri"],"from":"16:00"},{"days":["sat","sun"]},{"days":["mon"],"to":"08:00"}]})";
constexpr const char* kHour = R"({"timezone":"Europe/Berlin","windows":[{"from":"02:00","to":"03:00"}]})";
constexpr const char* kHalf = R"({"timezone":"Europe/Berlin","windows":[{"from":"02:30","to":"05:00"}]})";
constexpr const char* kAlways = R"({"timezone":"UTC","windows":[{"from":"00:00","to":"24:00"}]})";

TEST(Calendar, InsideAndEnd) {
  struct Case {
    const char* calendar;
    const char* at;
    const char* end;  // "": outside
  };
  const Case cases[] = {
      {kFreeze, "2026-11-27T09:59:59Z", ""},  // Friday, 17:59:59 in Shanghai
      {kFreeze, "2026-11-27T10:00:00Z", "2026-11-27T16:00:00.000Z"},
      {kFreeze, "2026-11-27T15:59:59.999Z", "2026-11-27T16:00:00.000Z"},
      {kFreeze, "2026-11-27T16:00:00Z", ""},
      {kFreeze, "2027-02-04T15:59:59Z", ""},
      {kFreeze, "2027-02-04T16:00:00Z", "2027-02-15T16:00:00.000Z"},  // both days belong to it
      {kFreeze, "2027-02-15T15:59:00Z", "2027-02-15T16:00:00.000Z"},
      {kFreeze, "2027-02-15T16:00:00Z", ""},
      {kNight, "2026-11-23T23:00:00Z", "2026-11-24T06:00:00.000Z"},  // over midnight
      {kNight, "2026-11-24T05:59:59Z", "2026-11-24T06:00:00.000Z"},
      {kNight, "2026-11-24T06:00:00Z", ""},
      {kNight, "1969-12-31T23:00:00Z", "1970-01-01T06:00:00.000Z"},
      {kWeekend, "2026-11-27T15:00:00Z", "2026-11-30T07:00:00.000Z"},  // four windows that touch are one
      {kWeekend, "2026-11-29T12:00:00Z", "2026-11-30T07:00:00.000Z"},
      {kWeekend, "2026-11-27T14:59:00Z", ""},
      // 2026-03-29: 02:00 to 03:00 does not exist; 2026-10-25: it comes twice.
      {kHour, "2026-03-29T00:59:59Z", ""},
      {kHour, "2026-03-29T01:00:00Z", ""},
      {kHour, "2026-10-24T23:59:59Z", ""},
      {kHour, "2026-10-25T00:00:00Z", "2026-10-25T02:00:00.000Z"},
      {kHour, "2026-10-25T01:30:00Z", "2026-10-25T02:00:00.000Z"},
      {kHalf, "2026-03-29T01:00:00Z", "2026-03-29T03:00:00.000Z"},  // begins at the jump
      {kHalf, "2026-10-25T00:29:59Z", ""},
      {kHalf, "2026-10-25T00:30:00Z", "2026-10-25T04:00:00.000Z"},
      {kHalf, "2026-10-25T01:00:00Z", "2026-10-25T04:00:00.000Z"},
      {R"({"timezone":"America/New_York","windows":[{"days":["sun"],"from":"01:00","to":"02:00"}]})",
       "2036-07-06T05:30:00Z", "2036-07-06T06:00:00.000Z"},
      {R"({"timezone":"Asia/Kolkata","windows":[{"days":["sat-mon"],"from":"9:15","to":"10:00"}]})",
       "2026-11-23T03:45:00Z", "2026-11-23T04:30:00.000Z"},
      {R"({"timezone":"Asia/Tokyo","windows":[{"from":"2027-01-01T09:00","to":"2027-01-02T08:30"}]})",
       "2027-01-01T00:00:00Z", "2027-01-01T23:30:00.000Z"},
      {R"({"timezone":"Asia/Tokyo","windows":[{"from":"2027-01-01T09:00","to":"2027-01-02T08:30"}]})",
       "2026-12-31T23:59:59Z", ""},
      {R"({"timezone":"UTC","windows":[{"from":"2027-01-01"}]})", "2027-01-01T23:59:59Z",
       "2027-01-02T00:00:00.000Z"},
      // Samoa had no 30 December 2011.
      {R"({"timezone":"Pacific/Apia","windows":[{"days":["thu","sat"]}]})", "2011-12-30T09:00:00Z",
       "2011-12-31T10:00:00.000Z"},
      {R"({"timezone":"UTC","windows":[]})", "2027-01-01T23:59:59Z", ""},
  };
  for (const Case& c : cases) {
    const Calendar read = calendar(c.calendar);
    const bool inside = *c.end != '\0';
    EXPECT_EQ(read.inside(at(c.at)), inside) << c.calendar << " at " << c.at;
    const auto end = read.next_end(at(c.at));
    ASSERT_TRUE(end) << c.calendar << " at " << c.at;
    EXPECT_EQ(to_rfc3339(*end), inside ? c.end : to_rfc3339(at(c.at))) << c.calendar << " at " << c.at;
    const auto again = Calendar::from_json(read.to_json());  // a pinned run keeps its own
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->inside(at(c.at)), inside);
    EXPECT_EQ(again->to_json(), read.to_json());
  }
  const auto seven =
      calendar(R"({"timezone":"UTC","windows":[{"days":["mon","wed"]},{"days":["tue","thu-sat"]}]})");
  EXPECT_EQ(to_rfc3339(*seven.next_end(at("2026-11-23T00:00:00Z"))), "2026-11-29T00:00:00.000Z");
  EXPECT_FALSE(calendar(kAlways).next_end(at("2026-11-23T00:00:00Z")));
}

TEST(Calendar, Refused) {
  struct Case {
    const char* calendar;
    const char* why;
  };
  const Case cases[] = {
      {R"({"timezone":"Asia/Shangai","windows":[]})",
       "unknown time zone 'Asia/Shangai'; did you mean 'Asia/Shanghai'?"},
      {R"({"timezone":"nowhere at all","windows":[]})",
       "unknown time zone 'nowhere at all'; zones are named like Asia/Shanghai or UTC"},
      {R"({"timezone":"UTC"})", "a calendar without `windows`"},
      {R"({"timezone":"UTC","windows":[{}]})", "a window has `days` with `from` and `to`, or two dates"},
      {R"({"timezone":"UTC","windows":[{"days":["friday"]}]})",
       "'friday' is not a day; write mon tue wed thu fri sat sun, or mon-fri"},
      {R"({"timezone":"UTC","windows":[{"from":"25:00","to":"26:00"}]})",
       "'25:00' is not a time of day; write 18:00, or 24:00 for its end"},
      {R"({"timezone":"UTC","windows":[{"from":"18:00","to":"6pm"}]})",
       "'6pm' is not a time of day; write 18:00, or 24:00 for its end"},
      {R"({"timezone":"UTC","windows":[{"from":"24:00","to":"06:00"}]})",
       "'24:00' is not a time of day; write 18:00, or 24:00 for its end"},
      {R"({"timezone":"UTC","windows":[{"from":"06:00","to":"06:00"}]})",
       "it would be over when it begins; a whole day is from 00:00 to 24:00"},
      {R"({"timezone":"UTC","windows":[{"days":["fri"],"from":"2027-01-01"}]})",
       "a window is on days of the week or between dates, not both"},
      {R"({"timezone":"UTC","windows":[{"from":"2027-02-30","to":"2027-03-01"}]})",
       "'2027-02-30' is not a day; write 2027-02-05, or with a time 2027-02-05T18:00"},
      {R"({"timezone":"UTC","windows":[{"from":"2027-02-05","to":"18:00"}]})",
       "'18:00' is not a day; write 2027-02-05, or with a time 2027-02-05T18:00"},
      {R"({"timezone":"UTC","windows":[{"from":"2027-02-05T10:00"}]})", "`to` is missing: when does it end?"},
      {R"({"timezone":"UTC","windows":[{"to":"2027-02-05"}]})", "`from` is missing: when does it begin?"},
      {R"({"timezone":"UTC","windows":[{"from":"2027-02-05","to":"2027-02-04"}]})",
       "'2027-02-04' is not after '2027-02-05'"},
  };
  for (const Case& c : cases) {
    const auto value = parse_json(c.calendar);
    ASSERT_TRUE(value) << c.calendar;
    const auto read = Calendar::from_json(*value);
    ASSERT_FALSE(read) << c.calendar;
    EXPECT_EQ(read.error().message, c.why) << c.calendar;
  }
}

}  // namespace
}  // namespace postlude
