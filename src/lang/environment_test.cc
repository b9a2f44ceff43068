#include "lang/environment.h"

#include <gtest/gtest.h>

#include "lang/schema.h"
#include "lang/yaml.h"

namespace postlude::lang {
namespace {

const json::value& schema() {
  static const json::value value = *parse_json(R"({
    "type": "object", "properties": {
      "url": {"type": "string", "pattern": "^https?://[^@]+$", "examples": ["https://a.example"]},
      "count": {"type": "integer", "minimum": 1},
      "level": {"enum": ["info", "debug"]},
      "names": {"type": "array", "items": {"type": "string"}},
      "secret": {"format": "secret", "type": "object"},
      "auth": {"x-sensitive": true, "oneOf": [{"const": "none"}, {"type": "object", "required": ["basic"],
        "properties": {"basic": {"type": "object",
          "properties": {"user": {"x-sensitive": false, "type": "string"}}}}}]},
      "headers": {"x-literal": true, "type": "object", "additionalProperties": {"type": "string"}},
      "more": {"type": "object", "additionalProperties": {"$ref": "#/definitions/text"}}},
    "definitions": {"text": {"type": "string"}}})");
  return value;
}

std::optional<std::string> variable(const std::string& name) {
  if (name == "URL") return "https://jira.example";
  if (name == "SECRET_URL") return "https://bot:hunter2@jira.example";
  if (name == "COUNT") return "8";
  if (name == "VERSION") return "1.10";
  return std::nullopt;
}

// The configuration as JSON, and what was said.
std::string put(const std::string& text, bool check = false) {
  Problems problems;
  auto node = read_yaml(text, "f", problems);
  EXPECT_TRUE(node) << text;
  put_environment(*node, schema(), variable, {check}, problems);
  std::string out = postlude::to_text(typed(*node, schema()));
  for (const Problem& p : problems)
    out += " | " + to_text(p);
  return out;
}

TEST(Environment, stands_for_any_plain_value) {
  EXPECT_EQ(put("url: {env: URL}"), R"({"url":"https://jira.example"})");
  EXPECT_EQ(put("url: {env: NONE, default: 'https://b'}"), R"({"url":"https://b"})");
  EXPECT_EQ(put("count: {env: COUNT}"), R"({"count":8})") << "typed as if it had been written there";
  EXPECT_EQ(put("count: {env: NONE, default: 3}"), R"({"count":3})");
  EXPECT_EQ(put("names: [a, {env: VERSION}]"), R"({"names":["a","1.10"]})");
  EXPECT_EQ(put("more: {a: {env: COUNT}}"), R"({"more":{"a":"8"}})");
  EXPECT_EQ(put("level: {env: NONE, default: debug}"), R"({"level":"debug"})");
  EXPECT_EQ(put("auth: {basic: {user: {env: VERSION}}}"), R"({"auth":{"basic":{"user":"1.10"}}})");
}

TEST(Environment, and_for_nothing_else) {
  for (const char* text : {"secret: {env: URL}", "auth: {env: URL}", "headers: {env: URL}"}) {
    const std::string out = put(text);
    EXPECT_NE(out.find(R"({"env":"URL"})"), std::string::npos) << out;
  }
  EXPECT_EQ(put("headers: {a: {env: URL}}"), R"({"headers":{"a":{"env":"URL"}}})");
}

TEST(Environment, what_is_not_set) {
  const std::string why = "the environment variable NONE is not set, and there is no `default`";
  EXPECT_EQ(put("url: {env: NONE}"), R"({"url":"https://a.example"} | f:1:6: )" + why);
  EXPECT_EQ(put("url: {env: NONE}", true), R"({"url":"https://a.example"} | f:1:6: warning: )" + why);
  EXPECT_EQ(put("count: {env: NONE}", true), R"({"count":1} | f:1:8: warning: )" + why);
  EXPECT_EQ(put("names: [a]\nmore: {b: {env: NONE}}", true),
            R"({"names":["a"],"more":{}} | f:2:11: warning: )" + why);
}

TEST(Environment, credentials_are_refused_and_not_shown) {
  const std::string out = put("url: {env: SECRET_URL}");
  EXPECT_EQ(out.find("hunter2"), std::string::npos) << out;
  EXPECT_NE(out.find("credentials belong in `auth`"), std::string::npos) << out;
}

TEST(Environment, one_that_is_none) {
  EXPECT_NE(put("url: {env: 'a b'}").find("`env` names no environment variable"), std::string::npos);
  EXPECT_NE(put("url: {env: A, default: [1]}").find("`default` is one value"), std::string::npos);
}

}  // namespace
}  // namespace postlude::lang
