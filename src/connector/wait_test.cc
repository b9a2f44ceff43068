// Actions that wait: what a file may say of it, and what follows from the answers.
#include <gtest/gtest.h>

#include "connector/testing.h"
#include "lang/yaml.h"

namespace postlude::connector {
namespace {

// One action that starts a build and looks at it; `wait` begins at line 10.
std::string text(const std::string& wait, const std::string& requests = "") {
  return "connector: c\nsummary: C\nauth: [none]\nactions:\n  a:\n    summary: A\n    input: {properties: "
         "{of: {}}}\n"
         "    requests:\n      [{id: start, put: /b, effect: state}, {id: build, get: /b}" +
         requests + "]\n" + wait;
}

std::string complaints_about(const std::string& yaml) {
  lang::Problems problems;
  const auto connector = Connector::read(yaml, "c.yaml", problems);
  std::string all;
  for (const lang::Problem& problem : problems)
    all += lang::to_text(problem) + "\n";
  EXPECT_EQ(connector == nullptr, !problems.empty()) << yaml;
  return all;
}

std::shared_ptr<const Action> read(const std::string& wait) {
  lang::Problems problems;
  const auto connector = Connector::read(text(wait), "c.yaml", problems);
  for (const lang::Problem& problem : problems)
    ADD_FAILURE() << lang::to_text(problem);
  return connector == nullptr ? nullptr : connector->find("a");
}

TEST(WaitTest, RefusesWhatCannotBeMeant) {
  struct Row {
    std::string yaml;
    std::string complaint;
  };
  const std::vector<Row> rows = {
      {text("    wait: {until: .requests.build.response.body.done}\n"), ""},
      {text("    wait: {until: .requests.start.request.body == .requests.build.response.body}\n"), ""},
      {text("    wait: {every: 5s}\n"), "c.yaml:10:5: 'wait' needs 'until'\n"},
      {text("    wait: {until: .requests.build.response.body.done, sucess: 'true'}\n"),
       "c.yaml:10:55: unknown key 'sucess' in 'wait'; did you mean 'success'? (every, message, success, "
       "until)\n"},
      {text("    wait: {until: .requests.biuld.response.body.done}\n"),
       "c.yaml:10:19: `until` must look at the answer of a request that reads, as in "
       "`.requests.ID.response.body`: only these are made again\n"
       "c.yaml:10:19: `.requests.biuld`: there is no request `biuld` before this one\n"},
      {text("    wait: {until: .requests.start.response.body.done}\n"),
       "c.yaml:10:19: `until` must look at the answer of a request that reads, as in "
       "`.requests.ID.response.body`: only these are made again\n"},
      {text("    wait: {until: .with.of}\n"),
       "c.yaml:10:19: `until` must look at the answer of a request that reads, as in "
       "`.requests.ID.response.body`: only these are made again\n"},
      {text("    wait: {until: .requests.build.response.body.done, success: .response.status == 200}\n"),
       "c.yaml:10:64: `.response` is the answer that `success`, `retry` and `refuse` judge; what an earlier "
       "step got is `.steps.ID.outputs`\n"},
      {text("    wait: {until: .requests.build.response.body.done, success: .with.off}\n"),
       "c.yaml:10:64: `.with.off` is not in `input`; did you mean `.with.of`?\n"},
      {text("    wait: {until: .requests.build.response.body.done, message: x}\n"),
       "c.yaml:10:64: `message` says why the job failed, so it needs `success` beside it\n"},
      {text("    wait: {until: .requests.build.response.body.done, every: 100ms}\n"),
       "c.yaml:10:62: `every` is at least 1s, not 100ms\n"},
      {text("    wait: {until: .requests.build.response.body.done, every: often}\n"),
       "c.yaml:10:62: 'every': 'often' is not a duration; write 30s, 5m, 24h, 30d or 1h30m\n"},
      {text(
           "    wait: {until: .requests.build.response.body.done}\n    update: [{put: /c, effect: state}]\n"),
       "c.yaml:10:11: an action with `update` cannot wait: `until` looks at its requests, and an update "
       "makes others\n"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(complaints_about(row.yaml), row.complaint) << row.yaml;
}

TEST(WaitTest, SaysWhetherItIsOverAndHowItEnded) {
  const auto action = read(
      "    wait:\n      every: 30s\n      until: .requests.build.response.body.done\n"
      "      success: .requests.build.response.body.result == \"passed\"\n"
      "      message: 'build ${{ .requests.build.response.body.number }}'\n");
  ASSERT_NE(action, nullptr);
  const Waiting* waiting = action->waiting();
  ASSERT_NE(waiting, nullptr);
  EXPECT_EQ(waiting->every(), std::chrono::seconds(30));
  EXPECT_TRUE(waiting->may_fail());
  EXPECT_EQ(action->expressions().size(), 3U) << "all are announced";
  struct Row {
    const char* build;
    const char* seen;
  };
  const std::vector<Row> rows = {
      {R"({"done": false})", "not yet"},
      {R"({"done": true, "result": "passed"})", "succeeded"},
      {R"({"done": true, "result": "failed", "number": 7})", "failed: build 7"},
      {R"({"done": true, "result": "failed"})",
       "failed: `.requests.build.response.body.result == \"passed\"` is false"},
      {R"({"done": "yes"})",
       ".requests.build.response.body.done: must yield true or false, not \"yes\" (c.yaml:12:14)"},
  };
  for (const Row& row : rows) {
    json::object context;
    context["requests"] = json::object{{"build", {{"response", {{"body", json::parse(row.build)}}}}}};
    const auto seen = waiting->judge(testing::evaluate(waiting->asks(), context), {});
    const std::string said = !seen                                          ? seen.error().message
                             : seen->state == Waiting::JobState::kRunning   ? "not yet"
                             : seen->state == Waiting::JobState::kSucceeded ? "succeeded"
                                                                            : "failed: " + seen->why;
    EXPECT_EQ(said, row.seen) << row.build;
  }
}

TEST(WaitTest, WhatTheFileSaysIsMaskedBeforeItIsShortened) {
  const auto action = read(
      "    wait:\n      until: .requests.build.response.body.done\n      success: .with.of == \"\"\n"
      "      message: 'build ${{ .requests.build.response.body.number }}'\n");
  ASSERT_NE(action, nullptr);
  Masker masker;
  masker.add("plainSecretValue77Abcdefgh12345");
  json::object context;
  context["with"] = json::object{{"of", "x"}};
  const json::object body{{"done", true}, {"number", "plainSecretVa=\r\nlue77Abcdefgh12345"}};
  context["requests"] = json::object{{"build", {{"response", {{"body", body}}}}}};
  const auto seen = action->waiting()->judge(testing::evaluate(action->waiting()->asks(), context), masker);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->why, "build ***");
}

TEST(WaitTest, WithoutSuccessAnyEndIsSuccess) {
  const auto action = read("    wait: {until: .requests.build.response.body.done}\n");
  ASSERT_NE(action, nullptr);
  EXPECT_EQ(action->waiting()->every(), std::chrono::seconds(10));
  EXPECT_FALSE(action->waiting()->may_fail());
  json::object context;
  context["requests"] = json::object{{"build", {{"response", {{"body", {{"done", true}}}}}}}};
  const auto seen = action->waiting()->judge(testing::evaluate(action->waiting()->asks(), context), {});
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->state, Waiting::JobState::kSucceeded);
}

}  // namespace
}  // namespace postlude::connector
