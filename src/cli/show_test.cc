#include "cli/show.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/printable.h"
#include "base/text.h"
#include "cli/commands.h"

namespace postlude::cli {
namespace {

TEST(Show, YamlIsWhatItWasAsJson) {
  const auto value = parse_json(
      R"({"id":"run_1","empty":{},"none":null,"text":"yes","number":"1.10","long":"a: b","list":[1,{"a":[true]},[]],"on":"x"})");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(yaml_of(*value),
            "id: run_1\n"
            "empty: {}\n"
            "none: null\n"
            "text: \"yes\"\n"
            "number: \"1.10\"\n"
            "long: \"a: b\"\n"
            "list:\n"
            "  - 1\n"
            "  - a:\n"
            "      - true\n"
            "  - []\n"
            "\"on\": x\n");
}

TEST(Show, ColumnsAreAsWideAsTheirCells) {
  EXPECT_EQ(table_of({"ID", "WHY"}, {{"a", "ü"}, {"längst", "x"}}), "ID      WHY\na       ü\nlängst  x\n");
}

TEST(Show, AnEmptyListSaysSo) {
  const auto page = parse_json(R"({"items":[],"next":null})");
  EXPECT_EQ(list_of("runs", *page), "no runs\n");
}

TEST(Show, AListTellsHowToGoOn) {
  const auto page = parse_json(
      R"({"items":[{"id":"run_1","namespace":"prod","name":"podinfo","version":null,"createdAt":"t",
          "workflow":"w","state":"failed","startedAt":"2026-01-01T00:00:00Z",
          "finishedAt":"2026-01-01T00:04:10Z"}],"next":"run_1"})");
  EXPECT_EQ(list_of("runs", *page),
            "ID     CANARY        WORKFLOW  STATE   DURATION  AGE\n"
            "run_1  prod/podinfo  w         failed  4m10s\n"
            "older ones: --after run_1\n");
}

TEST(Show, ADeliveryWithoutAnEventSaysWhyBelow) {
  unsetenv("COLUMNS");
  const auto page = parse_json(
      R"({"items":[{"id":"dlv_2","canary":null,"hook":null,"verdict":"rejected","method":"POST",
                    "path":"/hooks/flager",
                    "reason":"the path is nobody's; did you mean /hooks/flagger/post-rollout?"},
                   {"id":"dlv_1","canary":"prod/podinfo","hook":"event","verdict":"filtered","method":"POST",
                    "path":"/hooks/flagger/event","reason":"phase is Waiting, wanted Succeeded"},
                   {"id":"dlv_0","canary":"prod/podinfo","hook":"event","verdict":"accepted"}],
          "next":null})");
  EXPECT_EQ(list_of("deliveries", *page),
            "ID     CANARY        HOOK   VERDICT   AGE\n"
            "dlv_2  -                    rejected\n"
            "    POST /hooks/flager: the path is nobody's; did you mean\n"
            "    /hooks/flagger/post-rollout?\n"
            "dlv_1  prod/podinfo  event  filtered\n"
            "    phase is Waiting, wanted Succeeded\n"
            "dlv_0  prod/podinfo  event  accepted\n");
}

TEST(Show, ExplainTellsDecisionsAndNotWhatWasSent) {
  const auto whole = parse_json(
      R"({"delivery":null,"event":{"id":"evt_1","plan":[{"workflow":"w","runs":true,"why":"a reason"}]},
          "runs":[{"id":"run_1","workflow":"w","state":"failed","reason":"put: 400",
                   "startedAt":"2026-01-01T00:00:00Z",
                   "steps":[{"number":1,"name":"put","state":"failed","reason":"400","outputs":{"a":1},
                             "attempts":[{"number":1,"requests":[{"method":"PUT","url":"http://h/x"}]}],
                             "trace":{"if":{"expression":".event.name","result":true}}}]}]})");
  const std::string text = explanation(*whole);
  EXPECT_NE(
      text.find("run_1 (w): failed - put: 400\n  1. put: failed - 400\n     if `.event.name` is true\n"),
      std::string::npos)
      << text;
  for (const char* absent : {"attempt", "http://h/x", "outputs"})
    EXPECT_EQ(text.find(absent), std::string::npos) << text;
}

TEST(Show, VersionsAreShownWhereThereIsOne) {
  const auto page = parse_json(
      R"({"items":[{"id":"run_1","name":"a","namespace":"p","version":"1.2"},
                   {"id":"run_2","version":null}],"next":null})");
  const std::string text = list_of("runs", *page);
  EXPECT_NE(text.find("VERSION"), std::string::npos);
  EXPECT_NE(text.find("run_2  -       -  "), std::string::npos) << text;
}

TEST(Show, WhatHoldsARunIsNotCutForNames) {
  unsetenv("COLUMNS");
  const auto page = parse_json(
      R"({"items":[{"id":"run_00000000002a","namespace":"a-namespace-of-some-length","name":"a-canary-of-some-length",
          "workflow":"a-workflow-with-a-rather-long-name","state":"running",
          "startedAt":"2026-01-01T00:00:00Z",
          "finishedAt":null,"createdAt":"2026-01-01T00:00:00Z",
          "waitingSteps":[{"name":"x","for":"resume"},{"name":"y","for":"approval"}]}],"next":null})");
  const std::string text = list_of("runs", *page);
  EXPECT_NE(text.find("  held, waiting for approval  "), std::string::npos) << text;
  for (const std::string_view line : split(text, '\n'))
    EXPECT_LE(columns_of(line), 80U) << line;
}

