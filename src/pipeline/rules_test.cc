#include "pipeline/rules.h"

#include <gtest/gtest.h>

#include "lang/yaml.h"

namespace postlude::pipeline {
namespace {

constexpr const char* kHead = R"(sources: {flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}]}}
targets:
  jira: {connector: jira, url: "https://acme.atlassian.net", auth: {basic: {username: bot, password: {env: JIRA}}}}
  hub: {connector: http, url: "https://hub.example.com"}
)";

struct Built {
  std::shared_ptr<const Rules> rules;
  std::string problem;
};

Built build(const std::string& text) {
  static const auto catalogue =
      std::make_shared<const connector::Catalogue>(connector::Catalogue::built_in());
  lang::Problems problems;
  const auto root = lang::read_yaml(text, "p.yaml", problems);
  if (!root) return {};
  RulesInput input;
  input.sources = root->find("sources");
  input.targets = root->find("targets");
  input.workflows = root->find("workflows");
  Built built;
  built.rules = Rules::build(input, catalogue, problems);
  for (const lang::Problem& p : problems) {
    if (!p.warning && built.problem.empty()) built.problem = lang::to_text(p);
  }
  return built;
}

TEST(Rules, BindStepsToActions) {
  const Built built = build(std::string(kHead) + R"(workflows:
  w:
    on: {source: flagger}
    if: .event.name == "x"
    steps:
      - {id: v, uses: jira/release-version, with: {project: P, name: "${{ .event.name }}"}}
      - {uses: hub/request, with: {method: PUT, path: /x, body: {a: "${{ .steps.v.outputs.id }}"}}}
      - {uses: wait, with: {for: 1s}}
)");
  ASSERT_NE(built.rules, nullptr) << built.problem;
  ASSERT_EQ(built.rules->workflows().size(), 1U);
  const BoundWorkflow& bound = *built.rules->workflows().front();
  EXPECT_EQ(bound.steps[0].action->name(), "release-version");
  EXPECT_EQ(bound.steps[0].leaves.size(), 1U);
  EXPECT_EQ(bound.steps[1].connector, "http");
  ASSERT_NE(bound.steps[1].action, nullptr);
  EXPECT_EQ(bound.steps[2].action, nullptr);
  EXPECT_NE(built.rules->target("http"), nullptr);

  const auto pinned = built.rules->bind_pinned("w", bound.workflow->pinned);
  ASSERT_TRUE(pinned.has_value());
  EXPECT_EQ(pinned->get(), &bound);
}

TEST(Rules, NameWhatDoesNotExist) {
  struct Row {
    const char* steps;
    const char* problem;
  };
  const std::vector<Row> rows{
      {"{uses: jria/comment}",
       "p.yaml:8:8: the step uses 'jria/comment', but there is no target 'jria'; did you mean 'jira'?"},
      {"{uses: jira/coment}",
       "p.yaml:8:8: the connector jira has no action 'coment'; did you mean 'comment'?"},
      {"{id: one, uses: wait, with: {for: 1s}}, {uses: hub/request, with: {method: GET, path: '/${{ "
       ".steps.oen.outputs.x }}'}}",
       "p.yaml:8:8: no earlier step has the id `oen`; did you mean `one`?"},
      {"{id: me, uses: wait, if: .steps.me.state == 1, with: {for: 1s}}",
       "p.yaml:8:8: no earlier step has the id `me`"},
      {"{uses: hub/request, with: {method: GET, path: /x}, wait: {timeout: 40m}}",
       "p.yaml:8:66: 'wait' belongs to an action that starts something and waits for it; hub/request does "
       "not. To wait for a job: a `callback` step, or an action that waits (`connectors "
       "show` says which do)"},
      {"{uses: jira/comment, expect: any, with: {issue: A, body: b}}",
       "p.yaml:8:66: 'expect' belongs to an action that starts something and waits for it; jira/comment does "
       "not. To wait for a job: a `callback` step, or an action that waits (`connectors "
       "show` says which do)"},
      {"{uses: wait, wait: {timeout: 1m}, with: {for: 1s}}",
       "p.yaml:8:66: 'wait' belongs to an action that starts something and waits for it; wait does not. To "
       "wait for a job: a `callback` step, or an action that waits (`connectors show` says which do)"},
      {"{uses: hub/get}", "p.yaml:8:8: the connector http has no action 'get'; it has request"},
  };
  for (const Row& row : rows) {
    const Built built =
        build(std::string(kHead) + "workflows:\n  w:\n    on: {}\n    steps: [" + row.steps + "]\n");
    EXPECT_EQ(built.rules, nullptr);
    // The steps begin on the line of `steps`, which is the eighth.
    EXPECT_EQ(built.problem.substr(built.problem.find(": ") + 2),
              std::string(row.problem).substr(std::string(row.problem).find(": ") + 2));
  }
}

TEST(Rules, RefuseASourceThatDoesNotExist) {
  const Built built =
      build(std::string(kHead) +
            "workflows:\n  w:\n    on: {source: flager}\n    steps: [{uses: wait, with: {for: 1s}}]\n");
  EXPECT_EQ(built.rules, nullptr);
  EXPECT_EQ(built.problem,
            "p.yaml:6:3: the workflow 'w' is on the source 'flager', which does not exist; did you mean "
            "'flagger'?");
}

// A run that began under an earlier text is bound long after whoever read the connectors has let them go.
TEST(Rules, KeepTheirConnectors) {
  auto catalogue = std::make_shared<const connector::Catalogue>(connector::Catalogue::built_in());
  const std::weak_ptr<const connector::Catalogue> kept = catalogue;
  lang::Problems problems;
  const auto rules = Rules::build({}, std::move(catalogue), problems);
  ASSERT_NE(rules, nullptr);
  EXPECT_FALSE(kept.expired());
}

TEST(Rules, RefuseAnUnknownConnector) {
  const Built built = build("sources: {}\ntargets: {x: {connector: jria, url: \"https://x.example.com\"}}\n");
  EXPECT_EQ(built.rules, nullptr);
  EXPECT_NE(
      built.problem.find("target 'x' has the connector 'jria', which does not exist; did you mean 'jira'?"),
      std::string::npos)
      << built.problem;
}

}  // namespace
}  // namespace postlude::pipeline
