#include "engine/workflow.h"

#include <gtest/gtest.h>

#include "lang/yaml.h"

namespace postlude::engine {
namespace {

std::shared_ptr<const Workflow> read(const std::string& yaml, std::string* first_problem = nullptr) {
  lang::Problems problems;
  const auto node = lang::read_yaml(yaml, "w.yaml", problems);
  if (!node) return nullptr;
  auto workflow = Workflow::read("w", *node, problems);
  if (first_problem != nullptr) *first_problem = problems.empty() ? "" : lang::to_text(problems.front());
  return workflow;
}

constexpr const char* kWhole = R"(on:
  - {source: flagger, phase: Succeeded, namespace: "prod-*", metadata: {environment: production}}
  - {hook: "*", name: shop}
if: .event.metadata.environment == "production"
maxAge: 2h
timeout: 30m
vars: {title: "${{ .event.name }}!"}
steps:
  - id: version
    uses: jira/release-version
    with: {project: PROJ, name: "${{ .vars.title }}"}
    retry: {attempts: 3, backoff: {initial: 2s, factor: 3, max: 1m}, for: 10m}
    timeout: 5s
  - uses: wait
    with: {for: 10m}
  - uses: slack/message
    name: tell people
    if: failure
    onUnclear: hold
  - uses: slack/message
)";

TEST(Workflow, IsReadWhole) {
  std::string problem;
  const auto workflow = read(kWhole, &problem);
  ASSERT_NE(workflow, nullptr) << problem;
  EXPECT_EQ(workflow->max_age, std::chrono::hours(2));
  EXPECT_EQ(workflow->timeout, std::chrono::minutes(30));
  ASSERT_EQ(workflow->steps.size(), 4U);
  const StepDefinition& version = workflow->steps[0];
  EXPECT_EQ(version.target, "jira");
  EXPECT_EQ(version.action, "release-version");
  EXPECT_EQ(version.key_part, "version");
  EXPECT_EQ(version.retry.attempts, 3U);
  EXPECT_EQ(version.retry.initial, std::chrono::seconds(2));
  EXPECT_EQ(version.retry.max, std::chrono::minutes(1));
  EXPECT_EQ(version.retry.within, std::chrono::minutes(10));
  EXPECT_DOUBLE_EQ(version.retry.factor, 3);
  EXPECT_EQ(version.timeout, std::chrono::seconds(5));
  EXPECT_FALSE(version.after_failure);
  EXPECT_EQ(workflow->steps[1].target, "");
  EXPECT_TRUE(workflow->steps[2].after_failure);
  EXPECT_EQ(workflow->steps[2].title, "tell people");
  EXPECT_EQ(workflow->steps[2].on_unclear, OnUnclear::kHold);
  EXPECT_EQ(workflow->steps[2].key_part, "slack/message#1");
  EXPECT_EQ(workflow->steps[3].key_part, "slack/message#2");
}

TEST(Workflow, SaysWhyAnEventIsNotMeant) {
  const auto workflow = read(kWhole);
  ASSERT_NE(workflow, nullptr);
  Event event;
  event.source = "flagger";
  event.hook = "post-rollout";
  event.name_space = "prod-eu";
  event.name = "checkout";
  event.phase = "Succeeded";
  event.metadata = R"({"environment":"production"})";
  EXPECT_EQ(workflow->mismatch(facts_of(event)), "");
  event.phase = "Failed";
  EXPECT_EQ(workflow->mismatch(facts_of(event)),
            "on[0]: phase is Failed, wanted Succeeded; on[1]: name is checkout, wanted shop");
  event.name = "shop";
  event.hook = "event";
  EXPECT_EQ(workflow->mismatch(facts_of(event)), "");
}

// A list matches if some positive glob does, or there is none, and no `!glob` does; in whatever order.
TEST(Workflow, GlobsThatExclude) {
  struct Case {
    const char* pattern;
    const char* why;  // "": it matches
  };
  const Case cases[] = {
      {"namespace: ['prod-*', '!prod-us']", ""},
      {"namespace: ['!prod-us', 'prod-*']", ""},
      {"namespace: ['!prod-eu', 'prod-*']", "namespace is prod-eu, wanted prod-* but not prod-eu"},
      {"namespace: ['prod-*', '!*-eu']", "namespace is prod-eu, wanted prod-* but not *-eu"},
      {"namespace: '!kube-*'", ""},
      {"namespace: '!prod-*'", "namespace is prod-eu, wanted any but not prod-*"},
      {"namespace: ['!kube-*', '!prod-*']", "namespace is prod-eu, wanted any but not kube-* or prod-*"},
      {"phase: '!Failed'", ""},
      {"metadata: {environment: '!staging'}", ""},
      {"metadata: {environment: '!production'}",
       "metadata.environment is production, wanted any but not production"},
      {"metadata: {absent: '!production'}", "metadata.absent is missing, wanted any but not production"},
      {"cluster: '!eu'", "cluster is empty, wanted any but not eu"},  // nobody knows which it is
      {"kind: '!back'", "kind is not known, wanted any but not back"},
      {"name: '!check*', namespace: 'prod-*'", "name is checkout, wanted any but not check*"},
  };
  Event event;
  event.source = "flagger";
  event.hook = "post-rollout";
  event.name_space = "prod-eu";
  event.name = "checkout";
  event.phase = "Succeeded";
  event.metadata = R"({"environment":"production"})";
  for (const Case& c : cases) {
    const auto workflow =
        read("on: {" + std::string(c.pattern) + "}\nsteps: [{uses: wait, with: {for: 1s}}]\n");
    ASSERT_NE(workflow, nullptr) << c.pattern;
    EXPECT_EQ(workflow->mismatch(facts_of(event)), c.why) << c.pattern;
  }
}

TEST(Workflow, WithoutAHookItIsTheDefaultHook) {
  const auto workflow = read("on: {source: flagger}\nsteps: [{uses: wait, with: {for: 1s}}]\n");
  ASSERT_NE(workflow, nullptr);
  Event event;
  event.source = "flagger";
  event.hook = "pre-rollout";
  EXPECT_EQ(workflow->mismatch(facts_of(event)), "hook is pre-rollout, wanted post-rollout");
}

TEST(Workflow, ReadsHowAStepWaits) {
  const auto workflow =
      read("on: {}\nsteps: [{uses: a/b, wait: {timeout: 40m, every: 30s}, expect: any}, {uses: a/b}]\n");
  ASSERT_NE(workflow, nullptr);
  EXPECT_EQ(workflow->steps[0].wait.timeout, std::chrono::minutes(40));
  EXPECT_EQ(workflow->steps[0].wait.every, std::chrono::seconds(30));
  EXPECT_TRUE(workflow->steps[0].any_result);
  ASSERT_EQ(workflow->steps[0].waiting_keys.size(), 2U);
  EXPECT_EQ(workflow->steps[1].wait.timeout, std::nullopt);
  EXPECT_FALSE(workflow->steps[1].any_result);
  EXPECT_TRUE(workflow->steps[1].waiting_keys.empty());
}

TEST(Workflow, WithoutAHookOurOwnEventsAreMeantByAny) {
  const auto why = [](const std::string& source, const char* from, const char* hook) {
    const auto workflow = read("on: {source: " + source + "}\nsteps: [{uses: wait, with: {for: 1s}}]\n");
    Event event;
    event.source = from;
    event.hook = hook;
    return workflow == nullptr ? "none" : workflow->mismatch(facts_of(event));
  };
  for (const char* source : {"postlude", "[postlude]", "[flagger, postlude]", "[postlude, flagger]"})
    EXPECT_EQ(why(source, "postlude", "run-failed"), "") << source;
  for (const char* source : {"[flagger, postlude]", "[postlude, flagger]", "[flagger, other]"}) {
    EXPECT_EQ(why(source, "flagger", "post-rollout"), "") << source;
    EXPECT_NE(why(source, "flagger", "pre-rollout"), "") << source;
    EXPECT_NE(why(source, "another", "post-rollout"), "") << source;
  }
  EXPECT_NE(why("[flagger, other]", "postlude", "run-failed"), "");
}

TEST(Workflow, IsTheSameFromWhatItWasPinnedTo) {
  const auto workflow = read(kWhole);
  ASSERT_NE(workflow, nullptr);
  const auto again = Workflow::parse("w", workflow->pinned);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ((*again)->pinned, workflow->pinned);
  ASSERT_EQ((*again)->steps.size(), workflow->steps.size());
  for (std::size_t i = 0; i < workflow->steps.size(); ++i) {
    EXPECT_EQ((*again)->steps[i].key_part, workflow->steps[i].key_part);
    EXPECT_EQ((*again)->steps[i].place.line, workflow->steps[i].place.line);
  }
  ASSERT_TRUE((*again)->condition.has_value());
  EXPECT_EQ((*again)->condition->place.line, 4);
}

TEST(Workflow, RefusesWhatCannotRun) {
  struct Row {
    const char* yaml;
    const char* problem;
  };
  const std::vector<Row> rows{
      {"on: {}\nsteps: [{uses: jira}]\n",
       "w.yaml:2:16: 'jira' is not an action; write TARGET/ACTION, say jira/release-version, or one of wait, "
       "approval, callback, assert, set, team/notify"},
      {"on: {}\nsteps: [{uses: gate/open}]\n",
       "w.yaml:2:16: 'gate/open' is not built yet in this version of Postlude: remove the step"},
      {"on: {}\nsteps: [{uses: wait}]\n",
       "w.yaml:2:9: wait needs one of `for: DURATION`, `until: TIME` and `calendar: NAME`"},
      {"on: {}\nsteps: [{uses: wait, with: {for: soon}}]\n",
       "w.yaml:2:34: 'soon' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"},
      {"on: {}\nsteps: [{uses: wait, with: {until: x}}]\n",
       "w.yaml:2:36: 'until' is a time such as 2027-02-15T09:00:00+08:00, or an expression that yields one"},
      {"on: {}\nsteps: [{uses: a/b, wait: {every: 100ms}}]\n",
       "w.yaml:2:35: 'every' is at least 1s, not 100ms"},
      {"on: {}\nsteps: [{uses: a/b, wait: {timeout: 0s}}]\n",
       "w.yaml:2:37: 'timeout' is at least 1s, not 0s"},
      {"on: {}\nsteps: [{uses: approval, with: {timeout: 0s}}]\n",
       "w.yaml:2:42: 'timeout' is 0s, within which nobody can answer"},
      {"on: {}\nsteps: [{id: c, uses: callback, with: {timeout: 0h}}]\n",
       "w.yaml:2:49: 'timeout' is 0h, within which nobody can answer"},
      {"on: {}\nsteps: [{uses: slack/message, with: {}, announce: {uses: slack/message}}]\n",
       "w.yaml:2:51: 'announce' belongs to wait, approval and callback, not to slack/message"},
      {"on: {}\nsteps: [{id: a, uses: wait, with: {for: 1s}}, {id: a, uses: wait, with: {for: 1s}}]\n",
       "w.yaml:2:47: two steps have the id 'a'; the first is at line 2"},
  };
  for (const Row& row : rows) {
    std::string problem;
    EXPECT_EQ(read(row.yaml, &problem), nullptr) << row.yaml;
    EXPECT_EQ(problem, row.problem);
  }
}

}  // namespace
}  // namespace postlude::engine
