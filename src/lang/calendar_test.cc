#include "lang/calendar.h"

#include <gtest/gtest.h>

#include "lang/yaml.h"

namespace postlude::lang {
namespace {

TEST(ReadCalendars, TheContractsOwn) {
  Problems problems;
  const Node node = *read_yaml(
      "freeze: {timezone: Asia/Shanghai, windows: [{days: [fri], from: \"18:00\", to: "
      "\"24:00\"}, {from: 2027-02-05, to: 2027-02-15}]}\n"
      "night:\n  windows:\n  - {from: 22:00, to: 6:00}\n  - {days: sat}\n",
      "c.yaml", problems);
  const Calendars all = read_calendars(node, problems);
  for (const Problem& p : problems)
    ADD_FAILURE() << to_text(p);
  EXPECT_EQ(
      postlude::to_text(to_json(all)),
      R"({"freeze":{"timezone":"Asia/Shanghai","windows":[{"days":["fri"],"from":"18:00","to":"24:00"},)"
      R"({"from":"2027-02-05","to":"2027-02-15"}]},"night":{"timezone":"UTC","windows":[{"days":["mon",)"
      R"("tue","wed","thu","fri","sat","sun"],"from":"22:00","to":"6:00"},{"days":["sat"]}]}})");
  EXPECT_TRUE(all.at("freeze").inside(*parse_rfc3339("2027-02-05T00:00:00+08:00")));
}

TEST(ReadCalendars, Problems) {
  struct Case {
    const char* text;
    const char* problem;
  };
  const Case cases[] = {
      {"freeze: {timezone: Asia/Shangai, windows: [{days: [fri]}]}",
       "c.yaml:1:20: unknown time zone 'Asia/Shangai'; did you mean 'Asia/Shanghai'?"},
      {"freeze: {timezon: UTC, windows: [{days: [fri]}]}",
       "c.yaml:1:10: unknown key 'timezon' in a calendar; did you mean 'timezone'?"},
      {"freeze: {}", "c.yaml:1:9: a calendar has `windows`, a list of {days, from, to} or {from, to}"},
      {"freeze: always", "c.yaml:1:9: a calendar is a map with `timezone` and `windows`"},
      {"[freeze]", "c.yaml:1:1: `calendars` is a map of names"},
      {"freeze:\n  windows:\n  - {day: [fri]}",
       "c.yaml:3:6: unknown key 'day' in a window; did you mean 'days'? | "
       "c.yaml:3:5: a window has `days` with `from` and `to`, or two dates"},
      {"freeze: {windows: [{days: [freitag]}]}",
       "c.yaml:1:20: 'freitag' is not a day; write mon tue wed thu fri sat sun, or mon-fri"},
      {"freeze: {windows: [{days: {}}]}", "c.yaml:1:27: `days` is a list of days, say [sat, sun]"},
      {"freeze: {windows: [{from: [1]}]}", "c.yaml:1:27: `from` is a time, \"18:00\", or a day, 2027-02-05"},
      {"freeze: {windows: [fri]}",
       "c.yaml:1:20: a window is a map, say {days: [fri], from: \"18:00\", to: \"24:00\"}"},
  };
  for (const Case& c : cases) {
    lang::Problems problems;
    const Node node = *read_yaml(c.text, "c.yaml", problems);
    EXPECT_TRUE(read_calendars(node, problems).empty()) << c.text;
    std::string shown;
    for (const Problem& p : problems)
      shown += (shown.empty() ? "" : " | ") + to_text(p);
    EXPECT_EQ(shown, c.problem) << c.text;
  }
}

}  // namespace
}  // namespace postlude::lang
