#include "lang/schema.h"

#include <gtest/gtest.h>

#include "lang/yaml.h"

namespace postlude::lang {
namespace {

json::value schema(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << parsed.error().message << "\n" << text;
  return parsed ? *parsed : json::value();
}

std::string check(std::string_view yaml, std::string_view schema_text, CheckOptions options = {}) {
  Problems problems;
  const auto node = read_yaml(yaml, "f", problems);
  if (node) check_against(*node, schema(schema_text), problems, options);
  std::string text;
  for (const Problem& p : problems)
    text += (text.empty() ? "" : "\n") + to_text(p);
  return text;
}

std::string type(std::string_view yaml, std::string_view schema_text) {
  Problems problems;
  const auto node = read_yaml(yaml, "f", problems);
  return node ? postlude::to_text(typed(*node, schema(schema_text))) : "unreadable";
}

struct Case {
  const char* yaml;
  const char* schema;
  const char* message;  // "": fine
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& c : cases)
    EXPECT_EQ(check(c.yaml, c.schema), c.message) << c.yaml << "\n" << c.schema;
}

TEST(Schema, types) {
  expect_all({
      {"1.10", R"({"type":"string"})", ""},
      {"no", R"({"type":"string"})", ""},
      {"a: ", R"({"properties":{"a":{"type":"string"}}})", "f:1:1: 'a' is empty; expected text"},
      {"a: ", R"({"properties":{"a":{"type":["string","null"]}}})", ""},
      {"a: ''", R"({"properties":{"a":{"type":"string"}}})", ""},
      {"1", R"({"type":"integer"})", ""},
      {"1.5", R"({"type":"integer"})", "f:1:1: the file is '1.5'; expected a whole number"},
      {"'1'", R"({"type":"integer"})", "f:1:1: the file is '1' in quotes; expected a whole number"},
      {"1", R"({"type":"number"})", ""},
      {"1e3", R"({"type":"number"})", ""},
      {"x", R"({"type":"number"})", "f:1:1: the file is 'x'; expected a number"},
      {"yes", R"({"type":"boolean"})", "f:1:1: the file is 'yes'; expected true or false"},
      {"True", R"({"type":"boolean"})", ""},
      {"[]", R"({"type":"object"})", "f:1:1: the file is a list; expected a map"},
      {"{}", R"({"type":["array","string"]})", "f:1:1: the file is a map; expected a list or text"},
      {"{a: [1, {b: c}]}", "{}", ""},
  });
}

TEST(Schema, values) {
  expect_all({
      {"a", R"({"enum":["a","b"]})", ""},
      {"1", R"({"enum":["1"]})", ""},
      {"1", R"({"enum":[1]})", ""},
      {"'1'", R"({"enum":[1]})", "f:1:1: the file is '1'; expected 1"},
      {"zzz", R"({"enum":["one","two",3]})", "f:1:1: the file is 'zzz'; expected 'one', 'two' or 3"},
      {"tow", R"({"enum":["one","two"]})", "f:1:1: the file is 'tow'; did you mean 'two'? (one, two)"},
      {"b", R"({"const":"a"})", "f:1:1: the file is 'b'; expected 'a'"},
      {"3", R"({"type":"integer","minimum":4})", "f:1:1: the file is 3; expected at least 4"},
      {"9", R"({"type":"integer","maximum":4})", "f:1:1: the file is 9; expected at most 4"},
      {"A", R"({"type":"string","pattern":"^[a-z]$"})", "f:1:1: the file is 'A'; expected text like ^[a-z]$"},
      {"A", R"({"type":"string","pattern":"^[a-z]$","x-says":"a letter"})",
       "f:1:1: the file is 'A'; expected a letter"},
      {"30", R"({"type":"string","format":"postlude-duration"})",
       "f:1:1: the file: '30' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"},
      {"1h30m", R"({"type":"string","format":"postlude-duration"})", ""},
      {"10", R"({"type":"string","format":"rate"})",
       "f:1:1: the file: '10' is not a rate; write 10/s, 100/m or 5/h"},
      {"1 M", R"({"type":"string","format":"size"})",
       "f:1:1: the file: '1 M' is not a size; write 512, 64KiB, 1MiB or 2GiB"},
      {"''", R"({"type":"string","format":"glob"})",
       "f:1:1: the file: a glob must not be empty; write * for anything"},
      {"'${{ .a }}'", R"({"type":"string","format":"expression"})", ""},
      {"https://me:secret@x", R"({"type":"string","pattern":"^a"})",
       "f:1:1: the file is 'https://***@x'; expected text like ^a"},
  });
  const std::string long_text(5000, 'a');
  EXPECT_EQ(check(long_text, R"({"type":"string","pattern":"^(a|b)*$"})"),
            "f:1:1: the file is '" + std::string(60, 'a') + "…'; expected text like ^(a|b)*$")
      << "std::regex recurses: long text never meets it";
}

TEST(Schema, maps) {
  const char* const map = R"({"type":"object","additionalProperties":false,"required":["name"],
    "properties":{"name":{"type":"string"},"paths":{},"old":{"x-notBuilt":""},
    "was":{"x-notBuilt":"of a map"}},
    "patternProperties":{"^x-":{"type":"integer"}}})";
  expect_all({
      {"{name: a, x-b: 1}", map, ""},
      {"{name: a, pahts: 1}", map,
       "f:1:11: unknown key 'pahts' in the file; did you mean 'paths'? (name, paths)"},
      {"{name: a, zzz: 1}", map, "f:1:11: unknown key 'zzz' in the file; valid keys are name, paths"},
      {"{x-b: a}", map, "f:1:7: 'x-b' is 'a'; expected a whole number\nf:1:1: the file needs 'name'"},
      {"{name: a, old: 1}", map, "f:1:11: 'old' is not built yet in this version of Postlude: remove it"},
      {"{name: a, was: 1}", map,
       "f:1:11: 'was' of a map is not built yet in this version of Postlude: remove it"},
      {"{a: 1}", R"({"type":"object","additionalProperties":false})",
       "f:1:2: unknown key 'a' in the file; it takes none"},
      {"{a: x}", R"({"additionalProperties":{"type":"integer","x-what":"the thing"}})",
       "f:1:5: the thing 'a' is 'x'; expected a whole number"},
      {"{A: x}", R"({"propertyNames":{"pattern":"^[a-z]$","x-says":"a letter"}})",
       "f:1:2: 'A' is not valid here; expected a letter"},
      {"{a: {}}", R"({"properties":{"a":{"required":["b"],"properties":{"b":{"enum":["x","y"]}}}}})",
       "f:1:2: 'a' needs 'b': 'x' or 'y'"},
  });
  EXPECT_EQ(check("{zz: 1}", R"({"additionalProperties":false,"properties":{"a":{}}})",
                  {"the input of jira/x", false}),
            "f:1:2: unknown key 'zz' in the input of jira/x; valid keys are a");
}

