#include "lang/template.h"

#include <gtest/gtest.h>

#include "lang/yaml.h"

namespace postlude::lang {
namespace {

Node yaml(std::string_view text) {
  Problems problems;
  auto node = read_yaml(text, "t.yaml", problems);
  EXPECT_TRUE(node && problems.empty()) << text;
  return node ? *std::move(node) : Node();
}

std::string shown(const Problems& problems) {
  std::string out;
  for (const Problem& p : problems)
    out += (out.empty() ? "" : " | ") + to_text(p);
  return out;
}

// Stands in for the evaluator: each expression's value by its text.
std::vector<Evaluated> evaluate(const Template& t, const std::map<std::string, Evaluated>& answers) {
  std::vector<Expression> asked;
  t.collect(asked);
  std::vector<Evaluated> values;
  for (const Expression& e : asked) {
    const auto found = answers.find(e.text);
    values.push_back(found != answers.end() ? found->second
                                            : Evaluated(Error(Code::kInvalid, "not foreseen")));
  }
  return values;
}

const std::map<std::string, Evaluated>& answers() {
  static const std::map<std::string, Evaluated> all = {
      {".s", std::string("\"podinfo\"")},
      {".n", std::string("3")},
      {".f", std::string("1.5")},
      {".o", std::string("{\"a\":[1,2]}")},
      {".b", std::string("true")},
      {".null", std::string("null")},
      {".q", std::string("\"say \\\"hi\\\"\\n\"")},
      {".bad", Error(Code::kInvalid, "Cannot index string with \"x\"")},
      {".slow", Error(Code::kOverloaded, "took more than 250ms")},
  };
  return all;
}

TEST(Template, Assemble) {
  struct Case {
    const char* yaml;
    const char* json;  // or the error
  };
  const Case cases[] = {
      {"a: 1\nb: text\nc: [true, null]", R"({"a":1,"b":"text","c":[true,null]})"},
      {"a: ${{ .n }}", R"({"a":3})"},
      {"a: \"${{ .n }}\"", R"({"a":3})"},
      {"a: '${{ .o }}'", R"({"a":{"a":[1,2]}})"},
      {"a: ${{ .null }}", R"({"a":null})"},
      {"a: v${{ .n }}", R"({"a":"v3"})"},
      {"a: ${{ .s }}-${{ .f }}", R"({"a":"podinfo-1.5"})"},
      {"a: is ${{ .b }}", R"({"a":"is true"})"},
      {"a: 'see ${{ .o }}'", R"({"a":"see {\"a\":[1,2]}"})"},
      {"a: 'x ${{ .q }}'", R"({"a":"x say \"hi\"\n"})"},
      {"a: '$${{ .n }}'", R"({"a":"${{ .n }}"})"},
      {"a: '$${{ .n }} ${{ .n }}'", R"({"a":"${{ .n }} 3"})"},
      {"- {x: [{y: '${{ .n }}'}, lit]}\n- ${{ .s }}", R"([{"x":[{"y":3},"lit"]},"podinfo"])"},
      {"a: |\n  ${{ .s }}\n", R"({"a":"podinfo\n"})"},
      {"a: 'x ${{ .null }}'",
       ".null: is null, which cannot stand inside text; write `// \"-\"` after it where nothing is meant "
       "(t.yaml:1:11)"},
      {"a: ${{ .bad }}", ".bad: Cannot index string with \"x\" (t.yaml:1:8)"},
      {"a: ${{ .slow }}", ".slow: took more than 250ms (t.yaml:1:8)"},
  };
  for (const Case& c : cases) {
    Problems problems;
    const Template t = Template::read(yaml(c.yaml), nullptr, problems);
    EXPECT_EQ(shown(problems), "") << c.yaml;
    const auto value = t.assemble(evaluate(t, answers()));
    EXPECT_EQ(value ? postlude::to_text(*value) : value.error().message, c.json) << c.yaml;
  }
}

// What expressions yield is escaped for the language of the input; what the author wrote is not.
TEST(Template, EscapesForTheInputsLanguage) {
  const auto schema = parse_json(R"({"properties": {
      "slack": {"type": "string", "escape": "slack"}, "jql": {"type": "string", "escape": "jql"},
      "wiki": {"type": "string", "escape": "wiki"}, "md": {"type": "string", "escape": "markdown"},
      "blocks": {"type": "array", "escape": "slack", "items": {"type": "object"}},
      "plain": {"type": "string"}}})");
  const std::map<std::string, Evaluated> values = {
      {".m", std::string(R"("<!channel> & co")")},
      {".m | raw", std::string(R"("<https://x|y>")")},
      {".m | slack_escape", std::string(R"("&lt;")")},
      {".j", std::string(R"j("x\" OR project is not EMPTY OR \"y")j")},
      {".j | jira_escape", std::string(R"j("x\\\"")j")},
      {".n", std::string("3")},
      {".l", std::string(R"(["a\"b"])")},
      {".w", std::string(R"("{code}")")},
      {".b", std::string(R"([{"type":"section","url":"<u>","text":{"type":"mrkdwn","text":"<!channel>"},)"
                         R"("fields":[{"text":"<f>"},"<i>"]}])")},
      {".b | raw", std::string(R"([{"text":"<a|b>"}])")},
      {".t", std::string(R"({"type":"mrkdwn","text":"<!here>"})")},
  };
  struct Case {
    const char* yaml;
    const char* json;
  };
  const Case cases[] = {
      {"slack: '*<a|b>* ${{ .m }}'", R"({"slack":"*<a|b>* &lt;!channel&gt; &amp; co"})"},
      {"slack: ${{ .m }}", R"({"slack":"&lt;!channel&gt; &amp; co"})"},
      {"slack: 'see ${{ .m | raw }}'", R"({"slack":"see <https://x|y>"})"},
      {"slack: ${{ .m | slack_escape }}", R"({"slack":"&lt;"})"},
      {"slack: ${{ .n }}", R"({"slack":3})"},
      {"plain: ${{ .m }}", R"({"plain":"<!channel> & co"})"},
      {"blocks: [{type: section, url: 'http://x/${{ .m }}', text: {type: mrkdwn, text: '<a|b> ${{ .m }}'}}]",
       R"({"blocks":[{"type":"section","url":"http://x/<!channel> & co",)"
       R"("text":{"type":"mrkdwn","text":"<a|b> &lt;!channel&gt; &amp; co"}}]})"},
      {"blocks: ${{ .b }}",
       R"({"blocks":[{"type":"section","url":"<u>","text":{"type":"mrkdwn","text":"&lt;!channel&gt;"},)"
       R"("fields":[{"text":"&lt;f&gt;"},"<i>"]}]})"},
      {"blocks: ${{ .b | raw }}", R"({"blocks":[{"text":"<a|b>"}]})"},
      {"blocks: [{text: '${{ .t }}', fields: ['${{ .t }}', '${{ .m }}'], accessory: '${{ .t }}'}, '${{ .t "
       "}}']",
       R"({"blocks":[{"text":{"type":"mrkdwn","text":"&lt;!here&gt;"},)"
       R"("fields":[{"type":"mrkdwn","text":"&lt;!here&gt;"},"<!channel> & co"],)"
       R"("accessory":{"type":"mrkdwn","text":"&lt;!here&gt;"}},{"type":"mrkdwn","text":"&lt;!here&gt;"}]})"},
      {"jql: 'text ~ \"${{ .j }}\" AND x = ${{ .j }}'",
       R"j({"jql":"text ~ \"x\\\" OR project is not EMPTY OR \\\"y\" AND x = \"x\\\" OR project is not EMPTY OR \\\"y\""})j"},
      {"jql: \"text ~ 'a\\\\'${{ .m }}' AND id = ${{ .n }}\"",
       R"j({"jql":"text ~ 'a\\'<!channel> & co' AND id = 3"})j"},
      {"jql: 'x in (${{ .l }})'", R"j({"jql":"x in (\"[\\\"a\\\\\\\"b\\\"]\")"})j"},
      {"jql: 'a ~ \"${{ .j | jira_escape }}\"'", R"j({"jql":"a ~ \"x\\\"\""})j"},
      {"wiki: 'h1. ${{ .w }}'", R"j({"wiki":"h1. \\{code\\}"})j"},
      {"md: '# ${{ .w }}'", R"j({"md":"# \\{code\\}"})j"},
  };
  for (const Case& c : cases) {
    Problems problems;
    const Template t = Template::read(yaml(c.yaml), &*schema, problems);
    EXPECT_EQ(shown(problems), "") << c.yaml;
    const auto value = t.assemble(evaluate(t, values));
    EXPECT_EQ(value ? postlude::to_text(*value) : value.error().message, c.json) << c.yaml;
  }
}

// What it means there is Jira's to say: it must not decide whether a value stands within quotes.
TEST(Template, RefusesABackslashOutsideQuotes) {
  const auto schema = parse_json(R"({"properties": {
      "jql": {"type": "string", "escape": "jql"}, "wiki": {"type": "string", "escape": "wiki"}}})");
  for (const char* text : {"jql: 'x = \\\"${{ .j }} AND y = 1'", "jql: 'x = a\\ b AND y = ${{ .j }}'",
                           "jql: '${{ .j }} = \\ '"}) {
    Problems problems;
    Template::read(yaml(text), &*schema, problems);
    EXPECT_NE(shown(problems).find("a \\ outside quotes"), std::string::npos) << text;
  }
  for (const char* text :
       {"jql: 'x = \"a\\\"\" AND y = ${{ .j }}'", "jql: 'x = a\\ b'", "wiki: 'a\\b ${{ .j }}'"}) {
    Problems problems;
    Template::read(yaml(text), &*schema, problems);
    EXPECT_EQ(shown(problems), "") << text;
  }
}

// Nothing within it is escaped, as it is in a text with expressions inside.
TEST(Template, WarnsOfAQueryThatOneExpressionPutsTogether) {
  const auto schema = parse_json(R"({"properties": {
      "jql": {"type": "string", "escape": "jql"}, "text": {"type": "string", "escape": "slack"}}})");
  for (const char* text :
       {"jql: '${{ \"project = \" + .event.name }}'", "jql: '${{ \"a = \\(.event.name)\" }}'",
        "jql: '${{ [\"a =\", .event.name] | join(\" \") }}'"}) {
    Problems problems;
    Template::read(yaml(text), &*schema, problems);
    ASSERT_EQ(problems.size(), 1U) << text;
    EXPECT_TRUE(problems[0].warning);
    EXPECT_NE(problems[0].message.find("puts a query together"), std::string::npos) << text;
  }
  for (const char* text :
       {"jql: '${{ \"a = \" + (.event.name | jira_escape) }}'", "jql: '${{ \"a = \" + .event.name | raw }}'",
        "jql: '${{ .vars.query }}'", "jql: '${{ \"a = \" + \"b\" }}'",
        "jql: 'a = ${{ .event.name + \"x\" }}'", "text: '${{ \"a = \" + .event.name }}'"}) {
    Problems problems;
    Template::read(yaml(text), &*schema, problems);
    EXPECT_EQ(shown(problems), "") << text;
  }
}

