#include "rehearsal/history.h"

#include <gtest/gtest.h>

namespace postlude::rehearsal {
namespace {

TEST(HistoryTest, KnowsThePathOfAStoredUrl) {
  struct Row {
    const char* url;
    const char* path;
  };
  const std::vector<Row> rows = {{"https://jira.example.com/rest/x?a=b/c", "/rest/x"},
                                 {"http://127.0.0.1:80", ""},
                                 {"http://127.0.0.1:80?x=/y", ""},
                                 {"***", ""},
                                 {"***/hook?token=***", "/hook"},
                                 {"/only/a/path", "/only/a/path"}};
  for (const Row& row : rows)
    EXPECT_EQ(path_of_url(row.url), row.path) << row.url;
}

TEST(HistoryTest, TakesWhatAClusterToldAlong) {
  const auto event_of = [](const std::string& more) {
    return event_history(*parse_json(R"({"id":"evt_1","source":"flagger","hook":"post-rollout","cluster":null,
      "receivedAt":"2026-01-01T00:00:00Z","namespace":"prod","name":"app","phase":"Succeeded","payload":{})" +
                                     more + "}"));
  };
  const auto told =
      event_of(R"(,"outcome":"unchanged","canary":{"uid":"u1"},"release":{"kind":"unchanged"})");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->given.outcome, "unchanged");
  EXPECT_EQ(told->given.canary, R"({"uid":"u1"})");
  EXPECT_EQ(told->given.release, R"({"kind":"unchanged"})");
  const auto untold = event_of(R"(,"outcome":null,"canary":null,"release":null)");
  ASSERT_TRUE(untold);
  EXPECT_EQ(untold->given.outcome, "");
  EXPECT_EQ(untold->given.canary + untold->given.release, "");
}

Result<RunHistory> run_of(std::string_view step) {
  return run_history(
      *parse_json(R"({"id":"run_1","workflow":"w","state":"succeeded","createdAt":"2026-01-01T00:00:00Z",
    "steps":[)" + std::string(step) +
                  "]}"));
}

TEST(HistoryTest, ReadsWhatTheApiShows) {
  const auto run =
      run_of(R"json({"id":"put","uses":"hub/request","item":null,"announces":null,"state":"succeeded",
    "reason":null,"outputs":{"a":1},"startedAt":"2026-01-01T00:00:01Z","finishedAt":"2026-01-01T00:00:03Z",
    "attempts":[{"requests":[
      {"request":"request","effect":"state","key":"k1","method":"PUT","url":"https://h/x","headers":{"A":"b"},
       "body":{"n":1},"sentAt":"2026-01-01T00:00:01Z","endedAt":"2026-01-01T00:00:02.5Z","result":"succeeded",
       "status":201,"response":{"status":201,"headers":{"x":"y"},"body":{"ok":true}}},
      {"method":"PUT","url":"https://h/y","headers":null,"body":null,"result":"unclear","response":null},
      {"method":"GET","url":"https://h/z","headers":{},"body":null,"result":"succeeded",
       "cut":true,"response":{"status":200,"headers":{},"body":"abc… (cut)","text":"abc… (cut)"}},
      {"method":"GET","url":"https://h/z","headers":{},"body":null,"result":"succeeded",
       "response":{"status":200,"headers":{},"body":"the price… (cut)","text":"the price… (cut)"}}]
}]
})json");
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_EQ(run->steps.size(), 1U);
  const StepHistory& step = run->steps[0];
  EXPECT_EQ(step.id, "put");
  EXPECT_TRUE(step.item.empty());
  EXPECT_FALSE(step.announces);
  ASSERT_EQ(step.exchanges.size(), 4U);
  const StoredExchange& first = step.exchanges[0];
  EXPECT_EQ(first.target, "hub");
  EXPECT_EQ(first.key, "k1");
  EXPECT_EQ(first.took, std::chrono::milliseconds(1500));
  ASSERT_TRUE(first.answer);
  EXPECT_EQ(std::get<HttpResponse>(*first.answer).status, 201);
  EXPECT_EQ(std::get<HttpResponse>(*first.answer).headers.get("X"), "y");
  EXPECT_EQ(std::get<HttpResponse>(*first.answer).body, R"({"ok":true})");
  EXPECT_FALSE(step.exchanges[1].answer);
  EXPECT_FALSE(step.exchanges[1].cut);
  EXPECT_FALSE(step.exchanges[2].answer);  // half an answer is none
  EXPECT_TRUE(step.exchanges[2].cut);
  ASSERT_TRUE(step.exchanges[3].answer) << "it ends with these words by itself";
  EXPECT_FALSE(step.exchanges[3].cut);
}

// What people did is in words of its own; what is said of it is for people.
TEST(HistoryTest, KnowsWhatPeopleDid) {
  const auto run = run_of(
      R"json({"id":"ok","uses":"approval","state":"failed","because":"rejected","reason":"a word",
    "answer":{"kind":"rejected","by":"amy","at":"2026-01-01T00:00:03Z","body":{"comment":"no"}},
    "attempts":[]},
    {"id":"put","uses":"hub/request","state":"failed","because":"personFailed","reason":null,
     "attempts":[{"requests":[
      {"method":"PUT","url":"https://h/y","result":"succeeded","settledBy":"ops","why":null,"response":null},
      {"method":"PUT","url":"https://h/y","result":"refused","settledBy":null,"why":"settled by law",
       "response":null}]}]},
    {"id":"say","uses":"assert","state":"failed","because":null,"reason":"failed by design","answer":null,
     "attempts":[]})json");
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_EQ(run->steps.size(), 3U);
  EXPECT_EQ(run->steps[0].because, Because::kRejected);
  ASSERT_TRUE(run->steps[0].answer);
  EXPECT_EQ(run->steps[0].answer->kind, AnswerKind::kRejected);
  EXPECT_EQ(run->steps[0].answer->by, "amy");
  EXPECT_EQ(run->steps[0].answer->body, R"({"comment":"no"})");
  EXPECT_EQ(to_rfc3339(run->steps[0].answer->at).substr(0, 19), "2026-01-01T00:00:03");
  EXPECT_EQ(run->steps[1].because, Because::kPersonFailed);
  ASSERT_EQ(run->steps[1].exchanges.size(), 2U);
  EXPECT_TRUE(run->steps[1].exchanges[0].settled);
  EXPECT_FALSE(run->steps[1].exchanges[1].settled);
  EXPECT_EQ(run->steps[2].because, Because::kOther);
  EXPECT_FALSE(run->steps[2].answer);
}

TEST(HistoryTest, RefusesWhatIsNone) {
  EXPECT_FALSE(run_history(*parse_json(R"({"id":"evt_1","steps":[]})")));
  EXPECT_FALSE(run_history(json::value(7)));
  EXPECT_FALSE(event_history(*parse_json(R"({"id":"evt_1","receivedAt":"soon","payload":{}})")));
  EXPECT_FALSE(
      event_history(*parse_json(R"({"id":"run_1","receivedAt":"2026-01-01T00:00:00Z","payload":{}})")));
  const auto event = event_history(*parse_json(
      R"({"id":"evt_1","source":"flagger","hook":"post-rollout","cluster":null,"receivedAt":"2026-01-01T00:00:00Z",
          "namespace":"n","name":"a","phase":"Succeeded","payload":{"name":"a"},"planned":true})"));
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->planned);
  EXPECT_EQ(event->given.payload, R"({"name":"a"})");
  EXPECT_EQ(event->what, "n/a Succeeded");
}

}  // namespace
}  // namespace postlude::rehearsal