TEST(Schema, lists) {
  expect_all({
      {"[1, a]", R"({"type":"array","items":{"type":"integer"}})",
       "f:1:5: entry 2 of the file is 'a'; expected a whole number"},
      {"[]", R"({"type":"array","minItems":1})", "f:1:1: the file has 0 entries; expected at least 1"},
      {"[1]", R"({"type":"array","minItems":2})", "f:1:1: the file has 1 entry; expected at least 2"},
      {"s: [{id: a}, {name: b}, {}]",
       R"({"properties":{"s":{"items":{"x-what":"the step","required":["uses"]}}}})",
       "f:1:5: the step 'a' needs 'uses'\nf:1:14: the step 'b' needs 'uses'\nf:1:25: entry 3 of 's' needs "
       "'uses'"},
  });
}

TEST(Schema, alternatives) {
  const char* const globs = R"({"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]})";
  const char* const kinds = R"({"oneOf":[{"const":"none"},
    {"type":"object","additionalProperties":false,"required":["bearer"],"properties":{"bearer":{}}},
    {"type":"object","additionalProperties":false,"required":["header","secret"],
     "properties":{"header":{},"secret":{}}},
    {"type":"object","required":["mtls"],"x-notBuilt":""}]})";
  expect_all({
      {"a", globs, ""},
      {"[a]", globs, ""},
      {"{}", globs, "f:1:1: the file is a map; expected text or a list"},
      {"none", kinds, ""},
      {"{bearer: 1}", kinds, ""},
      {"nobody", kinds, "f:1:1: the file is 'nobody'; expected 'none', {bearer: …} or {header: …}"},
      {"[]", kinds, "f:1:1: the file is a list; expected 'none', {bearer: …} or {header: …}"},
      {"{header: 1}", kinds, "f:1:1: the file needs 'secret'"},
      {"{secret: 1, header: 1}", kinds, ""},
      {"{secret: 1}", kinds, "f:1:2: unknown key 'secret' in the file; expected one of bearer, header"},
      {"{x: 1, haeder: 1}", kinds,
       "f:1:8: unknown key 'haeder' in the file; did you mean 'header'? (bearer, header)"},
      {"{}", kinds, "f:1:1: the file is empty; expected one of bearer, header"},
      {"{bearer: 1, header: 1}", kinds, "f:1:13: 'header' cannot stand beside 'bearer' in the file"},
      {"{mtls: 1}", kinds, "f:1:2: 'mtls' is not built yet in this version of Postlude: remove it"},
      {"5", R"({"anyOf":[{"type":"integer","maximum":3},{"type":"boolean"}]})",
       "f:1:1: the file is '5'; expected a whole number or true or false"},
      {"2", R"({"anyOf":[{"type":"integer","maximum":3},{"type":"boolean"}]})", ""},
      {"shadow", R"({"enum":["live","shadow"],"x-notBuiltValues":{"shadow":"use live"}})",
       "f:1:1: 'shadow' is not built yet in this version of Postlude: use live"},
  });
}