TEST(Template, KeepsTheCodeOfAnEvaluation) {
  Problems problems;
  const Template t = Template::read(yaml("a: ${{ .slow }}"), nullptr, problems);
  const auto value = t.assemble(evaluate(t, answers()));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, Code::kOverloaded);
}

TEST(Template, TypedBySchema) {
  const auto schema = parse_json(
      R"({"type":"object","properties":{"name":{"type":"string"},"count":{"type":"integer"},"tags":{"type":"array","items":{"type":"string"}}}})");
  ASSERT_TRUE(schema);
  Problems problems;
  const Template t =
      Template::read(yaml("name: 1.10\ncount: 7\ntags: [no, '${{ .n }}', on]"), &*schema, problems);
  const auto value = t.assemble(evaluate(t, answers()));
  ASSERT_TRUE(value);
  EXPECT_EQ(postlude::to_text(*value), R"({"name":"1.10","count":7,"tags":["no",3,"on"]})");
}

TEST(Template, Literal) {
  Problems problems;
  EXPECT_TRUE(Template::read(yaml("a: [1, {b: c}]"), nullptr, problems).literal());
  EXPECT_FALSE(Template::read(yaml("a: [1, {b: '${{ .c }}'}]"), nullptr, problems).literal());
  EXPECT_TRUE(Template().literal());
}

