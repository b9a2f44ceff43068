#include "lang/expression.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/text.h"
#include "lang/calendar.h"
#include "lang/yaml.h"
#include "lib/source_folder.h"

namespace postlude::lang {
namespace {

Node scalar(std::string text, bool plain = true) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = std::move(text);
  node.plain = plain;
  node.place = {"w.yaml", 3, 7};
  return node;
}

std::string shown(const Problems& problems) {
  std::string out;
  for (const Problem& p : problems)
    out += (out.empty() ? "" : " | ") + to_text(p);
  return out;
}

// <expression@line:col>literal<…>
std::string shown(const std::vector<Piece>& pieces) {
  std::string out;
  for (const Piece& p : pieces) {
    out += p.expression ? "<" + p.expression->text + "@" + std::to_string(p.expression->place.line) + ":" +
                              std::to_string(p.expression->place.column) + ">"
                        : p.literal;
  }
  return out;
}

TEST(SplitPieces, Table) {
  struct Case {
    const char* text;
    const char* pieces;
  };
  const Case cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"${{ .a }}", "<.a@1:5>"},
      {"${{.a}}", "<.a@1:4>"},
      {"a ${{ .b }} c ${{ .d }}", "a <.b@1:7> c <.d@1:19>"},
      {"${{ .a }}${{ .b }}", "<.a@1:5><.b@1:14>"},
      {"$${{ .a }}", "${{ .a }}"},
      {"$${{ .a }} ${{ .b }}", "${{ .a }} <.b@1:16>"},
      {"$ ${ {{ }}", "$ ${ {{ }}"},
      {R"x(${{ "}}" }})x", R"x(<"}}"@1:5>)x"},
      {R"x(${{ "a\"}}" }}x)x", R"x(<"a\"}}"@1:5>x)x"},
      {R"x(${{ "\(.a)}}" }})x", R"x(<"\(.a)}}"@1:5>)x"},
      {R"x(${{ "\("}}" + "\(.b | "}}")")" }}!)x", R"x(<"\("}}" + "\(.b | "}}")")"@1:5>!)x"},
      {R"x(${{ "\({a: {b: "}}"}})" }})x", R"x(<"\({a: {b: "}}"}})"@1:5>)x"},
      {"${{ {a: {b: 1}} }}", "<{a: {b: 1}}@1:5>"},
      {"${{ {a: {b: 1}}}}", "<{a: {b: 1}}@1:5>"},
      {"${{ [.a[] | {x: .y}] }}", "<[.a[] | {x: .y}]@1:5>"},
      {"${{ .a # }} in a comment\n + 1 }}", "<.a # }} in a comment\n + 1@1:5>"},
      {"x\ny ${{ .b }}", "x\ny <.b@2:7>"},
      {"é ${{ .b }}", "é <.b@1:7>"},
      {"${{ success() }} ${{ .a | f }}", "<success@1:5> <.a | f@1:22>"},
      {"}} ${{ .a }} }}", "}} <.a@1:8> }}"},
  };
  for (const Case& c : cases) {
    Problems problems;
    EXPECT_EQ(shown(split_pieces(c.text, {"w.yaml", 1, 1}, problems)), c.pieces) << c.text;
    EXPECT_EQ(shown(problems), "") << c.text;
  }
}

