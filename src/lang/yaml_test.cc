#include "lang/yaml.h"

#include <gtest/gtest.h>

namespace postlude::lang {
namespace {

std::string all(const Problems& problems) {
  std::string text;
  for (const Problem& p : problems)
    text += (text.empty() ? "" : "\n") + to_text(p);
  return text;
}

struct Case {
  std::string yaml;
  std::string message;  // all problems, a line each; "": none
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    Problems problems;
    const auto node = read_yaml(c.yaml, "f", problems);
    EXPECT_EQ(all(problems), c.message) << "in:\n" << c.yaml.substr(0, 200);
    EXPECT_TRUE(node.has_value() || any_error(problems)) << c.yaml.substr(0, 200);
  }
}

TEST(Yaml, values_places_and_quoting) {
  Problems problems;
  const auto node =
      read_yaml("# first\na: 1.10\nüb: \"x\"\nlist:\n  - on\n  - {k: 'v'}\nempty:\nnull: ~\n", "f", problems);
  ASSERT_TRUE(node) << all(problems);
  EXPECT_EQ(node->place.text(), "f:2:1");
  ASSERT_EQ(node->members.size(), 5U);
  EXPECT_EQ(node->members[0].first.place.text(), "f:2:1");
  EXPECT_EQ(node->find("a")->place.text(), "f:2:4");
  EXPECT_EQ(node->text("a"), "1.10");
  EXPECT_TRUE(node->find("a")->plain);
  EXPECT_FALSE(node->find("üb")->plain);
  EXPECT_EQ(node->find("üb")->place.text(), "f:3:5") << "columns count characters";
  const Node* list = node->find("list");
  ASSERT_TRUE(list->is_list());
  EXPECT_EQ(list->items[0].scalar, "on");
  EXPECT_EQ(list->items[1].find("k")->place.text(), "f:6:9");
  EXPECT_TRUE(node->find("empty")->is_null());
  EXPECT_EQ(node->find("empty")->place.text(), "f:7:1") << "an empty value is where its key is";
  EXPECT_TRUE(node->find("null")->is_null());
  EXPECT_EQ(node->find("null")->place.text(), "f:8:7");
}

TEST(Yaml, a_key_true_is_text) {
  Problems problems;
  const auto node = read_yaml("true: 1\non: 2\n1: 3\n", "f", problems);
  ASSERT_TRUE(node);
  EXPECT_EQ(node->text("true"), "1");
  EXPECT_EQ(node->text("on"), "2");
  EXPECT_EQ(node->text("1"), "3");
}

TEST(Yaml, nothing_is_null) {
  for (const char* text : {"", "\n\n", "# only\n", "---\n", "~"}) {
    Problems problems;
    const auto node = read_yaml(text, "f", problems);
    ASSERT_TRUE(node) << text;
    EXPECT_TRUE(node->is_null()) << text;
    EXPECT_TRUE(problems.empty()) << text << all(problems);
  }
}

TEST(Yaml, line_breaks_and_folding) {
  Problems problems;
  const auto node =
      read_yaml("a: x\r\nb: one\r\n  two\r\n\r\n  three # why\r\nc: |\r\n  1\r\n  2\r\nd: >-\n  x\n  y # z\n",
                "f", problems);
  ASSERT_TRUE(node) << all(problems);
  EXPECT_EQ(all(problems), "");
  EXPECT_EQ(node->text("b"), "one two\nthree");
  EXPECT_EQ(node->text("c"), "1\n2\n");
  EXPECT_EQ(node->text("d"), "x y # z");
}

TEST(Yaml, aliases_repeat_a_value) {
  Problems problems;
  const auto node = read_yaml("a: &x {k: [1, 2]}\nb: *x\nc: &y t # why\nd: *y\n", "f", problems);
  ASSERT_TRUE(node) << all(problems);
  EXPECT_EQ(postlude::to_text(to_json(*node)), R"({"a":{"k":[1,2]},"b":{"k":[1,2]},"c":"t","d":"t"})");
}

TEST(Yaml, comments_that_are_comments) {
  expect_all({
      {"a: b   # an explanation", ""},
      {"a: b #", ""},
      {"a: b ## loud", ""},
      {"a: b#c", ""},
      {"a: 'b' #c", ""},
      {"a: \"deployed #1 ${{ .a }}\" #c", ""},
      {"a: {b: c} #c", ""},
      {"a: [b, c #d]\n  ]",
       "f:1:10: the comment '#d]' cuts the value short, to 'c': quote it, or put the comment on a line of "
       "its own"},
      {"a: # a group\n  b: c", ""},
      {"- # one\n  a", ""},
      {"#a\na: b\n#b\n", ""},
      {"a: |\n  deployed #1 ${{ .a }}\n", ""},
      {"a: Bob's job # his", ""},
      {"a: Bob's job (daily) # his", ""},
      {"a: x: y",
       "f:1:5: this ':' makes no key here; quote the text if the colon belongs to it, else check the "
       "indentation"},
  });
}

TEST(Yaml, comments_that_cut_values) {
  const std::string advice = ": quote it, or put the comment on a line of its own";
  expect_all({
      {"text: deployed #1 ${{ .a }}",
       "f:1:16: the comment '#1 ${{ .a }}' cuts the value short, to 'deployed'" + advice},
      {"text: deployed # ${{ .a }}",
       "f:1:16: the comment '# ${{ .a }}' cuts the value short, to 'deployed'" + advice},
      {"text: ${{ .a }} # is out",
       "f:1:17: the comment '# is out' cuts the value short, to '${{ .a }}'" + advice},
      {"text: ${{ .a # b }}", "f:1:14: the comment '# b }}' cuts the value short, to '${{ .a'" + advice},
      {"text: see\n  deployed #1",
       "f:2:12: the comment '#1' cuts the value short, to 'see deployed'" + advice},
      {"if: .a == \"x # y\"", "f:1:14: the comment '# y\"' cuts the value short, to '.a == \"x'" + advice},
      {"if: (.a # y)", "f:1:9: the comment '# y)' cuts the value short, to '(.a'" + advice},
      {"- deployed #1", "f:1:12: the comment '#1' cuts the value short, to 'deployed'" + advice},
      {"a: &x deployed #1", "f:1:16: the comment '#1' cuts the value short, to 'deployed'" + advice},
      {"channel: #releases\nb: 1", "f:1:10: '#releases' is a comment here, and the value is empty: quote it"},
      {"'channel': #releases", "f:1:12: '#releases' is a comment here, and the value is empty: quote it"},
      {"- a\n- #releases\n- b", "f:2:3: '#releases' is a comment here, and the value is empty: quote it"},
      {"with: {channel: #releases, text: x}\nb: 1",
       "f:1:17: '#releases, text: x}' is a comment here: quote the value, or put the comment on a line of "
       "its own"},
      {"with: {channel: #releases}",
       "f:1:17: '#releases}' is a comment here, and the value is empty: quote it"},
      {"l: [a, # b]\n",
       "f:1:8: '# b]' is a comment here: quote the value, or put the comment on a line of its own"},
  });
}

TEST(Yaml, expressions_that_yaml_takes_apart) {
  expect_all({
      {"{a: ${{ .x }}}", "f:1:5: YAML reads the braces of ${{ .x }} as its own inside { } and [ ]: quote it"},
      {"w: [a, v${{ .x }}]",
       "f:1:8: YAML reads the braces of ${{ .x }} as its own inside { } and [ ]: quote it"},
      {"w: {a: ${{ .x\n }}}",
       "f:1:8: YAML reads the braces of ${{ … }} as its own inside { } and [ ]: quote it"},
      {"a: ${{ .x | {a: 1} }}",
       "f:1:15: YAML reads a part of ${{ … }} on this line as its own: quote the whole value"},
      {"- ${{ .x | {a: .b} }}", "f:1:3: the ': ' in '${{ .x | {a: .b} }}' makes a key of it: quote it"},
      {"a: {{ .x }}",
       "f:1:5: a key must be text; if {{ … }} is meant as an expression, write '${{ … }}', in quotes"},
      {"a: ${{ .x }}", ""},
      {"a: ${{ .x }} and ${{ .y }}", ""},
      {"{a: '${{ .x }}'}", ""},
  });
}

TEST(Yaml, keys) {
  expect_all({
      {"a: 1\nb: 2\na: 3", "f:3:1: duplicate key 'a'; the first is in line 1"},
      {"a: 1\n'a': 3\na: 4",
       "f:2:1: duplicate key 'a'; the first is in line 1\nf:3:1: duplicate key 'a'; the first is in line 1"},
      {"l: {x: 1, x: 2}", "f:1:11: duplicate key 'x'; the first is in line 1"},
      {"a: &x {b: 1}\nc:\n  <<: *x\n  d: 1",
       "f:3:3: '<<' (merging of maps) is not supported; write the keys out"},
      {"'<<': 1", ""},
      {"? [a]\n: b", "f:1:3: a key must be text"},
      {"? {a: b}\n: b",
       "f:1:3: a key must be text; if {{ … }} is meant as an expression, write '${{ … }}', in quotes"},
      {": b", "f:1:1: a key must be text"},
      {"~: b", ""},
      {"[]: b", "f:1:1: a key must be text"},
  });
}

TEST(Yaml, tabs) {
  const std::string tab = ": a tab indents this line; use spaces";
  expect_all({
      {"a:\n\tb: 1", "f:2:1" + tab},
      {"a:\n\tb", "f:2:1" + tab},
      {"a:\n  b:\n  \tc", "f:3:3" + tab},
      {"- x\n\t- y", "f:2:1" + tab},
      {"k: |\n\tfoo\n", "f:2:1" + tab},
      {"k: [a,\n\tb]\n", "f:2:1" + tab},
      {"k: |\n  foo\n  \tbar\nz: 1", ""},
      {"k: |\n  foo\n  \tbar\n", ""},
      {"k: \"a\n\tb\"\nz: 1", ""},
      {"k: a\tb\t# c\n\t\n\t# d\nz:\t1", ""},
  });
}

TEST(Yaml, documents) {
  expect_all({
      {"a: 1\n---\nb: 2", "f:2:1: a second document begins here; a file holds one"},
      {"a: 1\n---\n", "f:2:1: a second document begins here; a file holds one"},
      {"--- \na: 1\n...\n", ""},
      {"%YAML 1.2\n---\na: 1", ""},
      {"- a\nb: 1", "f:2:1: this line does not continue what stands above it; check its indentation"},
  });
}

TEST(Yaml, aliases_and_tags) {
  expect_all({
      {"hook: *", "f:1:7: '*' is an alias in YAML, and names no anchor: quote it if it is a glob or text"},
      {"name: *-canary",
       "f:1:7: '*-canary' is an alias in YAML, and names no anchor: quote it if it is a glob or text"},
      {"name: [*-canary, x]",
       "f:1:8: '*-canary' is an alias in YAML, and names no anchor: quote it if it is a glob or text"},
      {"name: **/x",
       "f:1:7: '**/x' is an alias in YAML, and names no anchor: quote it if it is a glob or text"},
      {"a: &x [*x]", "f:1:8: an alias cannot stand inside the value that it repeats"},
      {"a: !!str 1", ""},
      {"a: !env NAME", "f:1:4: '!env' is a YAML tag, which is not used here; quote the value if it is text"},
      {"a: !!binary aGk=",
       "f:1:4: '!!binary' is a YAML tag, which is not used here; quote the value if it is text"},
      {"a: !!map {}", "f:1:4: '!!map' is a YAML tag, which is not used here; quote the value if it is text"},
  });
}

TEST(Yaml, syntax) {
  expect_all({
      {"a: 'x\nb: 1\n", "f:1:4: the quote that opens here is never closed"},
      {"a: \"x\nb: 1\n", "f:1:4: the quote that opens here is never closed"},
      {"a: 'it''s'\nb: \"\\\"\"\n", ""},
      {"a: [1, 2\nb: 3\n", "f:1:4: the '[' that opens here is not closed"},
      {"a: {b: 1\n\n", "f:1:4: the '{' that opens here is not closed"},
      {"a: b: c",
       "f:1:5: this ':' makes no key here; quote the text if the colon belongs to it, else check the "
       "indentation"},
      {"a: 1\n  b: 2",
       "f:2:4: this ':' makes no key here; quote the text if the colon belongs to it, else check the "
       "indentation"},
      {"a:\n  b: 1\n c: 2", "f:3:2: this line is indented like none above it"},
      {"a: - b", "f:1:4: a list cannot begin here; put '-' on a line of its own"},
      {"a: ]", "f:1:4: ']' closes nothing; quote it if it is text"},
      {"a: @x", "f:1:4: '@' cannot begin a value: quote it"},
      {"a: `x`", "f:1:4: '`' cannot begin a value: quote it"},
      {"a: %x", "f:1:4: '%' cannot begin a value: quote it"},
      {"a: \"\\q\"",
       "f:1:5: '\\q' is not an escape in double quotes; use single quotes, or write \\\\ for a backslash"},
      {"a: 'x' y", "f:1:8: 'y' does not belong to the value before it: quote the whole value"},
      {"a: \"x\"y", "f:1:7: 'y' does not belong to the value before it: quote the whole value"},
      {"a: x]", ""},
      {"a: !<x", "f:1:7: not YAML: end of verbatim tag not found"},
      {"a: &", "f:1:5: not YAML: anchor not found after &"},
      {"a: &x &y 1", "f:1:7: not YAML: cannot assign multiple anchors to the same node"},
      {"a: \"\\xZZ\"", "f:1:9: not YAML: bad character found while scanning hex number"},
      {"%YAML 3.0\n---\na: 1", "f:1:1: not YAML: YAML major version too large"},
      {"[[", "f:1:1: the '[' that opens here is not closed"},
      {"a: [[1]", "f:1:4: the '[' that opens here is not closed"},
      {"a: [b: [", "f:1:4: the '[' that opens here is not closed"},
  });
}

TEST(Yaml, bytes) {
  expect_all({
      {"\xEF\xBB\xBF"
       "a: 1",
       "f:1:1: the file begins with a byte order mark; save it as UTF-8 without one"},
      {std::string("\xFF\xFE"
                   "a\0",
                   4),
       "f:1:1: the file is UTF-16; save it as UTF-8"},
      {"a: ü\nb: é\xC3(", "f:2:5: not UTF-8; save the file as UTF-8"},
      {"a: \xFC", "f:1:4: not UTF-8; save the file as UTF-8"},
      {"a: \xC3", "f:1:4: not UTF-8; save the file as UTF-8"},
      {"a: 1\nb: \x04\nc: 2",
       "f:2:4: the control character U+0004 cannot stand here; in double quotes write \\x04"},
      {std::string("a: \0", 4),
       "f:1:4: the control character U+0000 cannot stand here; in double quotes write \\x00"},
      {"a: \x1B[0m", "f:1:4: the control character U+001B cannot stand here; in double quotes write \\x1B"},
      {std::string(kYamlBytesMax + 1, '#'), "f:1:1: the file is longer than 4 MiB"},
      {std::string(kYamlBytesMax, '#'), ""},
  });
}

TEST(Yaml, bounds) {
  expect_all({
      {std::string(64, '[') + std::string(64, ']'), ""},
      {std::string(65, '[') + std::string(65, ']'), "f:1:65: nested deeper than 64 levels"},
      {std::string(50'000, '['), "f:1:1: the '[' that opens here is not closed"},
      {std::string(50'000, '[') + std::string(50'000, ']'), "f:1:65: nested deeper than 64 levels"},
      {"a: &a [[[[[[[[1]]]]]]]]\nb: &b [[[[[[[*a]]]]]]]\nc: &c [[[[[[[[[[*b]]]]]]]]]]\nd: &d "
       "[[[[[[[[[[*c]]]]]]]]]]\n"
       "e: &e [[[[[[[[[[*d]]]]]]]]]]\nf: &f [[[[[[[[[[*e]]]]]]]]]]\ng: [[[[[[[[[[*f]]]]]]]]]]\n",
       "f:7:14: nested deeper than 64 levels"},
  });
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string n = std::to_string(i);
    bomb += "a" + n + ": &a" + n + " [";
    for (int k = 0; k < 10; ++k)
      bomb += (k > 0 ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  Problems problems;
  EXPECT_FALSE(read_yaml(bomb, "f", problems));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].message, "more than 500000 values");
}

TEST(Yaml, no_prefix_of_a_configuration_makes_it_crash) {
  const std::string text =
      "a: &x {k: [1, 'two', \"th\\tree\"]}\nb:\n  - *x\n  - ${{ .e | {a: 1} }} # c\n  - |\n    t\n  - {c: "
      "${{ .x }}}\n? z\n: !!str 1\n";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    for (const std::string& tail : {std::string(), std::string("\n"), std::string("}"), std::string("\t'")}) {
      Problems problems;
      const auto node = read_yaml(text.substr(0, i) + tail, "f", problems);
      EXPECT_TRUE(node.has_value() || any_error(problems)) << i;
    }
  }
}

}  // namespace
}  // namespace postlude::lang
