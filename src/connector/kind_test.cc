// The text forms of the kinds of calls.
#include <gtest/gtest.h>

#include "connector/http_kind.h"
#include "connector/written.h"

namespace postlude::connector {
namespace {

HttpRequest post(std::string target, std::string body) {
  HttpRequest request;
  request.method = "POST";
  request.target = std::move(target);
  request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

TEST(KindTest, AnAskIsWrittenDownAsItIsSent) {
  for (const char* target : {"https://h/a", "https://h/a?", "https://h/a?b=c%20d&e", "***/x?y=1"}) {
    const Ask ask = post(target, R"({"a":1})");
    const AskText text = kind_of(ask).text_of(ask);
    EXPECT_EQ(text.verb, "POST");
    EXPECT_EQ(text.whole_place(), target);
    EXPECT_EQ(text.place.find('?'), std::string::npos);
    EXPECT_EQ(text.body, R"({"a":1})");
    EXPECT_TRUE(text.json);
  }
}

// A later attempt goes on behind a request that the store has, and expressions must see no difference.
TEST(KindTest, AStoredRequestReadsAsTheOneThatWasSent) {
  const Ask ask = post("https://h/a?b=c", R"({"a":[1,null]})");
  const Kind& kind = kind_of(ask);
  const AskText text = kind.text_of(ask);
  Request row;
  row.method = text.verb;
  row.url = text.whole_place();
  row.headers = R"({"Content-Type":"application/json"})";
  row.body = text.body;
  EXPECT_EQ(to_text(kind.context_of(row)), to_text(kind.context_of(ask, {})));
  row.body = "no json";
  EXPECT_EQ(kind.context_of(row)["body"], "no json");
  row.body.clear();
  EXPECT_TRUE(kind.context_of(row)["body"].is_null());
}

TEST(KindTest, AReplyIsReadBackFromWhatExpressionsSaw) {
  HttpResponse response;
  response.status = 201;
  response.headers.add("X", "y");
  response.body = R"({"ok": true})";
  const Reply reply = response;
  const json::value stored = kind_of(reply).context_of(reply, {});
  const std::optional<Reply> again = http_kind().reply_of(stored);
  ASSERT_TRUE(again);
  EXPECT_EQ(kind_of(*again).context_of(*again, {}), stored.get_object());
  EXPECT_EQ(kind_of(*again).body_of(*again), response.body);
  EXPECT_EQ(kind_of(*again).plain_end(*again, Instant()).result, RequestResult::kSucceeded);
  // What a lookup found is no reply that ever came.
  EXPECT_FALSE(http_kind().reply_of(json::value(kind_of(reply).context_of_found("found"))));
  EXPECT_FALSE(http_kind().reply_of(nullptr));
}

TEST(KindTest, CredentialsAreShownInTheClear) {
  HttpRequest request = post("https://secret.invalid/x?y", "");
  request.headers.add("Authorization", "Basic Ym90OioqKg==");  // bot:***
  request.headers.add("X-Other", "Basic bm90IG91cnM=");
  const Ask ask = request;
  const Ask shown = kind_of(ask).shown(ask, "***", "https://secret.invalid");
  EXPECT_EQ(std::get<HttpRequest>(shown).target, "***/x?y");
  EXPECT_EQ(std::get<HttpRequest>(shown).headers.get("Authorization"), "Basic ***");
  EXPECT_EQ(std::get<HttpRequest>(shown).headers.get("X-Other"), "Basic bm90IG91cnM=");
}

TEST(WrittenTest, ConnectorsWithoutAFileCannotBeReplacedByOne) {
  const Catalogue catalogue = Catalogue::built_in();
  for (const Written& one : written_connectors()) {
    ASSERT_NE(catalogue.find(one.name), nullptr) << one.name;
    EXPECT_TRUE(catalogue.find(one.name)->actions().empty()) << one.name;
    EXPECT_FALSE(one.action_names().empty()) << one.name;
    lang::Problems problems;
    EXPECT_EQ(
        Connector::read("connector: " + std::string(one.name) +
                            "\nsummary: s\nauth: [none]\nactions: {a: {summary: s, input: {}, requests: "
                            "[{get: /a}]}}\n",
                        "c.yaml", problems),
        nullptr);
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].message.find("is built in and cannot be replaced"), std::string::npos);
  }
  EXPECT_EQ(written("jira"), nullptr);
}

}  // namespace
}  // namespace postlude::connector