TEST(SplitPieces, Problems) {
  struct Case {
    const char* text;
    const char* problem;
  };
  const Case cases[] = {
      {"a ${{ .b", "w.yaml:1:3: `${{` without its `}}`"},
      {"${{ .b }", "w.yaml:1:8: `${{` ends with `}}`, and here is one `}`: write `}}`"},
      {"${{ .b } and ${{ .c }}", "w.yaml:1:8: `${{` ends with `}}`, and here is one `}`: write `}}`"},
      {"${{ .b ] }}", "w.yaml:1:8: `]` without an opening `[`"},
      {"${{ }}", "w.yaml:1:4: an expression is missing"},
      {"${{}}", "w.yaml:1:4: an expression is missing"},
      {"${{ \"abc }}", "w.yaml:1:5: this text's closing `\"` is missing"},
      {"${{ \"\\(.a\" }}", "w.yaml:1:10: this text's closing `\"` is missing"},
      {"${{ (.a }}", "w.yaml:1:9: `}` where `(` is still open"},
      {"${{ .a) }}", "w.yaml:1:7: `)` without an opening `(`"},
      {"${{ [1) }}", "w.yaml:1:7: `)` where `[` is still open"},
      {"${{ .a # }}", "w.yaml:1:1: `${{` without its `}}`"},
      {"${{ .a && .b }}", "w.yaml:1:8: `&&` is written `and`"},
      {"${{ .a || .b }}", "w.yaml:1:8: `||` is written `or`"},
      {"${{ !.a }}", "w.yaml:1:5: `!x` is written `x | not`"},
      {"${{ .a == 'x' }}", "w.yaml:1:11: text stands in double quotes (\"), not in single ones"},
      {"${{ .a | @nope }}",
       "w.yaml:1:10: `@nope` is not a format; there are @text @json @csv @tsv @html @uri @sh @base64"},
      {"ok ${{ .x }} then ${{ env }}",
       "w.yaml:1:23: `env` is refused: expressions cannot see the environment; secrets stand in `auth` "
       "blocks"},
      {"${{ ` }}", "w.yaml:1:5: ``` has no meaning here"},
      {"${{ .é }}", "w.yaml:1:6: a character that has no meaning here"},
  };
  for (const Case& c : cases) {
    Problems problems;
    split_pieces(c.text, {"w.yaml", 1, 1}, problems);
    EXPECT_EQ(shown(problems), c.problem) << c.text;
  }
}