TEST(Show, AStateTellsWhatHoldsTheRun) {
  struct Row {
    const char* run;
    const char* state;
  };
  for (const Row& row : {
           Row{R"({"state":"running","pausedBy":[]})", "running"},
           Row{R"({"state":"running","pausedBy":[{"kind":"all","name":""}]})", "paused (all)"},
           Row{R"({"state":"queued","pausedBy":[{"kind":"target","name":"jira"},{"kind":"all","name":""}]})",
               "paused (target jira, …)"},
           Row{R"({"state":"waiting","waitingSteps":[{"name":"ok","for":"approval"}]})",
               "waiting for approval"},
           Row{R"({"state":"waiting","waitingSteps":[{"name":"ok","for":"resume"}]})", "held"},
           Row{R"({"state":"waiting","steps":[{"held":true,"asks":false}]})", "held"},
           Row{R"({"state":"waiting","steps":[{"held":false,"asks":true}]})", "waiting for approval"},
           Row{R"({"state":"waiting"})", "waiting"},
           Row{R"({"state":"running","retrying":[{"name":"a","target":"ci"}]})", "retrying (target ci)"},
           Row{R"({"state":"running","retrying":[{"name":"a","target":null},{"name":"b","target":"ci"}]})",
               "retrying (step a, …)"},
           Row{R"({"state":"running","pausedBy":[{"kind":"all","name":""}],"retrying":[{"target":"ci"}]})",
               "paused (all)"},
           Row{R"({"state":"failed","pausedBy":[{"kind":"all","name":""}]})", "failed"},
       }) {
    EXPECT_EQ(state_of(*parse_json(row.run)), row.state);
  }
}

TEST(Show, ARunThatCouldNotBeginDidNotRun) {
  const auto event = [](const char* run) {
    return *parse_json(
        std::string(R"({"id":"evt_1","plan":[{"workflow":"w","runs":true,"why":"a reason"}],"runs":[)") +
        run + "]}");
  };
  const auto shown = [&](const char* run) {
    const std::string text = one_of("events", event(run));
    return text.substr(text.find("\n  ") + 1);
  };
  EXPECT_EQ(shown(R"({"workflow":"w","state":"failed","startedAt":null,"replayOf":null})"),
            "  failed   could not start: w: a reason\n");
  EXPECT_EQ(shown(R"({"workflow":"w","state":"failed","startedAt":"2026-01-01T00:00:00Z"})"),
            "  ran      w: a reason\n");
  EXPECT_EQ(shown(R"({"workflow":"w","state":"waiting","startedAt":"2026-01-01T00:00:00Z"})"),
            "  runs     w: a reason\n");
  EXPECT_EQ(shown(R"({"workflow":"w","state":"queued","startedAt":null})"), "  queued   w: a reason\n");
}

// Whatever a sender put into it: one row stays one row, and nothing acts on the terminal.
TEST(Show, ValuesCannotForgeRows) {
  const auto page = parse_json(
      R"({"items":[{"id":"run_1","namespace":"p","name":"x\nrun_2  forged\u001b[31m\u009b","workflow":"w","state":"failed"}]})");
  const std::string out = list_of("runs", *page);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
  EXPECT_TRUE(is_printable(out.substr(0, out.find('\n')))) << out;
  EXPECT_NE(out.find("p/x run_2  forged\\u001b"), std::string::npos) << out;
  const auto value = parse_json(R"({"a":"\u009b","b":"\u202e"})");
  EXPECT_EQ(printable(yaml_of(*value), Lines::kKept), "a: \"\\u009b\"\nb: \"\\u202e\"\n");
}

// The bytes of Go's encoding/json for Flagger's payload (ctl/webhook.go).
TEST(Send, WritesFlaggersBytes) {
  SendChoice choice;
  choice.name = "podinfo";
  choice.name_space = "test";
  EXPECT_EQ(
      flagger_body(choice, {{"team", "a<b"}, {"cluster", "x"}}, "7774c75db4"),
      R"({"name":"podinfo","namespace":"test","phase":"Succeeded","checksum":"7774c75db4","metadata":{"cluster":"x","team":"a\u003cb"}})");
  EXPECT_EQ(flagger_body(choice, {}, ""),
            R"({"name":"podinfo","namespace":"test","phase":"Succeeded","checksum":""})");
  EXPECT_EQ(flagger_body(choice, {{"t", "\"\\\n\x01&>\xe2\x80\xa8"}}, "4"),
            "{\"name\":\"podinfo\",\"namespace\":\"test\",\"phase\":\"Succeeded\",\"checksum\":\"4\","
            "\"metadata\":{\"t\":"
            "\"\\\"\\\\\\n\\u0001\\u0026\\u003e\\u2028\"}}");
}

}  // namespace
}  // namespace postlude::cli
