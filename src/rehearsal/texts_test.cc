// Diff, YAML and JUnit: the texts that people and CI systems are shown.

#include <gtest/gtest.h>

#include "lang/yaml.h"
#include "rehearsal/diff.h"
#include "rehearsal/junit.h"
#include "rehearsal/yaml_text.h"

namespace postlude::rehearsal {
namespace {

std::string lines(int from, int to) {
  std::string out;
  for (int i = from; i <= to; ++i)
    out += std::to_string(i) + "\n";
  return out;
}

TEST(DiffTest, ShowsHunksAsDiffDoes) {
  struct Row {
    std::string first, second, diff;
  };
  const std::vector<Row> rows = {
      {"", "", ""},
      {"a\n", "a\n", ""},
      {"", "a\n", "@@ -0,0 +1 @@\n+a\n"},
      {"a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n"},
      {"a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
      {lines(1, 9), lines(1, 4) + lines(6, 9), "@@ -2,7 +2,6 @@\n 2\n 3\n 4\n-5\n 6\n 7\n 8\n"},
      {lines(1, 20), "0\n" + lines(1, 19),
       "@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -17,4 +18,3 @@\n 17\n 18\n 19\n-20\n"},
      {lines(1, 9), "0\n" + lines(1, 5) + lines(7, 9),
       "@@ -1,9 +1,9 @@\n+0\n 1\n 2\n 3\n 4\n 5\n-6\n 7\n 8\n 9\n"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(unified_diff(row.first, row.second), row.diff);
}

// Whatever was changed, the first with the diff applied is the second.
TEST(DiffTest, LosesNothing) {
  std::uint32_t seed = 7;
  const auto draw = [&seed](std::uint32_t below) {
    return (seed = seed * 1664525U + 1013904223U) / 65536U % below;
  };
  for (int round = 0; round < 300; ++round) {
    std::string first;
    std::string second;
    for (std::uint32_t i = draw(30); i > 0; --i) {
      const std::string line = std::to_string(draw(5)) + "\n";
      if (draw(4) != 0) first += line;
      if (draw(4) != 0) second += line;
    }
    std::string kept;
    std::string made;
    std::string_view rest = first;
    const std::string whole = unified_diff(first, second);
    std::string_view diff = whole;
    std::size_t at = 1;  // the line of the first that comes next
    const auto take = [&rest, &at](std::string& into) {
      const std::size_t end = rest.find('\n') + 1;
      into += rest.substr(0, end);
      rest.remove_prefix(end);
      ++at;
    };
    while (!diff.empty()) {
      const std::string line(diff.substr(0, diff.find('\n') + 1));
      diff.remove_prefix(line.size());
      if (line[0] == '@') {
        const std::size_t begin =
            std::stoul(line.substr(4)) + (line.find(",0 +") != std::string::npos ? 1 : 0);
        while (at < begin)
          take(made);
      } else if (line[0] == '+') {
        made += line.substr(1);
      } else {
        std::string taken;
        take(taken);
        ASSERT_EQ(taken, line.substr(1));
        if (line[0] == ' ') made += taken;
      }
    }
    made += rest;
    ASSERT_EQ(made, second) << first << "---\n" << second;
  }
}

TEST(DiffTest, TakesWhatIsTooLargeAsOneChange) {
  const std::string diff =
      unified_diff("x\n" + lines(1, 3'000) + "y\n", "x\n" + lines(10'001, 13'000) + "y\n");
  EXPECT_TRUE(diff.starts_with("@@ -1,3002 +1,3002 @@\n x\n-1\n-2\n"));
  EXPECT_TRUE(diff.ends_with("+13000\n y\n"));
}

TEST(YamlTextTest, IsReadBackAsItWas) {
  const std::vector<const char*> texts = {
      R"({})",
      R"([])",
      R"("text")",
      R"(7)",
      R"(1.5)",
      R"(null)",
      R"({"a":{},"b":[],"c":[[],{},[1,[2]]],"d":[{"e":1,"f":[{"g":null}]}]})",
      R"({"1":"1","true":"true","no":"no","~":"~","":"","a b":"a b"," x":" x ","k":"v: w","h":"a #b","#":"#c"})",
      R"(["-","- a","[x]","{y}","*a","&b","!t","|",">","%","@","`","'","\"","a\nb","\u0001","é","2026-11-23","0x1f","1e3"])",
      R"({"t":"${{ .event.name }}","u":"}}","v":"a, b","w":"Basic ***","x":"***","y":"ends \\","z":"tab\there"})",
      R"({"big":9007199254740991,"small":-3,"float":0.25,"yes":true,"off":"off","Null":"Null"})",
  };
  for (const char* text : texts) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value) << text;
    for (const std::size_t indent : {0U, 4U}) {
      lang::Problems problems;
      const std::string yaml = yaml_text(*value, indent);
      const auto read = lang::read_yaml(yaml, "t.yaml", problems);
      ASSERT_TRUE(read && problems.empty()) << yaml << (problems.empty() ? "" : lang::to_text(problems[0]));
      EXPECT_EQ(to_text(canonical(lang::to_json(*read))), to_text(canonical(*value))) << yaml;
    }
  }
}

TEST(YamlTextTest, KnowsEqualValues) {
  const auto text = [](const char* json) { return to_text(canonical(*parse_json(json))); };
  EXPECT_EQ(text(R"({"b":1,"a":{"d":2,"c":[3.0]}})"), text(R"({"a":{"c":[3],"d":2e0},"b":1})"));
  EXPECT_NE(text(R"({"a":1})"), text(R"({"a":"1"})"));
  EXPECT_NE(text(R"([1,2])"), text(R"([2,1])"));
  EXPECT_NE(text(R"(9007199254740993)"), text(R"(9007199254740992)"));
}

TEST(JunitTest, CountsAndEscapes) {
  const std::string text = junit(
      {{"a&b.test.yaml",
        {{"it \"<works>\"", 3, 0.25, "", false}, {"it fails", 9, 1, "  first\nsecond \x01\xff<", false}}},
       {"c.test.yaml", {{"(the file)", 1, 0, "c.test.yaml:1:1: no", true}}}});
  EXPECT_EQ(
      text,
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"postlude test\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\" "
      "time=\"1.250\">\n"
      "  <testsuite name=\"a&amp;b.test.yaml\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" "
      "time=\"1.250\">\n"
      "    <testcase name=\"it &quot;&lt;works&gt;&quot;\" classname=\"a&amp;b.test.yaml\" "
      "file=\"a&amp;b.test.yaml\" line=\"3\" time=\"0.250\"/>\n"
      "    <testcase name=\"it fails\" classname=\"a&amp;b.test.yaml\" file=\"a&amp;b.test.yaml\" line=\"9\" "
      "time=\"1.000\">\n"
      "      <failure message=\"first\">  first&#10;second \xEF\xBF\xBD\xEF\xBF\xBD&lt;</failure>\n"
      "    </testcase>\n"
      "  </testsuite>\n"
      "  <testsuite name=\"c.test.yaml\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" "
      "time=\"0.000\">\n"
      "    <testcase name=\"(the file)\" classname=\"c.test.yaml\" file=\"c.test.yaml\" line=\"1\" "
      "time=\"0.000\">\n"
      "      <error message=\"c.test.yaml:1:1: no\">c.test.yaml:1:1: no</error>\n"
      "    </testcase>\n"
      "  </testsuite>\n"
      "</testsuites>\n");
}

}  // namespace
}  // namespace postlude::rehearsal
