// The page about expressions cannot lie: each of its examples is run here.

#include <fstream>

#include "base/json.h"
#include "base/text.h"
#include "evaluator/bench_test.h"
#include "lib/source_folder.h"

namespace postlude::evaluator {
namespace {

std::string read_text(const char* path) {
  std::ifstream file(source_path(path));
  return {std::istreambuf_iterator<char>(file), {}};
}

// What stands between ```word and ```, all of them one after another.
std::string blocks(std::string_view page, const std::string& word) {
  const std::string begin = "```" + word + "\n";
  std::string out;
  for (std::size_t at = page.find(begin); at != std::string_view::npos; at = page.find(begin, at)) {
    at += begin.size();
    const std::size_t end = page.find("```", at);
    out += page.substr(at, end - at);
    at = end;
  }
  return out;
}

struct Example {
  std::string expression;
  std::string value;
};

std::vector<Example> examples(std::string_view page) {
  std::vector<Example> out;
  const std::string text = blocks(page, "jq");
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with("# ")) {
      out.back().value = line.substr(2);
    } else if (!line.empty()) {
      out.push_back({std::string(line), ""});
    }
  }
  return out;
}

TEST(Documented, ExamplesYieldWhatThePageSays) {
  const std::string page = read_text("docs/expressions.md");
  const Instant now = *parse_rfc3339("2026-11-27T10:30:00Z");
  ASSERT_NE(page.find("`2026-11-27T10:30:00Z`"), std::string::npos);
  auto context = parse_json(blocks(page, "json"));
  ASSERT_TRUE(context) << context.error().message;
  // The page's `calendars:`, as lang's test has it from there.
  context->as_object()["__calendars"] = *parse_json(
      R"({"freeze":{"timezone":"Asia/Shanghai","windows":[{"days":["fri"],"from":"18:00","to":"24:00"},)"
      R"({"from":"2027-02-05","to":"2027-02-15"}]}})");
  const std::vector<Example> all = examples(page);
  ASSERT_GE(all.size(), 35U);
  Bench bench;
  std::vector<std::string> expressions;
  for (const Example& example : all)
    expressions.push_back(example.expression);
  const double seconds = static_cast<double>(micros(now)) / 1e6;
  const Values values = bench.evaluate(expressions, to_text(*context), seconds);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!values[i]) {
      EXPECT_EQ("error: " + values[i].error().message, all[i].value) << all[i].expression;
      continue;
    }
    const auto said = parse_json(all[i].value);
    ASSERT_TRUE(said) << all[i].expression << " is said to yield " << all[i].value;
    const auto yielded = parse_json(*values[i]);
    ASSERT_TRUE(yielded) << *values[i];
    EXPECT_EQ(*yielded, *said) << all[i].expression << " yields " << *values[i];
  }
}

TEST(Documented, EachAddedFunctionHasAnExample) {
  const std::string page = read_text("docs/expressions.md");
  const std::string all = blocks(page, "jq");
  const std::string prelude = test_options().prelude;
  std::size_t count = 0;
  for (const std::string_view line : split(prelude, '\n')) {
    if (!line.starts_with("def ") || line.starts_with("def __")) continue;
    const std::string name(line.substr(4, line.find_first_of("(:", 4) - 4));
    EXPECT_NE(all.find(name), std::string::npos) << name << " has no example in docs/expressions.md";
    ++count;
  }
  EXPECT_GE(count, 16U);
}

// -- what an example on a page would be too much for
TEST(Natives, SemverOrdersAsSemVerDoes) {
  // semver.org, 11, and beyond what a double holds.
  const std::vector<std::string> ordered = {"1.0.0-alpha",
                                            "1.0.0-alpha.1",
                                            "1.0.0-alpha.beta",
                                            "1.0.0-beta",
                                            "1.0.0-beta.2",
                                            "1.0.0-beta.11",
                                            "1.0.0-rc.1",
                                            "1.0.0-rc.1.0",
                                            "1.0.0-rc.1.99999999999999999998",
                                            "1.0.0-rc.1.99999999999999999999",
                                            "1.0.0-rc.1.100000000000000000000",
                                            "1.0.0-rc.1.-",
                                            "1.0.0",
                                            "1.0.1-0",
                                            "1.0.1",
                                            "1.9.0",
                                            "1.10.0",
                                            "2.0.0-A",
                                            "2.0.0-a",
                                            "2.0.0",
                                            "9007199254740993.0.0",
                                            "9007199254740994.0.0"};
  json::array list;
  for (const std::string& version : ordered)
    list.emplace_back(version);
  Bench bench;
  const std::string context = to_text(json::object{{"vars", list}});
  EXPECT_EQ(bench.one("[.vars[] | semver.key] | . == sort and . == unique", context), "true");
  EXPECT_EQ(bench.one("[.vars | reverse | sort_by(semver.key) | . == $vars]", context), "[true]");
  EXPECT_EQ(bench.one("(\"1.0.0+a\" | semver.key) == (\"V1.0.0+b.c\" | semver.key)"), "true");
  EXPECT_EQ(bench.one("\"1.2.3\" | semver | [.prerelease, .build]"), "[null,null]");
}