TEST(ReadBare, Table) {
  struct Case {
    Node node;
    const char* text;  // or the problem
  };
  Node list;
  list.kind = Node::Kind::kList;
  list.place = {"w.yaml", 3, 7};
  Node null;
  null.place = {"w.yaml", 3, 7};
  const Case cases[] = {
      {scalar(".a == 1"), ".a == 1 @3:7"},
      {scalar("  .a  "), ".a @3:9"},
      {scalar(".a == \"x\"", false), ".a == \"x\" @3:8"},
      {scalar("${{ .a }}"), ".a @3:11"},
      {scalar("${{ .a }} "), ".a @3:11"},
      {scalar("success() and .a"), "success   and .a @3:7"},
      {scalar(".a\n| not\n", false), ".a\n| not @4:1"},
      {scalar("true"), "true @3:7"},
      {scalar(""), "w.yaml:3:7: an expression is missing"},
      {scalar("# nothing"), "w.yaml:3:7: an expression is missing: this is a comment only"},
      {list, "w.yaml:3:7: an expression is text, not a list or a map"},
      {null, "w.yaml:3:7: an expression is missing"},
      {scalar("${{ .a }} == 1"),
       "w.yaml:3:16: this key is one expression: nothing may stand after its `}}`, and it needs no `${{`"},
      {scalar(".a == ${{ .b }}"), "w.yaml:3:13: `$` without a name"},
      {scalar("(.a"), "w.yaml:3:7: `(` is not closed"},
      {scalar(std::string(20'000, '1')), "w.yaml:3:7: an expression may have 16KiB at most"},
      {scalar(std::string(300, '(')), "w.yaml:3:207: nested too deeply"},
  };
  for (const Case& c : cases) {
    Problems problems;
    const auto got = read_bare(c.node, problems);
    const std::string text =
        got ? got->text + " @" + std::to_string(got->place.line) + ":" + std::to_string(got->place.column)
            : shown(problems);
    EXPECT_EQ(text, c.text);
    EXPECT_EQ(got.has_value(), problems.empty());
  }
}

TEST(Refused, AsFunctionsOnly) {
  const char* names[] = {
      "env",          "input",     "inputs",         "import",          "include",
      "debug",        "halt",      "stderr",         "halt_error",      "module",
      "modulemeta",   "localtime", "input_filename", "get_search_list", "input_line_number",
      "strflocaltime"};
  for (const std::string name : names) {
    const std::string refused[] = {name,
                                   ".a | " + name,
                                   "[" + name + "]",
                                   "{a: " + name + "}",
                                   "{(" + name + "): 1}",
                                   "\"\\(" + name + ")\"",
                                   "{a: 1, b: " + name + "}",
                                   name + ".PATH",
                                   "(" + name + ")",
                                   name + "(1)"};
    for (const std::string& text : refused) {
      Problems problems;
      EXPECT_FALSE(read_bare(scalar(text), problems)) << text;
      ASSERT_EQ(problems.size(), 1U) << text;
      EXPECT_NE(problems[0].message.find("`" + name + "` is refused"), std::string::npos)
          << problems[0].message;
    }
    const std::string fine[] = {"." + name,
                                ".a." + name,
                                "\"" + name + "\"",
                                "{" + name + ": 1}",
                                ".[\"" + name + "\"]",
                                "." + std::string("\"") + name + "\"",
                                "{a: 1, " + name + ": 2}",
                                "{" + name + "}",
                                "$x." + name,
                                ". as {" + name + ": $v} | $v",
                                ".a # " + name,
                                "my_" + name};
    for (const std::string& text : fine) {
      Problems problems;
      EXPECT_TRUE(read_bare(scalar(text), problems)) << text << ": " << shown(problems);
    }
  }
  for (const std::string text :
       {"$ENV", "$ENV.PATH", "$ ENV", "$__loc__", "{$ENV}", "$__c", "$__prog_args", "__x"}) {
    Problems problems;
    EXPECT_FALSE(read_bare(scalar(text), problems)) << text;
  }
}

TEST(Calls, FunctionsNotFields) {
  const auto calls_failure = [](const char* text) { return calls(Expression{text, {}}, "failure"); };
  EXPECT_TRUE(calls_failure("failure"));
  EXPECT_TRUE(calls_failure(".a and (failure | not)"));
  EXPECT_TRUE(calls_failure("\"\\(failure)\""));
  EXPECT_FALSE(calls_failure("$failure.step"));
  EXPECT_FALSE(calls_failure(".failure"));
  EXPECT_FALSE(calls_failure("{failure: 1}"));
  EXPECT_FALSE(calls_failure("\"failure\""));
  EXPECT_FALSE(calls_failure("success # failure"));
}

TEST(CheckNames, Table) {
  struct Case {
    const char* text;
    const char* problem;  // "": none
  };
  const Case cases[] = {
      {".event.relase", "w.yaml:1:1: `.event` has no `relase`; did you mean `release`?"},
      {".event.release.verson.new", "w.yaml:1:1: `.event.release` has no `verson`; did you mean `version`?"},
      {".event.release.version.newer",
       "w.yaml:1:1: `.event.release.version` has no `newer`; there are new old"},
      {".event.release.images[0].contaner",
       "w.yaml:1:1: `.event.release.images[]` has no `contaner`; did you mean `container`?"},
      {".event.release.images[] | .old", ""},
      {".event[\"relase\"]", "w.yaml:1:1: `.event` has no `relase`; did you mean `release`?"},
      {".[\"event\"].relase", "w.yaml:1:1: `.event` has no `relase`; did you mean `release`?"},
      {".event.\"relase\"", "w.yaml:1:1: `.event` has no `relase`; did you mean `release`?"},
      {"$event.relase", "w.yaml:1:1: `$event` has no `relase`; did you mean `release`?"},
      {"$evnt.name", "w.yaml:1:1: `$evnt` is not known here; did you mean `$event`?"},
      {".vars.x | . + $runs", "w.yaml:1:15: `$runs` is not known here; did you mean `$run`?"},
      {"$item == 1", ""},
      {"reduce .vars.x[] as [$a, {b: $c, $d}] (0; . + $a + $c + $d)", ""},
      {"foreach .vars.x[] as $i (0; . + $i; [$i, .])", ""},
      {"label $out | .vars.x[] | if . then ., break $out else . end", ""},
      {"def f(g; $h): g + $h; f(1; 2)", ""},
      {".vars.x as {a: $p, \"b\": [$q]} ?// [$p] | $p", ""},
      {".vars.x as {(\"a\" + \"b\"): $p} | {$p, r: $p}", ""},
      {"$__loc__.line", ""},
      {".vars.x | $event.relase", "w.yaml:1:11: `$event` has no `relase`; did you mean `release`?"},
      {".event.release?.verson", "w.yaml:1:1: `.event.release` has no `verson`; did you mean `version`?"},
      {"(.event.nam == \"x\") and .event.phase", "w.yaml:1:2: `.event` has no `nam`; did you mean `name`?"},
      {"{a: .event.nam, b: .event.name}", "w.yaml:1:5: `.event` has no `nam`; did you mean `name`?"},
      {"{a: .vars.x | .event, b: .event.nam}", "w.yaml:1:26: `.event` has no `nam`; did you mean `name`?"},
      {"\"\\(.event.nam)\"", "w.yaml:1:4: `.event` has no `nam`; did you mean `name`?"},
      {".vars[.event.nam]", "w.yaml:1:7: `.event` has no `nam`; did you mean `name`?"},
      {"if .a | .b then .event.nam else 1 end",
       "w.yaml:1:4: `.a` is not known here; there are .event .run .workflow .vars .steps .data .item "
       ".failure .step | "
       "w.yaml:1:17: `.event` has no `nam`; did you mean `name`?"},
      {".event.name as $n | .event.nam", "w.yaml:1:21: `.event` has no `nam`; did you mean `name`?"},
      {"def f: .whatever; .event.nam", "w.yaml:1:19: `.event` has no `nam`; did you mean `name`?"},
      {".evnt.name", "w.yaml:1:1: `.evnt` is not known here; did you mean `.event`?"},
      {".response.status",
       "w.yaml:1:1: `.response` is the answer that `success`, `retry` and `refuse` judge; what an earlier "
       "step got is `.steps.ID.outputs`"},
      {"$response.status",
       "w.yaml:1:1: `$response` is the answer that `success`, `retry` and `refuse` judge; what an earlier "
       "step got is `.steps.ID.outputs`"},
      {"1 +\n .evnt", "w.yaml:2:2: `.evnt` is not known here; did you mean `.event`?"},
      {".event.name | startswith(\"a\")", ""},
      {".event.payload.any.thing[0].at.all", ""},
      {".event.metadata.whatever.deep", ""},
      {".event.canary.labels.app.x", ""},
      {".event.canary.annotations[\"a/b\"]", ""},
      {".event.canary.uuid", "w.yaml:1:1: `.event.canary` has no `uuid`; did you mean `uid`?"},
      {".event.release.analysis.metrics[0].last", ""},
      {".event.release.workload.labels.x", ""},
      {".event.releaseError", ""},
      {".steps.any.outputs.thing", ""},
      {".event", ""},
      {".", ""},
      {"..", ""},
      {".event | .anything",
       "w.yaml:1:10: `.event` has no `anything`; there are canary checksum cluster hook id metadata name "
       "namespace origin outcome payload phase receivedAt release releaseError source team"},
      {".event | .metadata.x | .y.z", ""},
      {".event.release | .verison.old",
       "w.yaml:1:18: `.event.release` has no `verison`; did you mean `version`?"},
      {"$event | .nam", "w.yaml:1:10: `$event` has no `nam`; did you mean `name`?"},
      {"(.event).relase", "w.yaml:1:2: `.event` has no `relase`; did you mean `release`?"},
      {"((.event).release).verison",
       "w.yaml:1:3: `.event.release` has no `verison`; did you mean `version`?"},
      {"($event.release)?.verison.old",
       "w.yaml:1:2: `$event.release` has no `verison`; did you mean `version`?"},
      {"(.event | .release) | .verison", ""},
      {".event.release.verison.old",
       "w.yaml:1:1: `.event.release` has no `verison`; did you mean `version`?"},
      {".event.canary.lables", "w.yaml:1:1: `.event.canary` has no `lables`; did you mean `labels`?"},
      {".event.release.images[] | .contaner",
       "w.yaml:1:27: `.event.release.images[]` has no `contaner`; did you mean `container`?"},
      {".event.release.images[] | select(.contaner == \"x\") | .new",
       "w.yaml:1:34: `.event.release.images[]` has no `contaner`; did you mean `container`?"},
      {"[.event.release.images | map(.contaner)]",
       "w.yaml:1:30: `.event.release.images[]` has no `contaner`; did you mean `container`?"},
      {".event.release.images.container",
       "w.yaml:1:1: `.event.release.images` is a list: write `.event.release.images[].container`, or [0] for "
       "its first"},
      {".event.release.config.changed[0].kind", ""},
      {".run.ID", "w.yaml:1:1: `.run` has no `ID`; did you mean `id`?"},
      {"$run.callbacks.suite.url", ""},
      {"$run.callbacks.suite.ulr", "w.yaml:1:1: `$run.callbacks.suite` has no `ulr`; did you mean `url`?"},
      {".workflow.nam", "w.yaml:1:1: `.workflow` has no `nam`; did you mean `name`?"},
      {".steps.a.output.x", "w.yaml:1:1: `.steps.a` has no `output`; did you mean `outputs`?"},
      {".steps[\"a\"].outputs.x[0].y", ""},
      {".steps[] | .stat", "w.yaml:1:12: `.steps[]` has no `stat`; did you mean `state`?"},
      {".steps.a.items[0].outputs", ""},
      {".steps.a.outputs[] | .x", ""},
      {"[.steps[]] | map(.what)", ""},
      {"now | in_zone(\"Asia/Shangai\")",
       "w.yaml:1:15: unknown time zone 'Asia/Shangai'; did you mean 'Asia/Shanghai'?"},
      {"now | in_zone(.vars.zone)", ""},
      {".event | to_entries | map(.key)", ""},
      {".event | del(.x) | .y", ""},
      {".event + {x: 1} | .x", ""},
      {".event.x = 1 | .event.x", ""},
      {"(.event.release // {}) | .x", ""},
      {"(.event.release // {}).x", ""},
      {".event.release as $r | $r.verison", ""},
      {".event.phase | if . == \"Failed\" then \"x\" else .y end", ""},
      {"if .event.name then . else .vars end | .x", ""},
      {".event.name | in(.vars)", ""},
      {".event.metadata | .a, .b | .c", ""},
      {".vars.a, .event | .x", ""},
      {".event as {release: $r} | $r.x", ""},
      {".event | keys | .[0]", ""},
      {"\"é\" + .event.nam", "w.yaml:1:7: `.event` has no `nam`; did you mean `name`?"},
      {".vars.list | map(.evnt)", ""},
      {"map(.evnt)", ""},
      {"first(.evnt)", "w.yaml:1:7: `.evnt` is not known here; did you mean `.event`?"},
      {".vars.a[] |= .evnt", ""},
      {"try .vars.x catch .message", ""},
      {"reduce .vars.x[] as $i (0; . + .evnt)", ""},
      {"reduce .evnt[] as $i (0; . + $i)", "w.yaml:1:8: `.evnt` is not known here; did you mean `.event`?"},
      {".vars.x as {evnt: $event} | $event.relase", ""},
      {"def f($event): $event.relase; f(1)", ""},
      {".vars.x as [$a, {b: $c}] | .event.name + $a", ""},
      {".[.vars.key]", ""},
      {"if success then .event.name elif failure then .event.phase else .event.hook end", ""},
  };
  for (const Case& c : cases) {
    Problems problems;
    check_names({c.text, {"w.yaml", 1, 1}}, Where::kStep, problems);
    EXPECT_EQ(shown(problems), c.problem) << c.text;
  }
}

// Expressions as people write them: nothing is to be found in any of them.
TEST(CheckNames, NoFalseAlarms) {
  const char* fine[] = {
      ".event.metadata.environment == \"production\"",
      "(.event.metadata.environment // \"dev\") | ascii_downcase | test(\"^prod\")",
      ".event.release.version.new | semver.key > ($event.release.version.old | semver.key)",
      "[.event.release.images[] | select(.old != .new) | \"\\(.container): \\(.old // \"-\") → \\(.new)\"] | "
      "join(\"\\n\")",
      ".event.release.analysis.metrics | map(select(.last > .threshold)) | map(.name) | join(\", \")",
      ".event.release.analysis.metrics[] | {name, last} | tojson",
      "(.event.release.images // [])[0].digest",
      ".event.release.images | sort_by(.container) | .[0].new",
      ".event.release.resources | group_by(.kind) | map({kind: .[0].kind, n: length})",
      ".event.release.workload.labels[\"app.kubernetes.io/version\"] // .event.release.version.new",
      ".data.services[.event.name].owner // \"nobody\"",
      "$data.services[$event.name] as $s | {owner: $s.owner, tier: $s.tier}",
      ".event.payload.commits | map(.message) | issue_keys",
      ".event.payload | .. | strings | select(test(\"PROJ-\"))",
      "[.event.payload.issues[]? | .key | select(startswith(\"PROJ\"))]",
      "with_entries(select(.value != null))",
      "{project: .event.metadata.project, name: \"\\(.event.name) \\(.event.release.version.new)\"} | "
      "with_entries(select(.value != null))",
      ".steps.version.outputs.name",
      "[.steps.deploy.items[] | select(.state == \"failed\")] | length > 0",
      ".steps | to_entries | map(select(.value.state == \"failed\")) | map(.key) | join(\", \")",
      ".steps.deploy.outputs | map(.id)",
      "reduce .event.release.images[] as $i ({}; .[$i.container] = $i.new)",
      "[.event.release.images[] as {container: $c, new: $n} | {($c): $n}] | add",
      ".event.release.durationSeconds | duration",
      ".event.release.finishedAt | time(.) | in_zone(\"Asia/Shanghai\") | .hour >= 18",
      "time($event.receivedAt) | in_window(\"freeze\") | not",
      "in_window(\"freeze\") | not",
      ".event.receivedAt | fromdateiso8601 | strftime(\"%Y\")",
      "if .event.outcome == \"promoted\" then .event.release.version.new elif failure then .failure.reason "
      "else null end",
      "try (.event.payload.number | tonumber) catch 0",
      ".failure.message | .[0:200]",
      "$failure.step + \": \" + $failure.reason",
      "$step.links.approve",
      ".run.url // \"\"",
      ".response.body.errors[0].message // .response.text",
      ".response.headers[\"x-request-id\"]",
      ".response.status == 409 or (.response.body | if type == \"object\" then .error else null end) == "
      "\"x\"",
      ".requests.create.response.body.id",
      "first((.requests.versions.response.body[] | select(.name == $with.name)), "
      ".requests.create.response.body) | .id",
      ".requests | to_entries[] | select(.value != null) | .key",
      ".item.name + (.item.tags | join(\",\"))",
      "def major: semver.major; (.event.release.version.new | major) > (.event.release.version.old | major)",
      ".event | {name, namespace, phase} | tojson | sha256",
      ".event | .metadata + .canary.labels | keys",
      ".event.canary.labels | has(\"team\") and .team == \"payments\"",
      ".event.metadata | select(.env == \"prod\") | .url",
      "[limit(3; .event.release.images[])] | .[0].new",
      ".event.release.revision | \"\\(.old[0:7])..\\(.new[0:7])\"",
      ".event.release.previous.id != null",
      ".event.release.config.changed | length > 0 and any(.kind == \"Secret\")",
      ".event.release.config.changed[] | .kind",
      ".event.name as $n | .vars.names | index($n) != null",
      ".event.name | IN(\"a\", \"b\")",
      "[paths(type == \"string\")] | length",
      ".event.phase == (\"Succeeded\", \"Failed\") | not",
      "label $out | .event.release.images[] | if .old == .new then ., break $out else . end",
      "[.event.release.images[].new, .event.release.version.new] | unique",
      "@text \"\\(.event.name)\" | @uri",
      ".event.release?.version?.new?",
      ".[\"event\"][\"metadata\"][\"a b\"]",
      "$__c | .x",
      ".event.metadata as $m | [\"a\", \"b\"] | map($m[.])",
      ".vars.list | .[] |= .name",
      ".event.metadata.tags | split(\",\") | map(ltrimstr(\" \")) | .[]",
  };
  for (const char* text : fine) {
    Problems problems;
    check_names({text, {"w.yaml", 1, 1}}, Where::kStep, problems);
    if (!problems.empty()) {  // then it is a connector's
      problems.clear();
      check_names({text, {"w.yaml", 1, 1}}, Where::kUpdateAnswer, problems);
    }
    EXPECT_EQ(shown(problems), "") << text;
  }
}

TEST(CheckCalendars, Table) {
  struct Case {
    const char* text;
    const char* problem;
  };
  const Case cases[] = {
      {"in_window(\"freze\") | not", "w.yaml:1:11: there is no calendar `freze`; did you mean `freeze`?"},
      {"in_window(\"freeze\") or in_window(\"x\")",
       "w.yaml:1:34: there is no calendar `x`; there are freeze night"},
      {"in_window(.vars.calendar) or in_window(\"nig\" + \"ht\")", ""},
      {".in_window(\"freze\")", ""},
      {"\"\\(in_window(\"night\"))\"", ""},
  };
  for (const Case& c : cases) {
    Problems problems;
    check_calendars({c.text, {"w.yaml", 1, 1}}, {"freeze", "night"}, problems);
    EXPECT_EQ(shown(problems), c.problem) << c.text;
  }
  Problems problems;
  check_calendars({"in_window(\"freeze\")", {"w.yaml", 1, 1}}, {}, problems);
  EXPECT_EQ(shown(problems),
            "w.yaml:1:11: there is no calendar `freeze`; `calendars` in the configuration makes them");
}

TEST(PathsOf, Table) {
  const json::value context = *parse_json(
      R"({"event":{"name":"podinfo","metadata":{"environment":"prod","a b":1},"release":{"images":[{"new":"2"}]}},"vars":{"x":[15]}})");
  struct Case {
    const char* text;
    const char* seen;  // path=value …
  };
  const Case cases[] = {
      {".event.metadata.environment == \"production\"", ".event.metadata.environment=\"prod\""},
      {"$vars.x[0] > 1 and .event.name != $event.name",
       "$vars.x[0]=15 .event.name=\"podinfo\" $event.name=\"podinfo\""},
      {".event.release.images[] | .new", ".event.release.images=[{\"new\":\"2\"}]"},
      {".event.release.images[0].new", ".event.release.images[0].new=\"2\""},
      {".event.metadata[\"a b\"]", ".event.metadata[\"a b\"]=1"},
      {".vars[.event.name]", ".vars={\"x\":[15]} .event.name=\"podinfo\""},
      {".event.nothing.at[7].all", ".event.nothing.at[7].all=null"},
      {".event | select(.name == \"x\") | .phase",
       ".event={\"name\":\"podinfo\",\"metadata\":{\"environment\":\"prod\",\"a "
       "b\":1},\"release\":{\"images\":[{\"new\":\"2\"}]}} .event.name=\"podinfo\""},
      {".event.name == \"a\" or .event.name == \"b\"", ".event.name=\"podinfo\""},
      {"now > 3", ""},
      {"in_window(.vars.x[0])", ".vars.x[0]=15"},
  };
  for (const Case& c : cases) {
    std::string seen;
    for (const std::string& path : paths_of({c.text, {}}))
      seen += (seen.empty() ? "" : " ") + path + "=" + postlude::to_text(value_at(context, path));
    EXPECT_EQ(seen, c.seen) << c.text;
  }
}

// The evaluator's test runs each example of the page; here they pass what `check` asks.
TEST(Documented, ExamplesPassTheChecks) {
  std::ifstream file(source_path("docs/expressions.md"));
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  std::size_t count = 0;
  bool inside = false;
  for (const std::string_view line : split(page, '\n')) {
    if (line.starts_with("```")) {
      inside = line == "```jq";
    } else if (inside && !line.empty() && !line.starts_with("# ")) {
      ++count;
      Problems problems;
      const auto expression = read_bare(scalar(std::string(line)), problems);
      if (expression) check_names(*expression, Where::kStep, problems);
      if (line.find("Shangai") != std::string_view::npos) problems.clear();  // the page shows this very fault
      EXPECT_EQ(shown(problems), "") << line;
    }
  }
  EXPECT_GE(count, 35U);

  const std::string begin = "```yaml\ncalendars:\n";
  const std::size_t at = page.find(begin) + begin.size();
  Problems problems;
  const auto node = read_yaml(page.substr(at, page.find("```", at) - at), "page", problems);
  ASSERT_TRUE(node);
  EXPECT_EQ(
      postlude::to_text(to_json(read_calendars(*node, problems))),
      R"({"freeze":{"timezone":"Asia/Shanghai","windows":[{"days":["fri"],"from":"18:00","to":"24:00"},)"
      R"({"from":"2027-02-05","to":"2027-02-15"}]}})");
  EXPECT_EQ(shown(problems), "");
}

}  // namespace
}  // namespace postlude::lang
