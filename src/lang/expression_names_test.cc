#include <gtest/gtest.h>

#include "lang/expression.h"

namespace postlude::lang {
namespace {

Node scalar(std::string text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = std::move(text);
  node.place = {"w.yaml", 3, 7};
  return node;
}

std::string shown(const Problems& problems) {
  std::string out;
  for (const Problem& p : problems)
    out += (out.empty() ? "" : " | ") + to_text(p);
  return out;
}

// Each name in each place: there, or a word on where it is.
TEST(CheckNames, EachPlaceHasItsNames) {
  struct Case {
    const char* name;
    const char* places;  // a letter for each Where
  };
  const Case cases[] = {{"event", "wshaRAUV"}, {"run", "wshaRAUV"},  {"workflow", "wshaRAUV"},
                        {"vars", "shaRAUV"},   {"steps", "shaRAUV"}, {"data", "wsha"},
                        {"item", "sha"},       {"failure", "sha"},   {"step", "sha"},
                        {"target", "haRAUV"},  {"key", "haRAUV"},    {"with", "RAUV"},
                        {"requests", "RAUV"},  {"response", "aAV"},  {"outputs", "UV"},
                        {"request", ""},       {"inputs", ""},       {"index", ""},
                        {"env", ""},           {"secrets", ""}};
  const std::string_view letters = "wshaRAUV";
  for (const Case& c : cases) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      Problems problems;
      const auto where = static_cast<Where>(i + 1);
      check_names({"$" + std::string(c.name) + " == null", {"w.yaml", 1, 1}}, where, problems);
      const bool there = std::string_view(c.places).find(letters[i]) != std::string_view::npos;
      EXPECT_EQ(problems.empty(), there) << c.name << " at " << letters[i] << ": " << shown(problems);
      EXPECT_EQ(shown(problems).find("not known here"), std::string::npos) << shown(problems);
    }
  }
  Problems problems;
  check_names({".response.status", {"w.yaml", 1, 1}}, Where::kStep, problems);
  EXPECT_EQ(
      shown(problems),
      "w.yaml:1:1: `.response` is the answer that `success`, `retry` and `refuse` judge; what an earlier "
      "step got is `.steps.ID.outputs`");
}

TEST(CheckAbsent, UnlessNullIsMet) {
  const std::vector<Absent> absent = {
      {{"item"}, "is not there"}, {{"steps", ""}, "is empty"}, {{"run", "id"}, "is later"}};
  const std::pair<const char*, const char*> cases[] = {
      {".item", "w.yaml:1:1: `.item` is not there"},
      {"1 + $item.a", "w.yaml:1:5: `$item` is not there"},
      {".steps | keys", "w.yaml:1:1: `.steps` is empty"},
      {".steps[]", "w.yaml:1:1: `.steps` is empty"},
      {".run | .id", "w.yaml:1:8: `.run.id` is later"},
      {".item // 1", ""},
      {".item != null", ""},
      {".steps.a.state", ""},
      {".run.workflow", ""},
      {".event.item", ""},
  };
  for (const auto& [text, problem] : cases) {
    Problems problems;
    check_absent({text, {"w.yaml", 1, 1}}, absent, problems);
    EXPECT_EQ(shown(problems), problem) << text;
  }
}

TEST(CheckBarePaths, TextThatLooksLikeAnExpression) {
  const std::pair<const char*, bool> cases[] = {{".event.name", true},
                                                {"$event.name", true},
                                                {".steps.a.outputs.id", true},
                                                {".run.id", true},
                                                {".item", true},
                                                {".vars[0]", true},
                                                {".event.name | @uri", true},
                                                {".data/x", false},
                                                {".event", false},
                                                {".events.name", false},
                                                {"see .event.name", false},
                                                {"${{ .event.name }}", false},
                                                {".run.${{ .event.name }}", false},
                                                {".step", false},
                                                {"...", false},
                                                {"", false},
                                                {".", false},
                                                {".run.", false}};
  for (const auto& [text, said] : cases) {
    Problems problems;
    check_bare_paths(scalar(text), {}, problems);
    EXPECT_EQ(!problems.empty(), said) << text << ": " << shown(problems);
  }
}

// Outside workflows it is read; what is no name of a variable is somebody's own map.
TEST(CheckEnvironment, WhatIsWrittenAsOutsideWorkflows) {
  const auto said = [](const char* name, const char* beside, const char* value) {
    Node node;
    node.kind = Node::Kind::kMap;
    node.place = {"w.yaml", 3, 7};
    node.members.emplace_back(scalar(name), scalar(value));
    if (*beside != 0) node.members.emplace_back(scalar(beside), scalar("x"));
    Node list;
    list.kind = Node::Kind::kList;
    list.items.push_back(std::move(node));
    Problems problems;
    check_environment(list, problems);
    return shown(problems);
  };
  EXPECT_EQ(said("env", "", "TOKEN"),
            "w.yaml:3:7: warning: this is sent as it stands: " + std::string(kNoEnvironmentHere));
  EXPECT_NE(said("env", "default", "TOKEN_2"), "");
  EXPECT_EQ(said("env", "", "production"), "");
  EXPECT_EQ(said("env", "name", "TOKEN"), "");
  EXPECT_EQ(said("environment", "", "TOKEN"), "");
}

}  // namespace
}  // namespace postlude::lang
