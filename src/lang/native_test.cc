#include <gtest/gtest.h>

#include <fstream>

#include "lang/expression.h"
#include "lib/source_folder.h"

namespace postlude::lang {
namespace {

// Thousands of expressions with what libjq made of them; the evaluator's test holds libjq to the same file.
TEST(Native, EqualsJqWhereverItAnswers) {
  std::ifstream file(source_path("src/lang/native_cases.json"));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto stored = parse_json(text);
  ASSERT_TRUE(stored);
  std::vector<json::value> contexts;
  for (const json::value& c : stored->at("contexts").as_array()) {
    auto parsed = parse_json(view(c.as_string()));
    ASSERT_TRUE(parsed);
    contexts.push_back(*std::move(parsed));
  }
  std::size_t compiled = 0;
  std::size_t answered = 0;
  std::size_t answerable = 0;  // jq yielded a value, and the expression is of the native kind
  const auto& cases = stored->at("cases").as_array();
  for (const json::value& one : cases) {
    const std::string_view expression = view(one.at(1).as_string());
    const auto native = Native::compile(expression);
    if (native == nullptr) continue;
    ++compiled;
    if (one.at(2).is_string()) ++answerable;
    const auto value = native->evaluate(contexts[static_cast<std::size_t>(one.at(0).as_int64())]);
    if (!value) continue;
    ++answered;
    ASSERT_TRUE(one.at(2).is_string())
        << expression << ": jq fails, native yields " << postlude::to_text(*value);
    ASSERT_EQ(postlude::to_text(*value), view(one.at(2).as_string())) << expression;
  }
  EXPECT_GE(cases.size(), 3000U);
  EXPECT_GE(compiled, cases.size() / 4);
  EXPECT_GE(answered * 10, answerable * 8) << answered << " of " << answerable;
}

TEST(Native, Kinds) {
  const char* native[] = {".event.name",
                          ".",
                          ".a.b[\"c d\"].\"e\"[0]",
                          "$event.name == \"x\"",
                          ".a == 1 and (.b != null or .c)",
                          ".a | not",
                          "(.a == .b) | not",
                          ".a // .b // \"-\"",
                          "success",
                          "failure or always",
                          "\"text\"",
                          "true",
                          "  .a  # comment"};
  for (const char* text : native)
    EXPECT_NE(Native::compile(text), nullptr) << text;
  const char* others[] = {"",
                          ".a | length",
                          ".[]",
                          ".a[]",
                          ".a?",
                          "..",
                          ".a + 1",
                          "-1",
                          "1.5",
                          "[.a]",
                          "{a: 1}",
                          "not",
                          ".a | .b",
                          ".a == .b == .c",
                          ".a < 1",
                          "$nobody",
                          "$ENV",
                          "\"\\(.a)\"",
                          ".a as $x | $x",
                          ".a[1:2]",
                          "(.a).b",
                          "(.a",
                          ".a, .b",
                          "if .a then 1 else 2 end",
                          ".a | not | length",
                          "@text",
                          "9007199254740993",
                          ".a = 1",
                          ".. == 1",
                          "\"x\".a",
                          "true.a",
                          ".a.\"\\(1)\""};
  for (const char* text : others)
    EXPECT_EQ(Native::compile(text), nullptr) << text;
}

TEST(Native, LeavesTheDoubtfulToJq) {
  const auto context =
      parse_json(R"({"s":"x","d":1.5,"big":9007199254740993,"l":[1,{"a":0.5}],"o":{"n":-9007199254740993}})");
  ASSERT_TRUE(context);
  for (const char* text : {".s.a", ".s[0]", ".l.a", ".l[\"a\"]", ".d", ".d == 1", ".big", ".big == .big",
                           ".l", ".o", ".o[0]", ".s.a // 1", "false or .s.a", ".l == 1"}) {
    const auto native = Native::compile(text);
    ASSERT_NE(native, nullptr) << text;
    EXPECT_FALSE(native->evaluate(*context)) << text;
  }
  EXPECT_FALSE(Native::compile(".")->evaluate(json::value(1)));
  EXPECT_EQ(*Native::compile("false and .s.a")->evaluate(*context), json::value(false));
}

TEST(Native, Status) {
  const json::value good = {{"status", "success"}};
  const json::value bad = {{"status", "failure"}};
  const json::value none = json::object();
  EXPECT_EQ(*Native::compile("success")->evaluate(good), json::value(true));
  EXPECT_EQ(*Native::compile("success")->evaluate(bad), json::value(false));
  EXPECT_EQ(*Native::compile("success")->evaluate(none), json::value(true));
  EXPECT_EQ(*Native::compile("failure")->evaluate(bad), json::value(true));
  EXPECT_EQ(*Native::compile("failure")->evaluate(none), json::value(false));
  EXPECT_EQ(*Native::compile("always")->evaluate(bad), json::value(true));
}

}  // namespace
}  // namespace postlude::lang