TEST(Template, Text) {
  Problems problems;
  const Template t = Template::read_text(yaml("'/rest/${{ .s }}/${{ .n }}'"), problems);
  const auto text = t.assemble_text(evaluate(t, answers()));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "/rest/podinfo/3");
  const Template whole = Template::read_text(yaml("'${{ .n }}'"), problems);
  EXPECT_EQ(*whole.assemble_text(evaluate(whole, answers())), "3");
  const Template null = Template::read_text(yaml("'${{ .null }}'"), problems);
  EXPECT_FALSE(null.assemble_text(evaluate(null, answers())));
  const Template plain = Template::read_text(yaml("1.10"), problems);
  EXPECT_EQ(*plain.assemble_text({}), "1.10");
  EXPECT_EQ(shown(problems), "");
  Template::read_text(yaml("[1]"), problems);
  EXPECT_EQ(shown(problems), "t.yaml:1:1: this must be text, not a list or a map");
}

TEST(Template, Problems) {
  Problems problems;
  Template::read(yaml("a: '${{ .x'\nb: '${{ env }}'\n'${{ .k }}': 1"), nullptr, problems);
  EXPECT_EQ(shown(problems),
            "t.yaml:1:5: `${{` without its `}}` | "
            "t.yaml:2:9: `env` is refused: expressions cannot see the environment; secrets stand in `auth` "
            "blocks | "
            "t.yaml:3:1: a key cannot be an expression; `${{ {(.key): .value} }}` makes such a map");
}

