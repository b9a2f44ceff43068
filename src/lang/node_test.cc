#include "lang/node.h"

#include <gtest/gtest.h>

#include "lang/yaml.h"

namespace postlude::lang {
namespace {

Node must_read(std::string_view text) {
  Problems problems;
  auto node = read_yaml(text, "a.yaml", problems);
  EXPECT_TRUE(problems.empty()) << (problems.empty() ? "" : to_text(problems[0]));
  return node.value_or(Node());
}

TEST(Place, text) {
  EXPECT_EQ((Place{"a.yaml", 3, 5}.text()), "a.yaml:3:5");
  EXPECT_EQ((Place{"a.yaml", 0, 0}.text()), "a.yaml");
}

TEST(Problem, text) {
  EXPECT_EQ(to_text(Problem{{"a.yaml", 3, 5}, "no", false}), "a.yaml:3:5: no");
  EXPECT_EQ(to_text(Problem{{"a.yaml", 3, 5}, "no", true}), "a.yaml:3:5: warning: no");
  EXPECT_EQ(to_text(Problem{{}, "no", false}), "no");
}

TEST(Node, find_and_text) {
  const Node node = must_read("a: 1.10\nb: [x]\n");
  ASSERT_NE(node.find("a"), nullptr);
  EXPECT_EQ(node.find("a")->scalar, "1.10");
  EXPECT_EQ(node.text("a"), "1.10");
  EXPECT_EQ(node.text("b"), "");
  EXPECT_EQ(node.find("c"), nullptr);
  EXPECT_EQ(node.text("c"), "");
}

TEST(CoreSchema, gives_plain_scalars_a_type) {
  const struct {
    const char* text;
    const char* json;
  } cases[] = {
      {"", "null"},
      {"~", "null"},
      {"null", "null"},
      {"Null", "null"},
      {"nUll", "\"nUll\""},
      {"true", "true"},
      {"False", "false"},
      {"TRUE", "true"},
      {"yes", "\"yes\""},
      {"no", "\"no\""},
      {"on", "\"on\""},
      {"0", "0"},
      {"-0", "0"},
      {"12", "12"},
      {"+12", "12"},
      {"-12", "-12"},
      {"007", "7"},
      {"0o17", "15"},
      {"0x1F", "31"},
      {"0x", "\"0x\""},
      {"0o8", "\"0o8\""},
      {"0x-1", "\"0x-1\""},
      {"1_000", "\"1_000\""},
      {"9223372036854775807", "9223372036854775807"},
      {"18446744073709551615", "18446744073709551615"},
      {"18446744073709551616", "\"18446744073709551616\""},
      {"-9223372036854775809", "\"-9223372036854775809\""},
      {"1.5", "1.5E0"},
      {"-.5", "-5E-1"},
      {"1.", "1E0"},
      {".", "\".\""},
      {"-", "\"-\""},
      {"+", "\"+\""},
      {"1e3", "1E3"},
      {"1e", "\"1e\""},
      {"1e400", "\"1e400\""},
      {".inf", "\".inf\""},
      {".nan", "\".nan\""},
      {"1.2.3", "\"1.2.3\""},
      {"2027-02-05", "\"2027-02-05\""},
      {"10/s", "\"10/s\""},
      {"--1", "\"--1\""},
      {"+-1", "\"+-1\""},
  };
  for (const auto& c : cases)
    EXPECT_EQ(json::serialize(scalar_value(c.text)), c.json) << c.text;
}

TEST(ToJson, quoted_text_stays_text) {
  const Node node = must_read("a: '1'\nb: 1\nc: [~, null, '', x]\nd: {e: true}\n");
  EXPECT_EQ(postlude::to_text(to_json(node)), R"({"a":"1","b":1,"c":[null,null,"","x"],"d":{"e":true}})");
}

void expect_same(const Node& a, const Node& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.scalar, b.scalar);
  EXPECT_EQ(a.place.text(), b.place.text());
  EXPECT_EQ(postlude::to_text(to_json(a)), postlude::to_text(to_json(b)));
  ASSERT_EQ(a.items.size(), b.items.size());
  for (std::size_t i = 0; i < a.items.size(); ++i)
    expect_same(a.items[i], b.items[i]);
  ASSERT_EQ(a.members.size(), b.members.size());
  for (std::size_t i = 0; i < a.members.size(); ++i) {
    expect_same(a.members[i].first, b.members[i].first);
    expect_same(a.members[i].second, b.members[i].second);
  }
}

TEST(Pin, keeps_value_text_and_places) {
  const Node node = must_read(
      "on: {phase: Succeeded}\nsteps:\n  - uses: jira/x\n    with: {v: 1.10, w: '1.10', n: ~, t: True, h: "
      "0x1F, i: 7}\n"
      "  - text: |\n      ü \"q\"\n      ${{ .a }}\n  - {}\n  - []\n  -\n");
  const std::string pinned = pin(node);
  auto back = parse_pinned(pinned);
  ASSERT_TRUE(back) << back.error().message;
  expect_same(node, *back);
  EXPECT_EQ(pin(*back), pinned) << "pinning is stable";
  const Node* with = back->find("steps")->items[0].find("with");
  EXPECT_TRUE(with->find("v")->plain);
  EXPECT_FALSE(with->find("w")->plain);
  EXPECT_EQ(with->find("v")->scalar, "1.10");
}

TEST(Pin, several_files) {
  Node node = must_read("a: 1\nb: 2\n");
  node.members[1].second.place.file = "b.yaml";
  auto back = parse_pinned(pin(node));
  ASSERT_TRUE(back);
  expect_same(node, *back);
}

TEST(Pin, as_deep_as_definitions_may_be) {
  const Node node = must_read(std::string(64, '[') + std::string(64, ']'));
  auto back = parse_pinned(pin(node));
  ASSERT_TRUE(back) << back.error().message;
  expect_same(node, *back);
}

TEST(Pin, damage_is_noticed) {
  const std::string pinned = pin(must_read("a: [1, 2]\n"));
  EXPECT_TRUE(parse_pinned(pinned));
  for (const std::string& text : {std::string(), std::string("{}"), pinned.substr(0, pinned.size() - 1),
                                  std::string(R"({"v":2,"files":[],"value":null,"at":[]})"),
                                  std::string(R"({"v":1,"files":[],"value":null,"at":[0,1,1]})"),
                                  std::string(R"({"v":1,"files":["a"],"value":[1],"at":[0,1,1]})"),
                                  std::string(R"({"v":1,"files":["a"],"value":null,"at":[0,1,1,0,1,1]})")}) {
    auto back = parse_pinned(text);
    ASSERT_FALSE(back) << text;
    EXPECT_EQ(back.error().code, Code::kCorrupt);
  }
}

}  // namespace
}  // namespace postlude::lang