TEST(Schema, secrets_are_never_quoted) {
  const char* const secret =
      R"({"properties":{"s":{"$ref":"#/definitions/s"},"basic":{"x-sensitive":true,"type":"object",
    "properties":{"n":{"type":"integer"},"open":{"x-sensitive":false,"type":"integer"}}}},
    "definitions":{"s":{"format":"secret","oneOf":[{"type":"object","required":["env"],
      "properties":{"env":{"type":"string"}}},
      {"type":"array","items":{"$ref":"#/definitions/s"}}]}}})";
  expect_all({
      {"s: {env: A}", secret, ""},
      {"s: [{env: A}]", secret, ""},
      {"s: hunter2", secret,
       "f:1:4: a secret must not be written here: set 's' to {env: NAME} or {file: path}"},
      {"s: [hunter2]", secret,
       "f:1:5: a secret must not be written here: set entry 1 of 's' to {env: NAME} or {file: path}"},
      {"basic: hunter2", secret, "f:1:8: 'basic' is text; expected a map"},
      {"basic: {n: hunter2}", secret, "f:1:12: 'n' is text; expected a whole number"},
      {"basic: {open: x}", secret, "f:1:15: 'open' is 'x'; expected a whole number"},
  });
}

TEST(Schema, expressions_stand_for_any_value) {
  const char* const input =
      R"({"properties":{"n":{"type":"integer"},"o":{"type":"object"},"e":{"enum":["a"]}}})";
  EXPECT_EQ(check("n: ${{ .a }}\no: ${{ .b }}\ne: x${{ .c }}", input, {"it", true}), "");
  EXPECT_EQ(check("n: ${{ .a }}", input), "f:1:4: 'n' is '${{ .a }}'; expected a whole number");
  EXPECT_EQ(check("n: x", input, {"it", true}), "f:1:4: 'n' is 'x'; expected a whole number");
}

TEST(Schema, references) {
  const char* const text =
      R"({"type":"object","properties":{"a":{"$ref":"#/definitions/n"},"b":{"$ref":"#/definitions/n","x-notBuilt":""},
    "c":{"$ref":"#/definitions/missing"},"d":{"$ref":"#/definitions/self"}},
    "definitions":{"n":{"type":"integer"},"self":{"$ref":"#/definitions/self"}}})";
  expect_all({
      {"a: x", text, "f:1:4: 'a' is 'x'; expected a whole number"},
      {"b: 1", text, "f:1:1: 'b' is not built yet in this version of Postlude: remove it"},
      {"c: [1]", text, ""},
      {"d: [1]", text, ""},
  });
}

TEST(Schema, one_that_is_none_is_a_problem) {
  expect_all({{"a", R"({"pattern":"("})",
               "f:1:1: its schema cannot be used: Mismatched '(' and ')' in regular expression"}});
  EXPECT_NE(check("{}", R"({"required":3})"), "");
  EXPECT_NE(check("{}", R"({"required":[3]})"), "");
}

TEST(Typed, scalars_follow_the_schema) {
  EXPECT_EQ(type("1.10", R"({"type":"string"})"), R"("1.10")");
  EXPECT_EQ(type("on", R"({"type":"string"})"), R"("on")");
  EXPECT_EQ(type("true", R"({"type":"string"})"), R"("true")");
  EXPECT_EQ(type("true", R"({"type":["string","boolean"]})"), "true");
  EXPECT_EQ(type("'true'", R"({"type":["string","boolean"]})"), R"("true")");
  EXPECT_EQ(type("12", R"({"type":["string","boolean"]})"), R"("12")");
  EXPECT_EQ(type("12", R"({"type":"integer"})"), "12");
  EXPECT_EQ(type("12", "{}"), "12");
  EXPECT_EQ(type("'12'", "{}"), R"("12")");
  EXPECT_EQ(type("~", R"({"type":["string","null"]})"), "null");
  EXPECT_EQ(type("1", R"({"enum":["1","2"]})"), R"("1")");
  EXPECT_EQ(type("1", R"({"const":"1"})"), R"("1")");
  EXPECT_EQ(
      type(
          "{a: 1, b: 1, c: [1]}",
          R"({"properties":{"a":{"type":"string"},"c":{"items":{"type":"string"}}},"additionalProperties":{"type":"integer"}})"),
      R"({"a":"1","b":1,"c":["1"]})");
  EXPECT_EQ(type("[1.10]", R"({"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]})"),
            R"(["1.10"])");
  EXPECT_EQ(
      type(
          "{v: 1}",
          R"({"oneOf":[{"type":"object","required":["k"]},{"type":"object","required":["v"],"properties":{"v":{"type":"string"}}}]})"),
      R"({"v":"1"})");
}

}  // namespace
}  // namespace postlude::lang
