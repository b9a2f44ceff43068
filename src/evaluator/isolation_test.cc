// No expression can tell which ones ran before it in the same program, and none reaches beyond its child.

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "evaluator/bench_test.h"
#include "evaluator/fence.h"

namespace postlude::evaluator {
namespace {

constexpr const char* kContext =
    R"({"event":{"name":"podinfo","metadata":{"a":{"b":[1,2,{"c":null}]}}},"vars":{"n":3,"list":[3,1,2]}})";

// What leaves something behind, in jq, where it is left off: generators inside paths, errors and breaks on
// the way out of them, several values, none, natives' answers that nobody takes. (jq numbers its labels
// through the life of a program; whoever forges such a number, as error({__jq: 7}), breaks out of its own
// expression.)
const std::vector<std::string> kPrograms{
    "paths",
    "path(..)",
    "path(.event.metadata | .. )",
    "[paths]",
    "first(paths)",
    "path(.event.metadata.a.b[])",
    "path(.event.metadata | if .a then .a, .a.b else empty end)",
    "[path(first(.event.metadata.a.b[]))]",
    "path(.vars.list[] | select(. > 5))",
    "path(.event.metadata.a.b[2].c.d.e)",
    "path(.event.name | error(\"inside\"))",
    "path(..) | error(\"behind\")",
    "path(.. | error(\"between\"))",
    "path(.vars | ., error(\"second\"))",
    "[path(try error(\"x\") catch .)]",
    "path(try (.vars, error(\"y\")) catch empty)",
    "path(1)",
    "path(.event.name | ascii_downcase)",
    "path(.vars | path(.list[]))",
    "[path(.vars | getpath([\"list\", 0]))]",
    "path(getpath([\"event\", \"name\", \"x\"]))",
    "path(limit(1; .vars.list[]))",
    "path(limit(2; ..))",
    "path(label $out | .vars, break $out)",
    "label $out | path(.vars.list[]) | ., break $out",
    "label $out | 1, 2, break $out, 3",
    "label $a | label $b | (1, break $a), 2",
    "paths(type == \"number\")",
    "leaf_paths",
    "to_entries[] | path(.value[]?)",
    "del(.vars.list[0, 1])",
    "del(..)",
    ".vars.list |= map(. + 1)",
    ".vars.list[] |= empty",
    ".vars.list[] |= error(\"in an update\")",
    "(.vars.list[], .event.name) = 1",
    "delpaths([paths])",
    "[paths(..)] | length",
    "limit(0; 1, 2)",
    "limit(3; repeat(1))",
    "first(range(10; 0; -1))",
    "first(empty)",
    "until(. == null; null)",
    "reduce .vars.list[] as $x (0; . + $x)",
    "reduce (1, error(\"in reduce\")) as $x (0; . + $x)",
    "reduce path(..) as $p ([]; . + [$p])",
    "foreach .vars.list[] as $x (0; . + $x; ., .)",
    "foreach (1, 2, 3) as $x (0; if $x == 2 then error(\"in foreach\") else . + $x end)",
    "path(foreach .vars.list[] as $x (.; .vars; .list))",
    "recurse(.[]?; true)",
    "[recurse(if . < 3 then . + 1 else empty end)?]",
    ".. |= .",
    "env | length",
    "null | ltrimstr(\"x\")",
    "[null, 1, \"xa\"] | map(ltrimstr(\"x\"))",
    ".event.name | ltrimstr(1)",
    "error",
    "error(null)",
    "error({a: 1})",
    "try error(\"caught\") catch .",
    ". as [$a] ?// {$event} | $event.name",
    ".[] as [$a] ?// $a | if ($a | type) == \"object\" then error(\"z\") else $a end",
    "(.a?, .vars.n)",
    ".event.name[\"x\"]",
    "[.event.name[\"x\"]?]",
    "input",
    "try input catch .",
    "[\"\\u0001semver\", \"1.2.3\"] | debug",
    "\"1.2.3\" | semver | .major",
    "\"no\" | semver",
    "\"@sh \\(.event)\"",
    "@json \"\\(paths)\"",
    "def f(g): path(g); f(.vars.list[])",
    "def f: def g: 3; g; f",
    "[splits(\"a\"; \"b\")]",
    ".event.name | test(\"(\")",
    ".event.name | [match(\"o\"; \"g\").offset]",
    "input_line_number",
    "$vars.n",
    "$event | path(.metadata[])",
    ".event.name",
    "1",
    "null",
    "empty",
    "[limit(3; .vars.list[])] | sort",
    "now",
    "tojson | fromjson | .vars.n",
    "getpath([\"vars\", \"list\", 1])",
    "[getpath([\"vars\", \"n\", 1])?]",
    "any(.vars.list[]; . == 3)",
    "all(paths; length > 0)",
    "isvalid(error(\"q\"))",
    "splits(1)",
    "walk(if type == \"number\" then . + 1 else . end) | .vars.n",
    "$vars.list | combinations?",
    "[[1, 2], [3, 4]] | combinations",
    "input_filename",
    "ltrimstr(\"p\", \"q\")",
    "[.[] | tostream] | length",
    "fromstream(tostream) | .vars.n",
    "truncate_stream(1; .event | tostream)",
    "getpath(paths)",
    "limit(1; path(..), error(\"never\"))",
};

std::vector<std::string> texts(const Values& values) {
  std::vector<std::string> out;
  for (const auto& value : values)
    out.push_back(Bench::text(value));
  return out;
}

TEST(Isolation, EachYieldsTheSameWhateverRanBefore) {
  // Each the first to run in a program of its own.
  std::vector<std::string> alone;
  {
    Options options = test_options();
    options.children = 1;
    Bench bench(options);
    for (const std::string& program : kPrograms)
      alone.push_back(bench.one(program, kContext, 1'700'000'000));
  }
  // All of them in one program, each behind each other.
  Options options = test_options();
  options.children = 1;
  Bench bench(options);
  bench.check(kPrograms);
  for (std::size_t a = 0; a < kPrograms.size(); ++a) {
    std::vector<std::string> batch;
    std::vector<std::size_t> which;
    for (std::size_t b = 0; b < kPrograms.size(); ++b) {
      batch.insert(batch.end(), {kPrograms[a], kPrograms[b]});
      which.insert(which.end(), {a, b});
    }
    const auto got = texts(bench.evaluate(batch, kContext, 1'700'000'000));
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i], alone[which[i]]) << kPrograms[which[i]] << "\n  after " << kPrograms[which[i - 1]];
    }
  }
  EXPECT_EQ(bench.evaluator().stats().died, 0U);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// In a process of its own: the first of these that was not refused, 0 for none, 100 where there is no fence.
int what_passes_the_fence() {
  const std::string missing = raise_fence();
  if (!missing.empty()) return 100;
  const auto refused = [](long result) { return result < 0 && (errno == EPERM || errno == EACCES); };
  if (!refused(socket(AF_INET, SOCK_STREAM, 0))) return 1;
  if (!refused(socket(AF_UNIX, SOCK_STREAM, 0))) return 2;
  if (!refused(open("/etc/passwd", O_RDONLY | O_CLOEXEC))) return 3;
  if (!refused(open("/proc/self/environ", O_RDONLY | O_CLOEXEC))) return 4;
  if (!refused(open("/dev/null", O_WRONLY | O_CLOEXEC))) return 5;
  if (!refused(open("new.file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600))) return 6;
  char* const none[] = {nullptr};
  if (!refused(execve("/bin/true", none, none))) return 7;
  if (!refused(fork())) return 8;
  if (!refused(kill(getppid(), 0))) return 9;
  if (!refused(unlink("new.file"))) return 10;
  if (!refused(dup(0))) return 11;
  const int zone = open("/usr/share/zoneinfo/Asia/Shanghai", O_RDONLY | O_CLOEXEC);
  if (zone < 0) return 12;
  return 0;
}

TEST(Isolation, TheFenceLetsOnlyMemoryTimeAndZonesThrough) {
  const pid_t child = fork();
  if (child == 0) _exit(what_passes_the_fence());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == 100) GTEST_SKIP() << "this kernel has no seccomp or no landlock";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

#endif

TEST(Isolation, AChildDoesAllItHasToBehindItsFence) {
  Bench bench;
  EXPECT_EQ(bench.one("0 | in_zone(\"America/St_Johns\").time"), "\"20:30:00\"");
  EXPECT_EQ(bench.one("0 | in_zone(\"Europe/Nowhere\")").substr(0, 9), "invalid: ");
  EXPECT_EQ(bench.one("[range(100000)] | length"), "100000");
  EXPECT_EQ(bench.one("0 | strftime(\"%A %Y %Z\")"), "\"Thursday 1970 UTC\"");
  EXPECT_EQ(bench.one("0 | localtime | mktime"), "0");
  EXPECT_EQ(bench.evaluator().stats().died, 0U);
}

}  // namespace
}  // namespace postlude::evaluator
