#include "evaluator/evaluator.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "evaluator/bench_test.h"
#include "evaluator/child.h"
#include "lib/source_folder.h"

namespace postlude::evaluator {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

}  // namespace

Options test_options() {
  Options o;
  o.command = {"/proc/self/exe", std::string(kChildWord)};
  o.standstill = std::chrono::minutes(2);  // on a busy machine an expression's CPU time takes a while
  // An edge may not link a rule; its text is read where it stands.
  std::ifstream file(source_path("src/lang/prelude.cc"));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t begin = text.find("R\"jq(") + 5;
  o.prelude = text.substr(begin, text.find(")jq\"") - begin);
  return o;
}

namespace {

constexpr const char* kContext =
    R"({"event":{"name":"podinfo","metadata":{"env":"prod"},"tags":["a","b"]},"status":"success","vars":{"n":3}})";

TEST(Evaluator, Values) {
  struct Case {
    const char* expression;
    const char* value;
  };
  const Case cases[] = {
      {".event.name", "\"podinfo\""},
      {".event.metadata", R"({"env":"prod"})"},
      {"$event.tags | length", "2"},
      {".event.tags | map(. + \"-\" + $event.name)", R"(["a-podinfo","b-podinfo"])"},
      {"$vars.n + 1", "4"},
      {"$ vars.n", "3"},
      {". as {$event} | $event.name", "\"podinfo\""},
      {"$run", "null"},
      {".missing.deeper", "null"},
      {"1.5", "1.5"},
      {"now", "1700000000.25"},
      {"now | floor | todate", "\"2023-11-14T22:13:20Z\""},
      {"success", "true"},
      {"\"abc\" | sha256", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""},
      {".event.name | glob(\"pod*\")", "true"},
      {".event.name | glob(\"x*\")", "false"},
      {"[.event.tags[] | glob(\"a\")]", "[true,false]"},
      {".a # a comment", "null"},
      {"def f(x): x * 2; f(4)", "8"},
      {"[.event.tags[] as $x | $x]", R"(["a","b"])"},
      {"9007199254740993", "9007199254740992"},  // jq 1.6 has doubles only
      {"$ENV | length", "1"},                    // an empty environment, but for TZ; lang refuses $ENV anyway
      {"\"\\u4f60\"", "\"你\""},
      {"failure, always | not",
       "invalid: yielded several values; write first(…) for one or […] for a list of all"},
      {"[failure, always]", "[false,true]"},
      {".event | success", "true"},
      {"3 | sha256", "invalid: sha256 needs text, not number; tojson makes it text"},
      {"3 | glob(\"x\")", "invalid: glob needs text, not number"},
      {"\"x\" | glob(3)", "invalid: glob(p): p must be text"},
      {"\"a/b-1\" | glob(\"a/?-[0-9]\")", "true"},
      {"\"<a & b>\" | slack_escape", "\"&lt;a &amp; b&gt;\""},
      {"\"\" | slack_escape", "\"\""},
      {"\"{a}*b*\\\\c\" | jira_wiki_escape", "\"\\\\{a\\\\}\\\\*b\\\\*&#92;c\""},
      {R"j("h1. a\n  h2. b\nbq. c\rh3.d\u2028h4. e, ah5. f" | jira_wiki_escape)j",
       R"j("h1&#46; a\n  h2&#46; b\nbq&#46; c\rh3&#46;d h4&#46; e, ah5. f")j"},
      {R"j("* a\n# b\n- c\n|| d || e |\n{code}" | jira_wiki_escape)j",
       R"j("\\* a\n\\# b\n\\- c\n\\|\\| d \\|\\| e \\|\n\\{code\\}")j"},
      {R"j("    a\n\n\tb\n  \t c\n   d\r     e\r===\r1. f" | markdown_escape)j",
       R"j(" a\n\n b\n c\n   d\r e\r\\===\r1\\. f")j"},
      {R"j("a\"b'c\\d-e\n\u0001" | jira_escape)j", R"j("a\\\"b\\'c\\\\d-e\\n\\u0001")j"},
      {R"j("<b>" | raw)j", R"j("<b>")j"},
      {"\"\" | jira_escape", "\"\""},
      {"\"[a](b) *c* `d`\" | markdown_escape", "\"\\\\[a\\\\]\\\\(b\\\\) \\\\*c\\\\* \\\\`d\\\\`\""},
      {"\"你好_\" | markdown_escape", "\"你好\\\\_\""},
      {"\"1. a 2.\\n 12. b\\n1.2.3 c\" | markdown_escape", R"("1\\. a 2.\n 12\\. b\n1.2.3 c")"},
      {"\"a=b\\n===\" | markdown_escape", R"("a=b\n\\===")"},
      {"\"a & b; &amp; &#38; &;\" | markdown_escape", R"("a & b; \\&amp; \\&\\#38; &;")"},
      {"3 | markdown_escape", "invalid: markdown_escape needs text, not number; tostring makes it text"},
      {"\"fix PROJ-12, ABC_D-3 and PROJ-12; not x-1 or A-1\" | issue_keys", "[\"PROJ-12\",\"ABC_D-3\"]"},
      {"[{m: \"A1-2\"}, {m: \"B2-3 A1-2\"}] | issue_keys", "[\"A1-2\",\"B2-3\"]"},
      {"null | issue_keys", "[]"},
      {"yielded", "invalid: yielded/0 is not defined"},
      {"empty", "invalid: yielded no value; write first(…, null) to have null then, or […] for a list"},
      {".event.tags[]", "invalid: yielded several values; write first(…) for one or […] for a list of all"},
      {".event.name.x", "invalid: Cannot index string with string \"x\""},
      {"error(\"told so\")", "invalid: told so"},
      {"error({a: 1})", "invalid: {\"a\":1}"},
      {"1, error(\"late\")", "invalid: late"},
      {"input", "invalid: break"},
      {"halt", "invalid: halted"},
      {" ", "invalid: is blank"},
      {".a ==", "invalid: syntax error: the expression is not finished"},
  };
  Bench bench;
  std::vector<std::string> expressions;
  for (const Case& c : cases)
    expressions.emplace_back(c.expression);
  const Values together = bench.evaluate(expressions, kContext, 1700000000.25);
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(Bench::text(together[i]), cases[i].value) << cases[i].expression;
    EXPECT_EQ(bench.one(cases[i].expression, kContext, 1700000000.25), cases[i].value)
        << "alone " << cases[i].expression;
  }
}

// Text that is made of null is never the one that was meant; JSON and tables have a way to write it.
TEST(Evaluator, NullIsNoText) {
  const std::string no = "invalid: null cannot stand inside text";
  const std::string hint = "; write `// \"-\"` after it where nothing is meant";
  const std::pair<const char*, std::string> cases[] = {
      {"\"a \\(.absent) b\"", no + hint},
      {"\"\\(.event.name) \\(.absent)\"", no + hint},
      {"@uri \"/x/\\(.absent)\"", no + " made by @uri" + hint},
      {"null | @uri", no + " made by @uri" + hint},
      {"null | @text", no + hint},
      {"null | @html", no + " made by @html" + hint},
      {"null | @base64", no + " made by @base64" + hint},
      {"null | @base64d", no + " made by @base64d" + hint},
      {"null | @base32", no + " made by @base32" + hint},
      {"null | @sh", no + " made by @sh" + hint},
      {"[\"a\", null] | @sh", no + " made by @sh" + hint},
      {"null | format(\"uri\")", no + " made by @uri" + hint},
      {"null | @json", "\"null\""},
      {"{a: null} | @json", R"("{\"a\":null}")"},
      {"[1, null] | @csv", "\"1,\""},
      {"[1, null] | @tsv", "\"1\\t\""},
      {"null | tojson", "\"null\""},
      {"null | tostring", "\"null\""},
      {"\"\\(.absent // \"-\")\"", "\"-\""},
      {"\"\\(false)\"", "\"false\""},
      {"false | @uri", "\"false\""},
  };
  Bench bench;
  for (const auto& [expression, value] : cases)
    EXPECT_EQ(bench.one(expression, kContext), value) << expression;
}

TEST(Evaluator, CheckNamesOnlyTheBroken) {
  Bench bench;
  std::vector<std::string> expressions;
  for (int i = 0; i < 400; ++i)
    expressions.push_back(".event.metadata.k" + std::to_string(i) + " | length");
  expressions[7] = "foo(1)";
  expressions[160] = ".a | nope(";
  expressions[161] = "\"open";
  expressions[300] = "1) else (2";
  expressions[301] = "{a: 1";
  expressions[302] = ".a\n| lenght";
  expressions[303] = "$nobody";
  expressions[304] = "";
  const auto messages = bench.check(expressions);
  ASSERT_EQ(messages.size(), expressions.size());
  std::map<int, std::string> wrong;
  for (int i = 0; i < 400; ++i) {
    const std::string& m = messages[static_cast<std::size_t>(i)];
    if (!m.empty()) wrong[i] = m;
  }
  EXPECT_EQ(wrong[7], "foo/1 is not defined");
  EXPECT_EQ(wrong[302], "lenght/0 is not defined (its line 2)");
  EXPECT_EQ(wrong[303], "$nobody is not defined");
  EXPECT_EQ(wrong[304], "is blank");
  for (const int i : {160, 161, 300, 301})
    EXPECT_TRUE(wrong.contains(i)) << i;
  EXPECT_EQ(wrong.size(), 8U);
  EXPECT_EQ(bench.one(expressions[150], R"({"event":{"metadata":{"k150":"abc"}}})"), "3");
  EXPECT_EQ(bench.one("foo(1)"), "invalid: foo/1 is not defined");
}

// House, settled 8: what kills, hangs or swells libjq.
struct Killer {
  const char* expression;
  const char* context;
  const char* message;  // a part of it
  int milliseconds = 250;
};
const Killer kKillers[] = {
    {".x | tonumber | todate", R"({"x":"99999999999999999"})", "ended its evaluator (signal 6)"},
    {".[\"x\"][1e9] = 1", "{\"x\":[]}", "needed more than 256MiB"},
    {"reduce range(1000000) as $i (null; [.]) | 1", "{}", "ended its evaluator (signal 11)", 10'000},
    {".x | gsub(\"^\"; \"-\")", R"({"x":"abc"})", "took more than 250ms"},
    {"def f: f; f", "{}", "took more than 250ms"},
    {"[limit(100000000; repeat(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" * 1000))] | length", "{}", ""},
    {"[range(1e9)] | length", "{}", ""},
    {"\"x\" * 1e9 | length", "{}", ""},
    {"\"abc\" | indices(\"\")", "{}", "took more than 250ms"},
};

TEST(Evaluator, KillersFailAlone) {
  for (const Killer& killer : kKillers) {
    Options o = test_options();
    o.time = std::chrono::milliseconds(killer.milliseconds);
    Bench bench(o);
    const Values values = bench.evaluate({"1 + 1", killer.expression, "2 + 2"}, killer.context);
    EXPECT_EQ(Bench::text(values[0]), "2") << killer.expression;
    EXPECT_EQ(Bench::text(values[2]), "4") << killer.expression;
    const std::string why = Bench::text(values[1]);
    EXPECT_FALSE(values[1]) << killer.expression;
    if (!kSanitized) {  // a sanitizer dies in its own ways
      EXPECT_NE(why.find(killer.message), std::string::npos) << killer.expression << ": " << why;
    }
    const auto stats = bench.evaluator().stats();
    EXPECT_EQ(stats.killed_time + stats.killed_memory + stats.died, 1U) << killer.expression << ": " << why;
    EXPECT_EQ(bench.one("3 + 3"), "6");
  }
}

TEST(Evaluator, MemoryIsBounded) {
#if defined(__SANITIZE_THREAD__)
  // Its shadow memory makes the child so slow that the standstill ends it first.
  GTEST_SKIP() << "not under ThreadSanitizer";
#endif
  Options o = test_options();
  o.time = std::chrono::seconds(20);
  o.memory_bytes = 64U << 20U;
  Bench bench(o);
  EXPECT_EQ(bench.one("reduce range(1e9) as $i ([]; . + [$i, \"some text that needs room\"]) | length"),
            "overloaded: needed more than 64MiB");
  EXPECT_EQ(bench.evaluator().stats().killed_memory, 1U);
  EXPECT_EQ(bench.one("[range(100000)] | length"), "100000");
}

TEST(Evaluator, OutputIsBounded) {
  Bench bench;
  EXPECT_EQ(bench.one("\"x\" * 1048576"),
            "overloaded: yielded more than 1024KiB: take only what is needed of it");
  EXPECT_EQ(bench.one("\"x\" * 1000000").size(), 1'000'002U);
}

TEST(Evaluator, SeveralKillersInOneBatch) {
  Bench bench;
  const Values values = bench.evaluate({"def f: f; f", "1", ".x | tonumber | todate", "2", "def g: g; g"},
                                       R"({"x":"99999999999999999"})");
  EXPECT_FALSE(values[0]);
  EXPECT_EQ(Bench::text(values[1]), "1");
  EXPECT_FALSE(values[2]);
  EXPECT_EQ(Bench::text(values[3]), "2");
  EXPECT_FALSE(values[4]);
}

std::vector<pid_t> children() {
  std::vector<pid_t> pids;
  DIR* dir = opendir("/proc");
  while (const dirent* entry = readdir(dir)) {
    std::ifstream file("/proc/" + std::string(entry->d_name) + "/stat");
    std::string text;
    if (!std::getline(file, text)) continue;
    std::istringstream rest(text.substr(text.rfind(')') + 2));
    char state = 0;
    pid_t parent = 0;
    rest >> state >> parent;
    if (parent == getpid() && state != 'Z') pids.push_back(static_cast<pid_t>(std::atoi(entry->d_name)));
  }
  closedir(dir);
  return pids;
}

TEST(Evaluator, StartsNoChildBeforeItIsNeeded) {
  Bench bench;
  EXPECT_EQ(children().size(), 0U);
  bench.evaluator().announce({});
  EXPECT_EQ(children().size(), 0U);
  EXPECT_EQ(bench.one("1 + 1"), "2");
  EXPECT_GE(children().size(), 1U);
  EXPECT_LE(children().size(), 2U);
}

TEST(Evaluator, ChildHasNoEnvironmentAndNoDescriptors) {
  setenv("POSTLUDE_TEST_SECRET", "s3cret", 1);
  Bench bench;
  EXPECT_EQ(bench.one("$ENV.POSTLUDE_TEST_SECRET"), "null");
  ASSERT_GE(children().size(), 1U);
  const std::string proc = "/proc/" + std::to_string(children()[0]);
  std::ifstream environment(proc + "/environ");
  std::string text((std::istreambuf_iterator<char>(environment)), {});
  EXPECT_EQ(text, "");
  std::size_t count = 0;
  DIR* dir = opendir((proc + "/fd").c_str());
  ASSERT_NE(dir, nullptr);
  while (const dirent* entry = readdir(dir))
    count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(dir);
  EXPECT_EQ(count, kSanitized ? 4U : 5U);
}

TEST(Evaluator, ChildrenKilledFromOutsideAreReplaced) {
  Bench bench;
  EXPECT_EQ(bench.one("1 + 1"), "2");
  for (const pid_t pid : children())
    kill(pid, SIGKILL);
  EXPECT_EQ(bench.one("1 + 2"), "3");
  for (const pid_t pid : children())
    kill(pid, SIGSEGV);
  EXPECT_EQ(bench.one("1 + 3"), "4");
}

TEST(Evaluator, StoppedChildIsReplacedAfterAStandstill) {
  Options o = test_options();
  o.children = 1;
  o.standstill = std::chrono::seconds(3);  // starting on a busy machine takes a while, too
  Bench bench(o);
  EXPECT_EQ(bench.one("1 + 1"), "2");
  ASSERT_EQ(children().size(), 1U);
  kill(children()[0], SIGSTOP);
  EXPECT_EQ(bench.one("1 + 2"), "3");
}

TEST(Evaluator, ACommandThatCannotStart) {
  Options o = test_options();
  o.command = {"/nonexistent/postlude"};
  Bench bench(o);
  EXPECT_EQ(bench.one("1"),
            "unavailable: cannot start an evaluator: /nonexistent/postlude: No such file or directory");
  EXPECT_EQ(bench.check({"1"})[0],
            "failed: cannot start an evaluator: /nonexistent/postlude: No such file or directory");
}

TEST(Evaluator, ACommandThatEndsAtOnce) {
  Options o = test_options();
  o.command = {"/bin/true"};
  Bench bench(o);
  EXPECT_EQ(bench.one("1"), "unavailable: an evaluator ended while it started");
}

TEST(Evaluator, BrokenContext) {
  Bench bench;
  EXPECT_EQ(bench.one("1", "[]"), "invalid: its context is no JSON object");
  EXPECT_EQ(bench.one("1", "{\"a\":").substr(0, 36), "invalid: its context cannot be read:");
  EXPECT_EQ(bench.one("1 + 1"), "2");
}

TEST(Evaluator, BigContext) {
  Bench bench;
  std::string context = R"({"event":{"payload":[0)";
  for (int i = 0; i < 200'000; ++i)
    context += ",1234567";
  context += "]}}";
  EXPECT_EQ(bench.one(".event.payload | length", context), "200001");
}

TEST(Evaluator, StopCancelsWhatWaits) {
  Options o = test_options();
  o.children = 1;
  o.time = std::chrono::seconds(10);
  Values first;
  Values second;
  {
    Bench bench(o);
    EXPECT_EQ(bench.one("1 + 1"), "2");
    bench.group().start(Bench::evaluating(&bench.evaluator(), {"def f: f; f"}, "{}", 0, &first));
    bench.group().start(Bench::evaluating(&bench.evaluator(), {"1 + 1"}, "{}", 0, &second));
    bench.run(rt::sleep_for(std::chrono::milliseconds(30)));
  }
  EXPECT_EQ(Bench::text(first.at(0)), "cancelled: shutting down");
  EXPECT_EQ(Bench::text(second.at(0)), "cancelled: shutting down");
}

TEST(Evaluator, ABoundedQueue) {
  Options o = test_options();
  o.children = 1;
  o.queue_max = 1;
  std::vector<Values> values(4);
  Bench bench(o);
  EXPECT_EQ(bench.one("1 + 1"), "2");
  for (Values& v : values)
    bench.group().start(Bench::evaluating(&bench.evaluator(), {"def f: f; f"}, "{}", 0, &v));
  bench.run(rt::sleep_for(std::chrono::milliseconds(20)));
  EXPECT_EQ(Bench::text(values[3].at(0)), "unavailable: too many evaluations are waiting");
}

// One after the other, until `enough` says so; `ended` counts them.
rt::Task<> others(Evaluator* evaluator, const bool* enough, int* ended) {
  while (!*enough) {
    std::vector<std::string> expressions = {".event.name | length"};
    std::string context = kContext;
    AWAIT(const Values values, evaluator->evaluate(std::move(expressions), std::move(context), 0));
    EXPECT_EQ(Bench::text(values.at(0)), "7");
    ++*ended;
  }
}

// Each is killed; `beside` gets how many of the others ended meanwhile.
rt::Task<> killing(Evaluator* evaluator, int kills, const int* ended, std::vector<int>* beside, bool* done) {
  for (int i = 0; i < kills; ++i) {
    const int before = *ended;
    std::vector<std::string> expressions = {"def f: f; f"};
    std::string context = "{}";
    AWAIT(const Values values, evaluator->evaluate(std::move(expressions), std::move(context), 0));
    EXPECT_FALSE(values.at(0));
    beside->push_back(*ended - before);
  }
  *done = true;
}

TEST(Evaluator, OthersGoOnWhileOneIsKilled) {
  Options o = test_options();
  o.time = std::chrono::seconds(1);
  bool done = false;
  int ended = 0;
  std::vector<int> beside;
  Bench bench(o);
  bench.group().start(killing(&bench.evaluator(), 3, &ended, &beside, &done));
  bench.run(others(&bench.evaluator(), &done, &ended));
  const auto stats = bench.evaluator().stats();
  EXPECT_EQ(stats.killed_time + stats.died, 3U);
  ASSERT_EQ(beside.size(), 3U);
  // Behind the hanging one, one or two would be through before it ends; beside it, thousands are.
  for (const int n : beside)
    EXPECT_GE(n, 20);
  std::printf("%d, %d and %d others ended while one was killed\n", beside[0], beside[1], beside[2]);
}

TEST(Evaluator, ManyExpressionsCompileInTime) {
  Bench bench;
  std::vector<std::string> expressions;
  for (int i = 0; i < 5000; ++i)
    expressions.push_back(".event.name | startswith(\"a" + std::to_string(i) + "\")");
  const Duration begin = rt::steady_now();
  const auto messages = bench.check(expressions);
  std::printf("5,000 expressions checked in %.0f ms\n",
              static_cast<double>((rt::steady_now() - begin).count()) / 1000);
  for (const std::string& m : messages)
    ASSERT_EQ(m, "");
  EXPECT_EQ(bench.one(expressions[4321], kContext), "false");
}

}  // namespace
}  // namespace postlude::evaluator

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == postlude::evaluator::kChildWord) postlude::evaluator::run_child();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
