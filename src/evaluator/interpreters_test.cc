// The interpreters beside the children's: the same values, on the spot.

#include <gtest/gtest.h>

#include "evaluator/bench_test.h"
#include "evaluator/blocking.h"
#include "evaluator/in_process.h"
#include "rt/virtual_clock.h"

namespace postlude::evaluator {
namespace {

constexpr const char* kContext =
    R"({"event":{"name":"podinfo","tags":["a","b"]},"status":"success","vars":{"n":3}})";
const std::vector<std::string> kExpressions{".event.tags | length", "$vars.n + 1", "now",
                                            "\"abc\" | sha256",     "success",     ".event.tags[]",
                                            "error(\"told so\")",   ".a ==",       "nope(1)"};
const std::vector<std::string> kTexts{
    "2",
    "4",
    "1700000000.25",
    "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
    "true",
    "invalid: yielded several values; write first(…) for one or […] for a list of all",
    "invalid: told so",
    "invalid: syntax error: the expression is not finished",
    "invalid: nope/1 is not defined"};

rt::Task<> ask(Interpreter* interpreter, std::vector<std::string>* texts,
               std::vector<std::string>* complaints, Duration pause) {
  interpreter->announce(kExpressions);
  AWAIT(const Values values, interpreter->evaluate(kExpressions, kContext, 1700000000.25));
  for (const auto& value : values)
    texts->push_back(Bench::text(value));
  AWAIT_DONE(rt::sleep_for(pause));
  AWAIT(const auto messages, interpreter->check(kExpressions));
  if (messages) *complaints = *messages;
}

// In virtual time, in which neither takes any.
void try_out(Interpreter& interpreter) {
  for (int life = 0; life < 2; ++life) {
    rt::VirtualClock clock(instant(0), 1);
    rt::Loop loop(clock);
    rt::Group group(loop, "test");
    std::vector<std::string> texts;
    std::vector<std::string> complaints;
    const Duration begun = rt::steady_now();
    group.start(ask(&interpreter, &texts, &complaints, std::chrono::hours(1)));
    EXPECT_TRUE(loop.run_virtual(begun + std::chrono::hours(2), [&] { return group.size() == 0; }));
    EXPECT_EQ(rt::steady_now() - begun, std::chrono::hours(1));
    EXPECT_EQ(texts, kTexts);
    ASSERT_EQ(complaints.size(), kExpressions.size());
    for (std::size_t i = 0; i < complaints.size(); ++i)
      EXPECT_EQ(complaints[i], i < 7 ? "" : kTexts[i].substr(9)) << kExpressions[i];
  }
}

TEST(InProcess, YieldsWhatTheChildrenYield) {
  InProcess interpreter(test_options().prelude);
  try_out(interpreter);
}

TEST(InProcess, RefusesAContextThatIsNone) {
  InProcess interpreter(test_options().prelude);
  rt::VirtualClock clock(instant(0), 1);
  rt::Loop loop(clock);
  rt::Group group(loop, "test");
  Values values;
  const auto asking = [](Interpreter* i, Values* into) -> rt::Task<> {
    AWAIT(*into, i->evaluate({".a | length", "1 | floor"}, "[1]", 0));
  };
  group.start(asking(&interpreter, &values));
  loop.run_virtual(rt::steady_now(), nullptr);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(Bench::text(values[0]), "invalid: its context is no JSON object");
  EXPECT_EQ(Bench::text(values[1]), "invalid: its context is no JSON object");
}

TEST(Blocking, HoldsVirtualTimeWhileTheChildrenWork) {
  Options options = test_options();
  options.children = 1;
  Blocking interpreter(options);
  try_out(interpreter);
}

TEST(Blocking, WorksInRealTimeAsWell) {
  Blocking interpreter(test_options());
  rt::Loop loop;
  rt::Group group(loop, "test");
  std::vector<std::string> texts;
  std::vector<std::string> complaints;
  const auto asking = [](Interpreter* i, std::vector<std::string>* t, std::vector<std::string>* c,
                         rt::Loop* l) -> rt::Task<> {
    AWAIT_DONE(ask(i, t, c, Duration(0)));
    l->stop();
  };
  group.start(asking(&interpreter, &texts, &complaints, &loop));
  loop.run();
  group.abandon();
  EXPECT_EQ(texts, kTexts);
}

}  // namespace
}  // namespace postlude::evaluator
