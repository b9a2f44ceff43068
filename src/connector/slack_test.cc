// connectors/slack.yaml: what goes over the wire, and what Slack's answers mean.
#include <gtest/gtest.h>

#include "connector/testing.h"

namespace postlude::connector {
namespace {

using testing::answer_json;
using testing::carry_out;
using testing::Story;

Target slack() {
  Target target;
  target.name = "slack";
  target.connector = "slack";
  target.auth.kind = Auth::Kind::kBearer;
  lang::Problems problems;
  static const Catalogue catalogue = Catalogue::built_in();
  catalogue.find("slack")->settle(target, problems);
  EXPECT_TRUE(problems.empty());
  return target;
}

Story run(const std::string& action, const char* with, Result<HttpResponse> answer,
          const Target& target = slack()) {
  static const Catalogue catalogue = Catalogue::built_in();
  const auto found = catalogue.find("slack")->find(action);
  Result<json::value> input = validate_input(*found, json::parse(with));
  EXPECT_TRUE(input) << (input ? "" : input.error().message);
  return carry_out(*found, target, *input, [&](const HttpRequest&) { return answer; });
}

TEST(SlackTest, Message) {
  const HttpResponse done = answer_json(200, R"({"ok":true,"channel":"C1","ts":"1.2"})");
  Story story = run("message", R"({"channel":"#releases","text":"Released <api> 1.1"})", done);
  EXPECT_EQ(
      story.requests[0],
      "POST https://slack.com/api/chat.postMessage "
      R"({"channel":"#releases","text":"Released <api> 1.1","unfurl_links":false,"metadata":{"event_type":"postlude_release","event_payload":{"key":"k-123"}}})");
  EXPECT_EQ(story.headers[0].get("content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(story.outputs, R"({"channel":"C1","ts":"1.2"})");
  story = run(
      "message",
      R"({"channel":"C1","text":"t","blocks":[{"type":"divider"}],"thread":"1.2","broadcast":true,"unfurl":true})",
      done);
  EXPECT_EQ(
      story.requests[0],
      "POST https://slack.com/api/chat.postMessage "
      R"({"channel":"C1","text":"t","blocks":[{"type":"divider"}],"thread_ts":"1.2","reply_broadcast":true,"unfurl_links":true,"metadata":{"event_type":"postlude_release","event_payload":{"key":"k-123"}}})");
}

TEST(SlackTest, Update) {
  const Story story = run("update", R"({"channel":"C1","ts":"1.2","text":"t"})",
                          answer_json(200, R"({"ok":true,"channel":"C1","ts":"1.2"})"));
  EXPECT_EQ(story.requests[0],
            R"(POST https://slack.com/api/chat.update {"channel":"C1","ts":"1.2","text":"t"})");
  EXPECT_EQ(story.outputs, R"({"channel":"C1","ts":"1.2"})");
}

TEST(SlackTest, AMessageIsEdited) {
  static const Catalogue catalogue = Catalogue::built_in();
  const auto action = catalogue.find("slack")->find("message");
  ASSERT_NE(action->update(), nullptr);
  Story story;
  json::object context =
      testing::context_of(slack(), json::parse(R"({"channel":"#releases","text":"now 50 %"})"));
  context["outputs"] = json::parse(R"({"channel":"C1","ts":"1.2"})");
  const auto peer = [](const HttpRequest&) {
    return answer_json(200, R"({"ok":true,"channel":"C1","ts":"1.2","text":"now 50 %"})");
  };
  testing::go_through(*action->update(), slack(), context, peer, story);
  EXPECT_EQ(
      story.requests,
      (std::vector<std::string>{
          R"(POST https://slack.com/api/chat.update {"channel":"C1","ts":"1.2","text":"now 50 %","blocks":[]})"}));
  EXPECT_EQ(story.outputs, "{}");  // nothing is new: it is where it was
  EXPECT_EQ(action->update()->calls()[0].effect(), Effect::kState);
}

struct AnswerRow {
  int status;
  const char* body;
  const char* stopped;  // "": it worked
};

TEST(SlackTest, WhatItsAnswersMean) {
  const std::vector<AnswerRow> rows = {
      {200, R"({"ok":true,"channel":"C1","ts":"1.2"})", ""},
      {200, R"({"ok":false,"error":"channel_not_found"})",
       "refused: 200 from POST /api/chat.postMessage: channel_not_found"},
      {200, R"({"ok":false,"error":"invalid_auth"})",
       "refused: 200 from POST /api/chat.postMessage: invalid_auth"},
      {200, R"({"ok":false,"error":"a_new_one"})", "refused: 200 from POST /api/chat.postMessage: a_new_one"},
      {200, R"({"ok":false,"error":"ratelimited"})",
       "retryable: 200 from POST /api/chat.postMessage: ratelimited"},
      {200, R"({"ok":false,"error":"service_unavailable"})",
       "retryable: 200 from POST /api/chat.postMessage: service_unavailable"},
      {200, R"({"ok":false,"error":"internal_error"})",
       "unclear: 200 from POST /api/chat.postMessage: internal_error"},
      {200, R"({"ok":false,"error":"fatal_error"})",
       "unclear: 200 from POST /api/chat.postMessage: fatal_error"},
      {200,
       R"({"ok":false,"error":"invalid_blocks","errors":["missing required field: text [json-pointer:/blocks/0/text]"],"response_metadata":{"messages":["[ERROR] missing required field: text [json-pointer:/blocks/0/text]","[ERROR] two"]}})",
       "refused: 200 from POST /api/chat.postMessage: invalid_blocks: missing required field: text "
       "[json-pointer:/blocks/0/text]; two"},
      {200, R"({"ok":false,"error":"missing_scope","needed":"chat:write","provided":"identify"})",
       "refused: 200 from POST /api/chat.postMessage: missing_scope: needs chat:write"},
      {200, R"({"ok":false,"errors":{"a":1},"response_metadata":7,"needed":null})",
       "refused: 200 from POST /api/chat.postMessage"},
      {200, R"({"ok":tr)",
       "unclear: 200 from POST /api/chat.postMessage: Cannot index string with string \"ok\""},
      {429, R"({"ok":false,"error":"ratelimited"})",
       "retryable: 429 from POST /api/chat.postMessage: ratelimited"},
      {404, R"({"ok":false,"error":"x"})", "refused: 404 from POST /api/chat.postMessage: x"},
      {500, "", "unclear: 500 from POST /api/chat.postMessage"},
  };
  for (const AnswerRow& row : rows) {
    EXPECT_EQ(run("message", R"({"channel":"C1","text":"t"})", answer_json(row.status, row.body)).stopped,
              row.stopped)
        << row.status << " " << row.body;
  }
}

TEST(SlackTest, Webhook) {
  Target target = slack();
  target.auth.kind = Auth::Kind::kUrl;
  target.auth.secrets = {{SecretRef::Kind::kEnv, "HOOK"}};
  target.url = "";
  HttpResponse answer;
  answer.status = 200;
  answer.body = "ok";
  const Story story = run("webhook", R"({"text":"t"})", answer, target);
  EXPECT_EQ(story.requests, (std::vector<std::string>{R"(POST *** {"text":"t"})"}));
  EXPECT_EQ(story.stopped, "");
  // Those who speak Slack's dialect say other things, or nothing.
  for (const int status : {200, 201, 204}) {
    for (const char* body : {"", "ok", "<html>", R"({"success":true})", "{"}) {
      answer.status = status;
      answer.body = body;
      answer.headers.set("Content-Type", "application/json");
      EXPECT_EQ(run("webhook", R"({"text":"t"})", answer, target).stopped, "") << status << " " << body;
    }
  }
  answer.status = 410;
  answer.body = "channel_is_archived";
  EXPECT_EQ(run("webhook", R"({"text":"t"})", answer, target).stopped,
            "refused: 410 from POST ***: channel_is_archived");
}

TEST(SlackTest, EffectsAndAuth) {
  const Catalogue catalogue = Catalogue::built_in();
  const Connector& connector = *catalogue.find("slack");
  const Call& message = connector.find("message")->plan().calls()[0];
  EXPECT_EQ(message.effect(), Effect::kNone);
  EXPECT_EQ(message.on_unclear(), OnUnclear::kRepeat);
  EXPECT_EQ(connector.find("update")->plan().calls()[0].effect(), Effect::kState);
  EXPECT_EQ(connector.find("webhook")->plan().calls()[0].on_unclear(), OnUnclear::kRepeat);
  Target target;
  target.name = "s";
  target.auth.kind = Auth::Kind::kBasic;
  lang::Problems problems;
  connector.settle(target, problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].message,
            "target `s`: connector slack does not support auth `basic`; valid: bearer, url");
}

}  // namespace
}  // namespace postlude::connector
