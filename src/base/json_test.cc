#include "base/json.h"

#include <gtest/gtest.h>

#include "base/quoted.h"

namespace postlude {
namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Json, ReadsValues) {
  for (const std::string_view text :
       {"{}", "[]", "1", "-0.5e3", "null", "true", R"("é😀")", " \r\n\t{\"a\":1}\n "}) {
    EXPECT_TRUE(parse_json(text)) << text;
  }
  EXPECT_EQ(to_text(*parse_json(R"({"a":[1,2.5,"x",null]})")), R"({"a":[1,2.5,"x",null]})");
  EXPECT_EQ(view(parse_json(R"("a\u003cb\ud83d\ude00")")->get_string()), "a<b😀");
  EXPECT_EQ(find_text(*parse_json(R"({"a":"1","a":"2"})"), "a"), "2");
}

TEST(Json, TakesWhatNoDoubleHoldsAsTheLargest) {
  const std::string most = "1.7976931348623157e+308";
  const std::string digits(400, '9');
  const std::vector<std::pair<std::string, std::string>> cases{
      {"1e400", most},
      {"-1E+400", "-" + most},
      {R"({"a":[1,{"b":1e400}],"c":-2e999})", R"({"a":[1,{"b":)" + most + R"(}],"c":-)" + most + "}"},
      {digits, most},
      {"[0," + digits + "]", "[0," + most + "]"},
      {"[-" + digits + ".5]", "[-" + most + "]"},
      {R"({"1e400":"1e400","x":")" + digits + R"("})", R"({"1e400":"1e400","x":")" + digits + R"("})"},
      {"1e308", "1e+308"},
      {"1e-400", "0"},
      {R"({"sha":"4e2f","n":1})", R"({"sha":"4e2f","n":1})"}};
  for (const auto& [text, wanted] : cases) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(to_text(*value), wanted) << text;
    EXPECT_TRUE(parse_json(to_text(*value))) << text;
  }
  for (std::size_t before = 0; before < 300; before += 7)  // wherever the digits lie
    EXPECT_EQ(to_text(*parse_json("[" + std::string(before, ' ') + digits + "]")), "[" + most + "]")
        << before;
}

TEST(Json, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"",           " ",      "{",        "{\"a\"",      "{\"a\":",     "{\"a\":1",
        "{\"a\":1,}", "[1,]",   "[1",       "nul",         "tru",         "'a'",
        "{a:1}",      "\"a",    "01",       "+1",          ".5",          "1.",
        "1e",         "NaN",    "Infinity", "// x\n1",     "{} {}",       "{}x",
        "1 2",        "\"\t\"", "\"\\x\"",  "\"\\ud800\"", "\"\\udc00\"", "\xef\xbb\xbf{}",
        "-"}) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, Code::kInvalid);
  }
}

TEST(Json, SaysWhereAndWhy) {
  EXPECT_NE(parse_json(R"({"a":1 "b":2})").error().message.find("byte 7"), std::string::npos)
      << parse_json(R"({"a":1 "b":2})").error().message;
  EXPECT_EQ(parse_json("{} x").error().message, "not JSON: something follows the value at byte 3");
  EXPECT_EQ(parse_json("{\"a\":\"\xe9\"}").error().message, "not UTF-8");
}

TEST(Json, BoundsItsDepth) {
  EXPECT_TRUE(parse_json(nested(kJsonDepthMax)));
  const auto deeper = parse_json(nested(kJsonDepthMax + 1));
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().message, "JSON nested deeper than 64 levels");
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

TEST(Json, FindsMembers) {
  const json::value value = *parse_json(R"({"a":{"b":"c"},"n":1})");
  ASSERT_NE(find(value, "a"), nullptr);
  EXPECT_EQ(find_text(*find(value, "a"), "b"), "c");
  EXPECT_EQ(find_text(value, "n"), "");
  EXPECT_EQ(find_text(value, "x"), "");
  EXPECT_EQ(find(*find(value, "n"), "a"), nullptr);
}

TEST(Json, WritesNumbersAsPeopleDo) {
  const auto again = [](const char* text) { return to_text(*parse_json(text)); };
  EXPECT_EQ(again(R"([1140.5,1.1405E3,0.1,99.95,-2.5e-1,1e17,1e300,5e-324,0.30000000000000004,2.0])"),
            R"([1140.5,1140.5,0.1,99.95,-0.25,1e+17,1e+300,5e-324,0.30000000000000004,2])");
  EXPECT_EQ(again(R"({"a":[],"b":{},"c":[{"d":1.5},"x\n",true,null,9007199254740993]})"),
            R"({"a":[],"b":{},"c":[{"d":1.5},"x\n",true,null,9007199254740993]})");
  EXPECT_EQ(to_pretty(*parse_json("[1.5]")), "[\n  1.5\n]");
}

TEST(Json, QuotesAsItWritesStrings) {
  for (int byte = 1; byte < 0x80; ++byte) {
    const std::string text = "a" + std::string(1, static_cast<char>(byte)) + "b";
    EXPECT_EQ(json_quoted(text), json::serialize(json::string(text)));
  }
  for (const std::string_view text : {"", "name", "caf\xC3\xA9", "a \"b\" \\ c"})
    EXPECT_EQ(json_quoted(text), json::serialize(json::string(text)));
}

TEST(Json, PrintsForPeople) {
  EXPECT_EQ(to_pretty(*parse_json(R"({"a":[1,{}],"b":{},"c\n":[]})")),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {},\n  \"c\\n\": []\n}");
}

}  // namespace
}  // namespace postlude