TEST(Natives, WhatTheyRefuse) {
  struct Case {
    const char* expression;
    const char* value;
  };
  const Case cases[] = {
      {"[\"1.2.3.4\", \"01.2.3\", \"1.2.3-\", \"1.2.3-01\", \"1.2.3-a..b\", \"1.2.3+\", \"\", \"latest\", "
       "\"1.2.3-é\", \"-1.2.3\", \" 1.2.3\"][] | try (semver | error(\"taken\")) catch (. | test(\"is not a "
       "semantic version\")) | select(. == false)",
       "invalid: yielded no value; write first(…, null) to have null then, or […] for a list"},
      {"3 | semver", "invalid: 3 is not a semantic version: it is not text"},
      {"\"0.0.0-0\" | semver | .prerelease", "\"0\""},
      {"\"1.2.3----RC-SNAPSHOT.12.9.1--.12+788\" | semver | [.prerelease, .build]",
       "[\"---RC-SNAPSHOT.12.9.1--.12\",\"788\"]"},
      {"time(null)",
       "invalid: time(s): null is not a time; write 2026-11-22T10:11:12Z, 2026-11-22 or unix seconds"},
      {"time(1.5)", "1.5"},
      {"time(\"1700000000\")", "1700000000"},
      {"time(1700000000123)", "1700000000.123"},
      {"time(\" 2026-11-22T10:11:12.5+01:00 \")", "1795338672.5"},
      {"time(\"2026-02-30\") | 1",
       "invalid: time(s): \"2026-02-30\" is not a time; write 2026-11-22T10:11:12Z, 2026-11-22 or unix "
       "seconds"},
      {"[time(1e300)?, time(\"1.2.3\")?, time({})?]", "[]"},
      {"time(1, 2)", "invalid: yielded several values; write first(…) for one or […] for a list of all"},
      {"\"2026-11-22T00:00:00Z\" | in_zone(\"UTC\")",
       "invalid: in_zone needs unix seconds, not \"2026-11-22T00:00:00Z\"; time(…) makes them of a text"},
      {"null | in_zone(\"UTC\")", "invalid: in_zone needs unix seconds, not null"},
      {"0 | in_zone(8)", "invalid: in_zone(tz): expected a zone such as \"Asia/Shanghai\", not 8"},
      {"0 | in_zone(\"\")",
       "invalid: in_zone(tz): unknown time zone ''; zones are named like Asia/Shanghai or UTC"},
      {"-0.5 | in_zone(\"America/St_Johns\") | .rfc3339", "\"1969-12-31T20:29:59-03:30\""},
      {"time(\"2026-03-29T00:59:59Z\") | [., . + 1] | map(in_zone(\"Europe/Berlin\").time)",
       "[\"01:59:59\",\"03:00:00\"]"},
      {"[nan, infinite] | map(in_zone(\"UTC\")?)", "[]"},
      {"in_window(\"x\")",
       "invalid: in_window(calendar): there is no calendar \"x\"; there are none, `calendars` in the "
       "configuration makes them"},
      {"\"2026-11-22T00:00:00Z\" | in_window(\"x\")",
       "invalid: in_window(calendar): there is no calendar \"x\"; there are none, `calendars` in the "
       "configuration makes them"},
      // Whatever somebody wrote comes out as it was.
      {R"j(["1. a", "x\n===", "&lt;b&gt; <i>", "# h", "- a\n+ b\n* c", "a_b_c **d** ~~e~~ `f` ![g](h) [i]: j", "\\*", "> q",)j"
       R"j( "| a | b |\n|---|---|", "12) x"] | map(select((markdown_escape | markdown_html | gsub("</?p>|\n$"; ""))j"
       R"j(| gsub("&lt;"; "<") | gsub("&gt;"; ">") | gsub("&amp;"; "&")) != .)))j",
       "[]"},
      {"in_window(1)", "invalid: in_window(calendar): expected the name of a calendar, not 1"},
      {"0 | duration", "\"0s\""},
      {"0.0000015 | duration", "\"2us\""},
      {"1.0004 | duration", "\"1s\""},
      {"-90 | duration", "\"-1m30s\""},
      {"129600 | duration", "\"1d12h\""},
      {"\"250ms\" | duration", "0.25"},
      {"[] | duration", "invalid: duration needs text or a number of seconds, not []"},
      {"1e300 | duration", "invalid: duration: 1e+300 seconds are too many"},
      {"null | markdown_html", "invalid: markdown_html needs text, not null"},
      {"\"\" | markdown_html", "\"\""},
      {"\"a\\u0000b <b onclick=x>c</b>\" | markdown_html",
       "\"<p>a\xEF\xBF\xBD"
       "b <!-- raw HTML omitted -->c<!-- raw HTML omitted --></p>\\n\""},
      {"[range(2000) | \"> \"] | add | markdown_html | length > 1000", "true"},
      {"[\"\\u0001semver\", \"1.2.3\"] | debug | input | length", "1"},
  };
  Bench bench;
  for (const Case& c : cases)
    EXPECT_EQ(bench.one(c.expression, "{}", 1795775400), c.value) << c.expression;
}

}  // namespace
}  // namespace postlude::evaluator
