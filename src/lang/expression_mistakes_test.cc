#include <gtest/gtest.h>

#include "lang/expression.h"

namespace postlude::lang {
namespace {

std::string shown(const Problems& problems) {
  std::string out;
  for (const Problem& p : problems)
    out += (out.empty() ? "" : " | ") + std::string(p.warning ? "warning: " : "") + p.message;
  return out;
}

Expression expression(const char* text) {
  return {text, {"w.yaml", 3, 7}};
}

std::string mistakes(const char* text, bool condition = true) {
  Problems problems;
  check_mistakes(expression(text), condition, problems);
  return shown(problems);
}

// What is meant is taken.
TEST(Mistakes, nothing_is_said_of_what_works) {
  for (const char* text : {".event.metadata.environment == \"production\"",
                           ".event.metadata.replicas | tonumber > 3",
                           "(.event.metadata.replicas | tonumber) - 1 == 2",
                           ".event.metadata[\"min-length\"] == \"1\"",
                           ".event.payload.count == 5",
                           ".event.phase == \"Succeeded\" or .event.phase == \"Later\"",
                           ".event.outcome == \"promoted\" or .event.payload.phase == \"failed\"",
                           ".event.payload.metadata.x > 5",
                           "success",
                           "failure or always",
                           "now - 5 > 3",
                           ".event.name | startswith(\"a\") and (endswith(\"b\") | not)",
                           ".event.metadata | has(\"a\")",
                           ".event.payload | (.a |= ascii_downcase) | .a == \"x\"",
                           "[.event.payload.list[] | .n += 1] | length > 0",
                           "if .event.name == \"a\" then true else false end",
                           "if .a then 1 elif .b then 2 else 3 end == 3",
                           "def f(x): x == 1; f(.event.payload.n)",
                           "def f: 1; f == 1",
                           ".event.payload as {name: $n, tag: $t} | $n == $t",
                           "{event: 1, name: .event.name} | .name == \"x\"",
                           "reduce .event.payload.a[] as $x (0; . + $x) > 3",
                           "\"\\(.event.name)-1\" == \"a-1\"",
                           ".event.metadata.x == null",
                           ".event.metadata.x != .event.metadata.y",
                           "[.event.payload[]?] | any(. == 1)",
                           ".event.metadata.version[0:2] == \"v1\"",
                           "(.vars.count) - 1 == 0",
                           ".event.payload.a - .event.payload.b == 1",
                           "limit(3; .event.payload[]) == 1",
                           "in_window(\"freeze\") | not",
                           "time(.event.receivedAt) < now",
                           ".event.metadata.failure == \"x\"",
                           "true",
                           "[paths] | length > 0",
                           "try error(\"x\") catch . == \"x\"",
                           ".event.name as $x | $x == \"a\"",
                           "@base64 \"\\(.event.name)\" == \"x\"",
                           ".event.payload[\"a-b\"] - 1 == 0"}) {
    EXPECT_EQ(mistakes(text), "") << text;
  }
}

TEST(Mistakes, each_is_named_with_what_to_write) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {".event.metadata.min-length == \"1\"",
       "`.event.metadata.min-length`: a key with a `-` or `/` in it is written "
       "`.event.metadata[\"min-length\"]`"},
      {".event.metadata.team-name == \"1\"",
       "`.event.metadata.team-name`: a key with a `-` or `/` in it is written "
       "`.event.metadata[\"team-name\"]`"},
      {"$event.metadata.a-b-1 == \"x\"",
       "`$event.metadata.a-b-1`: a key with a `-` or `/` in it is written `$event.metadata[\"a-b-1\"]`"},
      {".event.metadata.app.kubernetes.io/name == \"x\"",
       "`.event.metadata.app.kubernetes.io/name`: a key with a `-` or `/` in it is written "
       "`.event.metadata[\"app.kubernetes.io/name\"]`"},
      {".vars.min-count == 1",
       "`.vars.min-count`: a key with a `-` or `/` in it is written `.vars[\"min-count\"]`; to subtract, put "
       "blanks "
       "around the `-`"},
      {".event.metadata.app.name == \"x\"",
       "`.event.metadata.app` is text and has no `name`; a key with dots is written "
       "`.event.metadata[\"app.name\"]`"},
      {".event.name.length > 3", "`.event.name` is text and has no `length`; write `.event.name | length`"},
      {"event.name == \"a\"", "`event.name`: what the context holds begins with a dot: `.event.name`"},
      {"failure.message == \"a\"",
       "`failure.message`: what the context holds begins with a dot: `.failure.message`"},
      {"steps.a.outputs.b == 1", "`steps.a`: what the context holds begins with a dot: `.steps.a`"},
      {".event.name | startsWith(\"a\")", "there is no function `startsWith`; jq has `startswith(\"…\")`"},
      {".event.name.startsWith(\"a\")",
       "`.startsWith(…)`: a function stands behind a pipe: `| startswith(\"…\")`"},
      {".event.name | startwith(\"a\")", "there is no function `startwith`; did you mean `startswith`?"},
      {".event.name | length() > 3", "`length()` is written `length`, without parentheses"},
      {"now() > 3", "`now()` is written `now`, without parentheses"},
      {"failed", "there is no function `failed`; did you mean `failure`?"},
      {"succeeded", "there is no function `succeeded`; did you mean `success`?"},
      {"secrets.X == \"a\"",
       "`secrets` is not there: expressions cannot see secrets, which stand in the `auth` of targets"},
      {"len(.event.name) > 3", "there is no function `len`; jq has `length`"},
      {"length(.event.name) > 3", "`length` has 1 argument; it takes none, separated by `;`"},
      {".event.name | startswith", "`startswith` has no argument; it takes 1"},
      {"not .event.payload.a", "`not x` is written `x | not`"},
      {"production == .event.metadata.environment",
       "there is no function `production`; text stands in double quotes, and what the context holds begins "
       "with a dot"},
      {".event.name === \"a\"", "`===` is written `==`"},
      {".event.name !== \"a\"", "`!==` is written `!=`"},
      {".event.payload.a ? true : false", "`a ? b : c` is written `if a then b else c end`"},
      {"if .event.payload.a then true end",
       "`if … then … end` needs an `else` in jq 1.6: `else . end`, or `else false end`"},
      {".event.name = \"a\"", "`=` assigns, and yields neither true nor false: to compare, write `==`"},
      {".event.payload.a |= 3", "`|=` assigns, and yields neither true nor false: to compare, write `==`"},
      {".event.payload.a += 3", "`+=` assigns, and yields neither true nor false"},
      {"(.event.payload.a = 1) and true",
       "`=` assigns, and yields neither true nor false: to compare, write `==`"},
      {"[.event.payload[] | select(.a = 1)] | length > 0",
       "`=` assigns, and yields neither true nor false: to compare, write `==`"},
      {".event.metadata.replicas > 3",
       "`.event.metadata.replicas` is always text, and never equal to 3: compare it with \"3\", or write "
       "`(.event.metadata.replicas | tonumber)`"},
      {"true == $event.metadata[\"x\"]",
       "`$event.metadata.x` is always text, and never equal to true: compare it with \"true\""},
      {"(.event.metadata.x // \"0\") >= -1",
       "`.event.metadata.x` is always text, and never equal to -1: compare it with \"-1\", or write "
       "`(.event.metadata.x | tonumber)`"},
      {".event.metadata | .x != false",
       "`.event.metadata.x` is always text, and never equal to false: compare it with \"false\""},
      {".event.metadata.x + 1 == 2",
       "`.event.metadata.x` is always text: `(.event.metadata.x | tonumber)` is a number"},
      {".event.metadata.enabled",
       "`.event.metadata.enabled` is text; expected true or false: write `.event.metadata.enabled == "
       "\"true\"`"},
      // Of metadata alone is it known that "true" and "5" may be meant.
      {".event.name == true",
       "`.event.name` is always text, and never equal to true: text stands in double quotes"},
      {".event.phase == \"succeeded\"", "`.event.phase` is never \"succeeded\"; did you mean 'Succeeded'?"},
      {"\"FAILED\" != $event.phase", "`$event.phase` is never \"FAILED\"; did you mean 'Failed'?"},
      {".event.outcome == \"rolledBack\"",
       "warning: `.event.outcome` is never \"rolledBack\": this version of Postlude does not read the "
       "cluster, and an "
       "outcome is \"promoted\" or \"failed\""},
      {".event.phase == 5",
       "`.event.phase` is always text, and never equal to 5: text stands in double quotes, or write "
       "`(.event.phase | tonumber)`"},
      {".event.name",
       "`.event.name` is text; expected true or false: compare it, as in `.event.name == \"…\"`"},
      {".steps.a.state",
       "`.steps.a.state` is text; expected true or false: compare it, as in `.steps.a.state == \"…\"`"},
      {".response.status",
       "`.response.status` is a number; expected true or false: compare it, as in `.response.status == "
       "200`"},
      {".event.metadata", "`.event.metadata` is a map; expected true or false"},
      {"5", "`5` is a number; expected true or false"},
      {"\"a\"", "`\"a\"` is text; expected true or false"},
      {"null", "`null` is null; expected true or false"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(mistakes(c.text), c.message) << c.text;
}

TEST(Mistakes, what_is_no_list) {
  const std::pair<const char*, const char*> cases[] = {
      {"5", "'forEach' is 5; expected a list, or an expression that yields one"},
      {"\"abc\"", "'forEach' is \"abc\"; expected a list, or an expression that yields one"},
      {".event.metadata.names",
       "'forEach' is .event.metadata.names, which is text; expected a list, say "
       "`.event.metadata.names | split(\",\")`"},
      {"$event.metadata",
       "'forEach' is $event.metadata, which is a map; expected a list, say `$event.metadata | to_entries`"},
      {".response.status", "'forEach' is .response.status, which is a number; expected a list"},
      {"[1]", ""},
      {".steps.a.outputs", ""},
      {".event.payload.list", ""},
      {".event.name | split(\",\")", ""},
      {".vars.list", ""},
  };
  for (const auto& [text, message] : cases) {
    Problems problems;
    check_list(expression(text), problems);
    EXPECT_EQ(shown(problems), message) << text;
  }
}

// In a value an assignment is a value like others.
TEST(Mistakes, a_value_may_be_what_a_condition_may_not) {
  EXPECT_EQ(mistakes(".event.metadata.enabled", false), "");
  EXPECT_EQ(mistakes(".event.payload.a = 1", false), "");
  EXPECT_EQ(mistakes(".event.payload[] | select(.a = 1)", false),
            "`=` assigns, and yields neither true nor false: to compare, write `==`");
}

TEST(Mistakes, what_is_always_null) {
  const auto said = [](const char* text) {
    Problems problems;
    check_always_null(expression(text), problems);
    return shown(problems);
  };
  const std::string release =
      "warning: `.event.release` is null in every event: this version of Postlude reads no cluster; write "
      "`.event.release.version.new // \"-\"`, or take it from `.event.metadata`";
  EXPECT_EQ(said(".event.release.version.new"), release);
  EXPECT_EQ(said(".event | .release.version.new"), release);
  EXPECT_NE(said("$event.canary.labels[\"a\"] == \"b\""), "");
  for (const char* text :
       {".event.release.version.new // .event.checksum", "(.event.release.version.new) // \"-\"",
        ".event.release == null", ".event.release != null", ".event.checksum", ".event.releaseError"})
    EXPECT_EQ(said(text), "") << text;
}

TEST(Mistakes, members_that_only_the_configuration_knows) {
  struct Case {
    Members::Kind kind;
    const char* text;
    const char* message;
  };
  using Kind = Members::Kind;
  const Case cases[] = {
      {Kind::kNamed, ".steps.x.outputs.name", ""},
      {Kind::kNamed, ".steps.x.outputs", ""},
      {Kind::kNamed, ".steps.y.outputs.nam", ""},
      {Kind::kNamed, ".steps.x.outputs.nam", "`.steps.x.outputs` has no `nam`; did you mean `name`?"},
      {Kind::kNamed, "$steps.x.outputs[\"zz\"]", "`$steps.x.outputs` has no `zz`; there is id name"},
      {Kind::kNamed, ".steps | .x.outputs.nam // 1", "`.steps.x.outputs` has no `nam`; did you mean `name`?"},
      {Kind::kEach, ".steps.x.outputs[0].nam", "`.steps.x.outputs[]` has no `nam`; did you mean `name`?"},
      {Kind::kEach, "[.steps.x.outputs[].nam]", "`.steps.x.outputs[]` has no `nam`; did you mean `name`?"},
      {Kind::kEach, ".steps.x.outputs[0].name", ""},
      {Kind::kEach, ".steps.x.outputs.name",
       "`.steps.x.outputs` is a list: write `.steps.x.outputs[].name`, or [0] for its first"},
      {Kind::kEachOf, ".steps.x.outputs[0].whatever", ""},
      {Kind::kAnything, ".steps.x.outputs.whatever", ""},
      {Kind::kNothing, ".steps.x.outputs.name", "`.steps.x.outputs` is not a map, and has no `name`"},
  };
  for (const Case& c : cases) {
    Problems problems;
    check_members(expression(c.text), {"steps", "x", "outputs"}, {c.kind, {"id", "name"}}, problems);
    EXPECT_EQ(shown(problems), c.message) << c.text;
  }
}

TEST(Mistakes, braces_of_other_languages) {
  const auto said = [](const char* text) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.scalar = text;
    Problems problems;
    check_braces(node, problems);
    return shown(problems);
  };
  for (const char* text : {"Released {{ .event.name }}", "{{.event.name}}", "{{- .CanaryWeight -}}",
                           "{{ $event.name }}", "{{ event.name }}", "/x/${event.name}", "/x/${ .event.name }",
                           "${steps.a.outputs.b}", "${{ .event.name }} and {{ .event.name }}"})
    EXPECT_NE(said(text), "") << text;
  for (const char* text :
       {"${{ .event.name }}", "$${{ .event.name }}", "{{code}}", "{{ monospaced text }}", "${HOME}", "a {{ b",
        "{\"a\": {\"b\": 1}}", "{{}}", "${{ {a: {b: .event.name}} | tojson }}"})
    EXPECT_EQ(said(text), "") << text;
  EXPECT_EQ(said("Released {{ .event.name }}"),
            "warning: `{{ .event.name }}` is sent as it stands here: an expression is written `${{ "
            ".event.name }}`");
}

}  // namespace
}  // namespace postlude::lang