TEST(Blame, OneLine) {
  EXPECT_EQ(blame({".a\n  | .b", {"w.yaml", 4, 5}}, "why"), ".a | .b: why (w.yaml:4:5)");
  EXPECT_EQ(blame({".a", {}}, "why"), ".a: why");
  EXPECT_EQ(failure({"error(\"no such thing\")", {"w.yaml", 4, 5}}, "no such thing"),
            "no such thing (w.yaml:4:5)");
  EXPECT_EQ(failure({".a | error(\"x\")", {"w.yaml", 4, 5}}, "Cannot index string with \"a\""),
            ".a | error(\"x\"): Cannot index string with \"a\" (w.yaml:4:5)");
  EXPECT_EQ(failure({".a | .b | error(\"x\")", {"w.yaml", 4, 5}}, "cannot read `b` of text, only of a map"),
            "cannot read `b` of text, only of a map, in `.a | .b | error(\"x\")` (w.yaml:4:5)");
  EXPECT_EQ(failure({".a.b", {"w.yaml", 4, 5}}, "cannot read `.a.b`: `.a` is text, not a map"),
            "cannot read `.a.b`: `.a` is text, not a map (w.yaml:4:5)");
  EXPECT_LT(blame({std::string(1000, 'x'), {}}, "why").size(), 200U);
}

}  // namespace
}  // namespace postlude::lang
