// What an answer means, what a step's input may be, and the built-in http/request.
#include <gtest/gtest.h>

#include "base/hash.h"
#include "connector/http.h"
#include "connector/testing.h"
#include "lang/yaml.h"

namespace postlude::connector {
namespace {

using testing::answer_json;
using testing::carry_out;
using testing::kNow;
using testing::Story;

Target target_at(std::string url) {
  Target target;
  target.name = "t";
  target.url = std::move(url);
  return target;
}

std::shared_ptr<const Action> http_action(std::string_view with, std::string* complaints = nullptr) {
  lang::Problems problems;
  const auto node = lang::read_yaml(with, "w.yaml", problems);
  const auto action = read_http_request(node ? &*node : nullptr, {"w.yaml", 1, 1}, problems);
  for (const lang::Problem& problem : problems) {
    if (complaints != nullptr) *complaints += lang::to_text(problem) + "\n";
  }
  return action;
}

struct StatusRow {
  int status;
  const char* retry_after;  // "": none
  Effect effect;
  RequestResult result;
  bool breaker;
};

TEST(InterpretTest, ByStatus) {
  using R = RequestResult;
  const std::vector<StatusRow> rows = {
      {200, "", Effect::kNone, R::kSucceeded, false}, {204, "", Effect::kState, R::kSucceeded, false},
      {299, "", Effect::kRead, R::kSucceeded, false}, {301, "", Effect::kNone, R::kRefused, false},
      {304, "", Effect::kRead, R::kRefused, false},   {400, "", Effect::kNone, R::kRefused, false},
      {401, "", Effect::kNone, R::kRefused, false},   {404, "", Effect::kRead, R::kRefused, false},
      {409, "", Effect::kState, R::kRefused, false},  {408, "", Effect::kNone, R::kUnclear, true},
      {408, "5", Effect::kNone, R::kRetryable, true}, {425, "", Effect::kNone, R::kRetryable, true},
      {429, "", Effect::kNone, R::kRetryable, false}, {429, "5", Effect::kNone, R::kRetryable, false},
      {500, "", Effect::kNone, R::kUnclear, true},    {500, "5", Effect::kState, R::kUnclear, true},
      {502, "", Effect::kRead, R::kRetryable, true},  {503, "", Effect::kNone, R::kUnclear, true},
      {503, "5", Effect::kNone, R::kRetryable, true}, {503, "", Effect::kRead, R::kRetryable, true},
      {599, "", Effect::kState, R::kUnclear, true},   {101, "", Effect::kNone, R::kUnclear, true},
  };
  for (const StatusRow& row : rows) {
    const std::string effect(postlude::to_text(row.effect));
    const auto action = http_action("{method: POST, path: /a/b, effect: " + effect + "}");
    ASSERT_NE(action, nullptr);
    const Call& call = action->plan().calls()[0];
    HttpRequest request;
    request.method = "POST";
    request.target = "https://h/a/b?c=d";
    HttpResponse answer;
    answer.status = row.status;
    if (row.retry_after[0] != '\0') answer.headers.set("Retry-After", row.retry_after);
    const Ending ending = call.interpret(request, answer, {}, kNow, {});
    EXPECT_EQ(ending.result, row.result) << row.status << " " << effect;
    EXPECT_EQ(ending.counts_for_breaker, row.breaker) << row.status << " " << effect;
    if (row.result == RequestResult::kSucceeded) {
      EXPECT_EQ(ending.why, "");
    } else {
      EXPECT_EQ(ending.why, std::to_string(row.status) + " from POST /a/b");
    }
    const bool told = row.retry_after[0] != '\0' && row.result != RequestResult::kRefused;
    EXPECT_EQ(ending.retry_after.has_value(), told);
  }
}

// Only who names a time to come again says that nothing was done.
TEST(InterpretTest, ARetryAfterThatNamesNoTimeSaysNothing) {
  const auto action = http_action("{method: POST, path: /a, effect: none}");
  HttpRequest request;
  request.method = "POST";
  request.target = "https://h/a";
  for (const int status : {408, 503}) {
    for (const char* words : {"0", "-1", "-99999999999", "0.0", "", "soon", "nan", "0, 0", "-5;w=1", "0s",
                              "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"}) {
      HttpResponse answer;
      answer.status = status;
      answer.headers.set("Retry-After", words);
      answer.body = R"({"retry_after":60})";  // of limits, not of what was done
      const Ending ending = action->plan().calls()[0].interpret(request, answer, {}, kNow, {});
      EXPECT_EQ(ending.result, RequestResult::kUnclear) << status << " " << words;
      answer.headers.add("Retry-After", "2");
      EXPECT_EQ(action->plan().calls()[0].interpret(request, answer, {}, kNow, {}).result,
                RequestResult::kRetryable);
    }
  }
}

TEST(InterpretTest, WithoutAnAnswer) {
  struct Row {
    Code code;
    const char* effect;
    RequestResult result;
    bool breaker;
  };
  using R = RequestResult;
  const std::vector<Row> rows = {
      {Code::kUnavailable, "none", R::kRetryable, true}, {Code::kUnknown, "none", R::kUnclear, true},
      {Code::kUnknown, "state", R::kUnclear, true},      {Code::kUnknown, "read", R::kRetryable, true},
      {Code::kInvalid, "none", R::kRefused, false},      {Code::kCancelled, "none", R::kRetryable, false},
      {Code::kOverloaded, "none", R::kRetryable, false}};
  for (const Row& row : rows) {
    const auto action = http_action(std::string("{method: POST, path: /a, effect: ") + row.effect + "}");
    HttpRequest request;
    request.method = "POST";
    request.target = "https://h/a";
    const Ending ending = action->plan().calls()[0].interpret(request, Error(row.code, "it broke"), {});
    EXPECT_EQ(ending.result, row.result);
    EXPECT_EQ(ending.counts_for_breaker, row.breaker);
    EXPECT_EQ(ending.why, "POST /a: it broke");
  }
}

TEST(InterpretTest, RetryAfterInEveryDialect) {
  const auto action = http_action("{method: POST, path: /a}");
  HttpRequest request;
  request.method = "POST";
  request.target = "https://h/a";
  const auto wait = [&](const char* header) {
    HttpResponse answer;
    answer.status = 429;
    answer.headers.set("Retry-After", header);
    return action->plan().calls()[0].interpret(request, answer, {}, kNow, {}).retry_after;
  };
  EXPECT_EQ(wait("120"), std::chrono::seconds(120));
  EXPECT_EQ(wait("0.5"), std::chrono::milliseconds(500));
  EXPECT_EQ(wait("Sat, 22 Nov 2025 10:01:00 GMT"), std::chrono::seconds(60));
  EXPECT_EQ(wait("soon"), std::nullopt);

  lang::Problems problems;
  const auto connector = Connector::read(R"(
connector: c
summary: C
auth: [none]
actions:
  a:
    summary: A
    input: {}
    requests:
      - {get: /a, retryAfter: '.response.body.wait', message: 'please wait ${{ .response.body.wait }}'}
)",
                                         "c.yaml", problems);
  ASSERT_NE(connector, nullptr);
  const Call& call = connector->actions()[0]->plan().calls()[0];
  const auto told = [&](const char* body) {
    const HttpResponse answer = answer_json(429, body);
    json::object context{{"response", response_context(answer)}};
    return call.interpret(request, answer, testing::evaluate(call.after(), context), kNow, {});
  };
  EXPECT_EQ(told(R"({"wait":1.5})").retry_after, std::chrono::milliseconds(1500));
  EXPECT_EQ(told(R"({"wait":"2m"})").retry_after, std::chrono::minutes(2));
  EXPECT_EQ(told(R"({"wait":"7"})").retry_after, std::chrono::seconds(7));
  EXPECT_EQ(told(R"({"wait":null})").retry_after, std::nullopt);
  EXPECT_EQ(told(R"({"wait":-5})").retry_after, std::chrono::seconds(0));
  EXPECT_EQ(told(R"({"wait":7})").why, "429 from POST /a: please wait 7");
}

TEST(InterpretTest, SaysWhatTheSystemSays) {
  struct Row {
    const char* type;
    const char* body;
    const char* why;
  };
  const std::vector<Row> rows = {
      {"application/json", R"({"message":"Bad credentials"})", "400 from POST /a: Bad credentials"},
      {"application/json", R"({"error":{"message":"no quota","code":7}})", "400 from POST /a: no quota"},
      {"application/json", R"({"errors":[{"message":"a"},{"message":"b"}]})", "400 from POST /a: a; b"},
      {"application/problem+json", R"({"title":"t","detail":"d"})", "400 from POST /a: d"},
      {"application/json", R"({"ok":1})", "400 from POST /a"},
      {"text/plain", "first line\nsecond", "400 from POST /a: first line"},
      {"text/html", "<html><body>nginx</body></html>", "400 from POST /a"},
      {"text/plain", "\xff\xfe", "400 from POST /a"},
      {"", R"({"message":"two\nlines  \u0007 here"})", "400 from POST /a: two lines here"},
  };
  const auto action = http_action("{method: POST, path: /a}");
  for (const Row& row : rows) {
    HttpResponse answer;
    answer.status = 400;
    answer.body = row.body;
    if (row.type[0] != '\0') answer.headers.set("Content-Type", row.type);
    HttpRequest request;
    request.method = "POST";
    request.target = "https://h/a";
    EXPECT_EQ(action->plan().calls()[0].interpret(request, answer, {}, kNow, {}).why, row.why) << row.body;
  }
}

// A secret that is cut, or whose lines are joined, would no longer be known as one: it is masked before.
TEST(InterpretTest, MasksWhatTheSystemSaysBeforeItIsShortened) {
  const std::string secret = "plainSecretValue77Abcdefgh12345";
  const std::string encoded = to_base64("Authorization: Bearer " + secret);
  Masker masker;
  masker.add(secret);
  const auto why_of = [&](const std::string& type, const std::string& body) {
    HttpResponse answer;
    answer.status = 400;
    answer.body = body;
    answer.headers.set("Content-Type", type);
    HttpRequest request;
    request.method = "POST";
    request.target = "https://h/a";
    return http_action("{method: POST, path: /a}")
        ->plan()
        .calls()[0]
        .interpret(request, answer, {}, kNow, masker)
        .why;
  };
  const std::vector<std::string> broken = {encoded.substr(0, 52) + "\r\n" + encoded.substr(52),
                                           secret.substr(0, 20) + "=\r\n" + secret.substr(20)};
  for (const std::string& text : broken) {
    const std::string left = text == broken[0] ? encoded.substr(0, 30) : "";  // what is not the secret's
    const std::string hidden = "400 from POST /a: it was " + left + "***";
    EXPECT_EQ(why_of("text/plain", "it was " + text + " here").substr(0, hidden.size()), hidden);
    const std::string body = postlude::to_text(json::object{{"message", "it was " + text + " here"}});
    EXPECT_EQ(why_of("application/json", body).substr(0, hidden.size()), hidden);
  }
  for (std::size_t before = 440; before < 510; ++before) {
    for (const std::string& text : {secret, encoded}) {
      const std::string why = why_of("text/plain", std::string(before, 'x') + text + std::string(100, 'y'));
      EXPECT_EQ(why.find(secret.substr(0, 4)), std::string::npos) << before;
      EXPECT_EQ(why.find(encoded.substr(32, 6)), std::string::npos) << before;
      EXPECT_LE(why.size(), 600U);
    }
  }
}

TEST(InterpretTest, AnAnswerThatSaysItIsJsonAndIsNot) {
  const auto action = http_action("{method: POST, path: /a}");
  HttpRequest request;
  request.method = "POST";
  request.target = "https://h/a";
  const Ending ending =
      action->plan().calls()[0].interpret(request, answer_json(200, R"({"a":)"), {}, kNow, {});
  EXPECT_EQ(ending.result, RequestResult::kUnclear);
  EXPECT_EQ(ending.why, "200 from POST /a: the answer says it is JSON but is not");
  EXPECT_EQ(action->plan().calls()[0].interpret(request, answer_json(204, ""), {}, kNow, {}).result,
            RequestResult::kSucceeded);
}

// Where the status would have settled it, the rule says no more the next time; of a 500 the next time may be
// a 200.
TEST(HttpTest, ARuleThatIsNoConditionIsMisread) {
  const auto action = http_action("{method: PUT, path: /a, retry: .response.body.later}");
  ASSERT_NE(action, nullptr);
  HttpRequest request;
  request.method = "PUT";
  request.target = "https://h/a";
  for (const auto& [status, misread] : {std::pair{200, true}, {404, true}, {500, false}, {503, false}}) {
    const Values values{lang::Evaluated(std::string("null"))};
    const Ending ending =
        action->plan().calls()[0].interpret(request, answer_json(status, "{}"), values, kNow, {});
    EXPECT_EQ(ending.result, RequestResult::kUnclear) << status;
    EXPECT_EQ(ending.misread, misread) << status;
    EXPECT_NE(ending.why.find("must yield true or false, not null"), std::string::npos) << ending.why;
  }
}

Story send(std::string_view with, const Target& target = target_at("https://h/base")) {
  std::string complaints;
  const auto action = http_action(with, &complaints);
  EXPECT_EQ(complaints, "");
  if (action == nullptr) return {};
  return carry_out(*action, target, {}, [](const HttpRequest&) { return answer_json(201, R"({"id":7})"); });
}

TEST(HttpTest, BuildsTheRequest) {
  EXPECT_EQ(send("path: /a").requests, (std::vector<std::string>{"GET https://h/base/a"}));
  EXPECT_EQ(send("path: /a").outputs,
            R"({"status":201,"headers":{"content-type":"application/json;charset=UTF-8"},"body":{"id":7}})");
  EXPECT_EQ(send("{method: get, path: '/a?x=1', query: {q: 'ü &', n: 1.10, none: '${{ null }}', l: '${{ [1, "
                 "true] }}'}}")
                .requests[0],
            "GET https://h/base/a?x=1&q=%C3%BC%20%26&n=1.10&l=1&l=true");
  EXPECT_EQ(
      send("{method: POST, path: /a, body: {name: '${{ .event.name }}', n: 1, t: 'v${{ 1 }}'}}").requests[0],
      R"(POST https://h/base/a {"name":"podinfo","n":1,"t":"v1"})");
  EXPECT_EQ(send("{method: POST, path: /a, form: {name: '${{ .event.name }}', v: 1.10}}").requests[0],
            "POST https://h/base/a name=podinfo&v=1.10");
  const Story text = send(
      "{method: PUT, path: /a, text: 'hi ${{ .event.name }}', headers: {X-A: no, Content-Type: text/x}}");
  EXPECT_EQ(text.requests[0], "PUT https://h/base/a hi podinfo");
  EXPECT_EQ(text.headers[0].get("x-a"), "no");
  EXPECT_EQ(text.headers[0].get("content-type"), "text/x");
  EXPECT_EQ(send("{url: 'https://h/other?x'}").requests[0], "GET https://h/other?x");
  EXPECT_EQ(send("{url: 'https://h:443/other'}").requests[0], "GET https://h:443/other");
  const Story keyed = send("{method: POST, path: /a, idempotencyHeader: Idempotency-Key}");
  EXPECT_EQ(keyed.headers[0].get("idempotency-key"), "k-123");
  Target with_headers = target_at("https://h");
  with_headers.headers.set("X-Team", "pay");
  EXPECT_EQ(send("path: /a", with_headers).headers[0].get("x-team"), "pay");
}

// Without credentials there is nothing that another host must not get.
TEST(HttpTest, WithoutATargetTheStepSaysWhereTo) {
  Target none;
  none.name = "http";
  none.connector = "http";
  EXPECT_EQ(send("url: 'https://other.example/a'", none).stopped, "");
  none.auth.kind = Auth::Kind::kBearer;
  EXPECT_EQ(send("url: 'https://other.example/a'", none).stopped,
            "cannot be built: a URL begins with https:// or http://");
}

TEST(HttpTest, StaysOnItsHost) {
  const auto stopped = [](const char* with) { return send(with).stopped; };
  const char* away = "cannot be built: the URL https://evil is not on the target's host https://h";
  EXPECT_EQ(stopped("url: https://evil/a"), away);
  EXPECT_EQ(stopped("url: 'http://h/a'"),
            "cannot be built: the URL http://h is not on the target's host https://h");
  EXPECT_EQ(stopped("url: 'https://h:8443/a'"),
            "cannot be built: the URL https://h:8443 is not on the target's host https://h");
  EXPECT_EQ(stopped("url: 'https://h@evil/a'"),
            "cannot be built: a URL cannot have a user name or password; put them into `auth`");
  EXPECT_EQ(stopped("path: '/a/${{ \"../../x\" }}'"),
            "cannot be built: the path may not hold `.` or `..` as a part");
  EXPECT_EQ(stopped("path: '/a/${{ \"%2e%2E\" }}/x'"),
            "cannot be built: the path may not hold `.` or `..` as a part");
  EXPECT_EQ(stopped("path: '${{ \"@evil/\" }}'"),
            "cannot be built: the path `@evil/` must begin with a slash");
  EXPECT_EQ(
      stopped("path: '/a${{ \"\\r\\nX: y\" }}'"),
      "cannot be built: the path holds a character that must be encoded; end its expressions in `| @uri`");
  EXPECT_EQ(stopped("{path: /a, headers: {X: \"${{ \\\"a\\\\r\\\\nY: z\\\" }}\"}}"),
            "cannot be built: headers.X: the value must be one line");
}

TEST(HttpTest, Rules) {
  EXPECT_EQ(send("{method: POST, path: /a, success: .response.body.id == 7}").stopped, "");
  EXPECT_EQ(send("{method: POST, path: /a, success: .response.body.id == 8}").stopped,
            "unclear: 201 from POST /base/a: `success` is not met");
  EXPECT_EQ(send("{method: POST, path: /a, refuse: .response.status == 201}").stopped,
            "refused: 201 from POST /base/a");
  EXPECT_EQ(send("{method: POST, path: /a, retry: .response.body.id == 7}").stopped,
            "retryable: 201 from POST /base/a");
}

// A proxy's page instead of the system's answer: no rule has said yes, and none has said no.
TEST(HttpTest, RulesThatCannotBeAsked) {
  const auto stopped = [](std::string_view rule, int status) {
    const auto action = http_action("{method: POST, path: /a, " + std::string(rule) + "}");
    const Story story = carry_out(*action, target_at("https://h"), {}, [&](const HttpRequest&) {
      HttpResponse page;
      page.status = status;
      page.headers.set("Content-Type", "text/html");
      page.body = "<html>sign in</html>";
      return page;
    });
    return story.stopped.substr(0, story.stopped.find(" from"));
  };
  EXPECT_EQ(stopped("refuse: .response.body.ok == false", 200), "unclear: 200");
  EXPECT_EQ(stopped("retry: .response.body.busy", 200), "unclear: 200");
  EXPECT_EQ(stopped("success: .response.body.ok", 200), "unclear: 200");
  EXPECT_EQ(stopped("retry: .response.body.busy", 409), "unclear: 409");
  EXPECT_EQ(stopped("success: .response.body.ok", 403), "refused: 403");
  EXPECT_EQ(stopped("refuse: .response.body.ok == false", 403), "refused: 403");
  EXPECT_EQ(stopped("refuse: .response.body.ok == false", 429), "retryable: 429");
}

TEST(HttpTest, Effects) {
  const auto effect = [](const char* with) {
    const auto action = http_action(with);
    const Call& call = action->plan().calls()[0];
    return std::string(postlude::to_text(call.effect())) + " " +
           std::string(postlude::to_text(call.on_unclear()));
  };
  EXPECT_EQ(effect("path: /a"), "read hold");
  EXPECT_EQ(effect("{method: HEAD, path: /a}"), "read hold");
  EXPECT_EQ(effect("{method: PUT, path: /a}"), "state hold");
  EXPECT_EQ(effect("{method: delete, path: /a}"), "state hold");
  EXPECT_EQ(effect("{method: POST, path: /a}"), "none hold");
  EXPECT_EQ(effect("{method: PATCH, path: /a}"), "none hold");
  EXPECT_EQ(effect("{method: POST, path: /a, idempotencyHeader: K}"), "key hold");
  EXPECT_EQ(effect("{method: POST, path: /a, effect: read}"), "read hold");
  EXPECT_EQ(effect("{method: POST, path: /a, effect: key, body: {k: '${{ .key }}'}}"), "key hold");
}

struct BrokenWith {
  const char* with;
  const char* complaint;
};

TEST(HttpTest, Broken) {
  const std::vector<BrokenWith> rows = {
      {"a", "w.yaml:1:1: http/request needs `with`: a map with `method`, and `path` or `url`\n"},
      {"{method: GET}",
       "w.yaml:1:1: http/request needs `path` (from the target's URL on) or `url`, one of them\n"},
      {"{path: /a, url: 'https://h'}",
       "w.yaml:1:1: http/request needs `path` (from the target's URL on) or `url`, one of them\n"},
      {"{path: a}", "w.yaml:1:8: a path begins with a slash; the host is the target's\n"},
      {"{path: /a, methd: POST}", "w.yaml:1:12: http/request has no `methd`; did you mean `method`?\n"},
      {"{path: /a, method: FETCH}",
       "w.yaml:1:20: `FETCH` is not an HTTP method; valid: GET, HEAD, POST, PUT, PATCH, DELETE\n"},
      {"{path: /a, body: {}}", "w.yaml:1:18: a request with `GET` has no body\n"},
      {"{path: /a, method: POST, body: {}, text: x}",
       "w.yaml:1:42: a request has one of `body`, `form`, `text`\n"},
      {"{path: /a, headers: {authorization: x}}",
       "w.yaml:1:22: credentials belong in the target's `auth`, not in `headers`\n"},
      {"{path: /a, effect: state}", "w.yaml:1:20: `GET` is read; its `effect` can only be read\n"},
      {"{path: /a, method: PUT, effect: read}",
       "w.yaml:1:33: `PUT` is not read; its effect is state, upsert, key or none\n"},
      {"{path: /a, method: POST, effect: lookup}",
       "w.yaml:1:34: `effect: lookup` is not valid for http/request; valid: read, state, upsert, key, "
       "none\n"},
      {"{path: /a, method: POST, effect: key}",
       "w.yaml:1:34: effect key needs `idempotencyHeader`, or `.key` in the request\n"},
  };
  for (const BrokenWith& row : rows) {
    std::string complaints;
    EXPECT_EQ(http_action(row.with, &complaints), nullptr) << row.with;
    EXPECT_EQ(complaints, row.complaint) << row.with;
  }
}

const char* kInput = R"(
connector: c
summary: C
auth: [none]
actions:
  a:
    summary: A
    redact: [token]
    input:
      type: object
      required: [name]
      properties:
        name: {type: string, minLength: 2}
        count: {type: integer, default: 3, maximum: 5}
        color: {enum: [red, green]}
        day: {type: string, format: date}
        tag: {type: string, pattern: "^[a-z]+$"}
        slow: {type: string, pattern: "^([a-z0-9]+-?)+$"}
        flags: {type: array, items: {type: boolean}}
        deep: {type: object, additionalProperties: false, properties: {a: {type: string, default: x}}}
        either: {oneOf: [{type: string}, {type: integer}]}
    requests:
      - {get: /a}
)";

std::shared_ptr<const Action> input_action() {
  lang::Problems problems;
  const auto connector = Connector::read(kInput, "c.yaml", problems);
  for (const lang::Problem& problem : problems)
    ADD_FAILURE() << lang::to_text(problem);
  return connector->actions()[0];
}

TEST(InputTest, Values) {
  const auto action = input_action();
  const std::string long_tag(5000, 'a');
  const std::vector<std::pair<std::string, std::string>> rows = {
      {R"({"name":"ab"})", R"({"name":"ab","count":3})"},
      {R"({"name":"ab","deep":{},"count":4})", R"({"name":"ab","deep":{"a":"x"},"count":4})"},
      {R"({"name":"ab","either":1})", R"({"name":"ab","either":1,"count":3})"},
      {"null", "with: `name` is missing"},
      {"{}", "with: `name` is missing"},
      {R"({"name":null})", "with.name: null; expected text"},
      {R"({"name":7})", "with.name: 7; expected text"},
      {R"({"name":"a"})", "with.name: String should be no fewer than 2 characters in length."},
      {R"({"name":"ab","count":"4"})", "with.count: \"4\"; expected a whole number"},
      {R"({"name":"ab","count":6})", "with.count: Expected number less than or equal to 5.000000"},
      {R"({"name":"ab","nmae":1})", "with: unknown field `nmae`; did you mean `name`?"},
      {R"({"name":"ab","color":"blue"})", "with.color: \"blue\" is none of: red, green"},
      {R"({"name":"ab","day":"22/11/2026"})", "with.day: String should be a valid date"},
      {R"({"name":"ab","tag":"A"})", "with.tag: \"A\" does not match ^[a-z]+$"},
      {R"({"name":"ab","tag":")" + long_tag + "\"}",
       R"({"name":"ab","tag":")" + long_tag + R"(","count":3})"},
      {R"({"name":"ab","flags":[true,"no"]})", "with.flags[1]: \"no\"; expected true or false"},
      {R"({"name":"ab","deep":{"b":1}})", "with.deep: unknown field `b`; did you mean `a`?"},
      {R"({"name":")" + std::string(70000, 'a') + "\"}", "with.name: text longer than 64 KiB"},
  };
  for (const auto& [with, expected] : rows) {
    const Result<json::value> result = validate_input(*action, json::parse(with));
    EXPECT_EQ(result ? to_text(*result) : result.error().message, expected) << with.substr(0, 80);
  }
}

// What a sender's text meets must not take for ever over it: std::regex would, of this.
TEST(InputTest, APatternTakesTimeAsLongAsTheText) {
  const auto action = input_action();
  const std::string text = std::string(60'000, 'a') + "_x";
  const auto result = validate_input(*action, json::parse(R"({"name":"ab","slow":")" + text + "\"}"));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("does not match ^([a-z0-9]+-?)+$"), std::string::npos);
}

TEST(InputTest, NamesTheExpression) {
  lang::Problems problems;
  const auto node = lang::read_yaml("name: ${{ .event.metadata.project }}\n", "w.yaml", problems);
  const auto result = validate_input(*input_action(), json::parse(R"({"name":null})"), &*node);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "with.name: null; expected text, from ${{ .event.metadata.project }} (w.yaml:1:7)");
}

TEST(InputTest, BeforeAnythingIsEvaluated) {
  const auto action = input_action();
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"{name: ab}", ""},
      {"{name: 1.10, count: 4}", ""},
      {"{name: '${{ .x }}', count: '${{ .y }}'}", ""},
      {"'${{ .x }}'", ""},
      {"{}", "w.yaml:1:1: `with` needs `name`: c/a requires it\n"},
      {"{name: ab, nmae: x}", "w.yaml:1:12: unknown field `nmae`; did you mean `name`?\n"},
      {"{name: ab, count: many}", "w.yaml:1:19: with.count: \"many\"; expected a whole number\n"},
      {"{name: ab, count: 9}", "w.yaml:1:19: with.count: Expected number less than or equal to 5.000000\n"},
      {"{name: ab, color: blue}", "w.yaml:1:19: with.color: \"blue\" is none of: red, green\n"},
      {"[a]", "w.yaml:1:1: `with` must be a map\n"},
  };
  for (const auto& [with, expected] : rows) {
    lang::Problems problems;
    const auto node = lang::read_yaml(with, "w.yaml", problems);
    check_input(*action, &*node, {"w.yaml", 9, 9}, problems);
    std::string text;
    for (const lang::Problem& problem : problems)
      text += lang::to_text(problem) + "\n";
    EXPECT_EQ(text, expected) << with;
  }
  lang::Problems problems;
  check_input(*action, nullptr, {"w.yaml", 9, 9}, problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(lang::to_text(problems[0]), "w.yaml:9:9: `with` needs `name`: c/a requires it");
}

TEST(ActionTest, Redacts) {
  EXPECT_EQ(input_action()->redact(R"({"a":[{"Token":"x","b":"y"}]})"), R"({"a":[{"Token":"***","b":"y"}]})");
}

TEST(ResponseContextTest, ReadsTheBody) {
  struct Row {
    const char* type;
    const char* body;
    const char* context;
  };
  const std::vector<Row> rows = {
      {"application/json", R"({"a":1})",
       R"({"status":200,"headers":{"content-type":"application/json"},"body":{"a":1},"text":"{\"a\":1}"})"},
      {"text/plain", R"([1])",
       R"({"status":200,"headers":{"content-type":"text/plain"},"body":[1],"text":"[1]"})"},
      {"text/plain", "ok",
       R"({"status":200,"headers":{"content-type":"text/plain"},"body":"ok","text":"ok"})"},
      {"text/plain", "7", R"({"status":200,"headers":{"content-type":"text/plain"},"body":"7","text":"7"})"},
      {"application/json", "7",
       R"({"status":200,"headers":{"content-type":"application/json"},"body":7,"text":"7"})"},
      {"text/plain", "", R"({"status":200,"headers":{"content-type":"text/plain"},"body":null,"text":""})"},
      {"text/plain", "\xff",
       R"({"status":200,"headers":{"content-type":"text/plain"},"body":null,"text":""})"},
  };
  for (const Row& row : rows) {
    HttpResponse response;
    response.status = 200;
    response.headers.set("Content-Type", row.type);
    response.body = row.body;
    EXPECT_EQ(to_text(json::value(response_context(response))), row.context) << row.body;
  }
  HttpResponse repeated;
  repeated.status = 200;
  repeated.headers.add("X-A", "1");
  repeated.headers.add("x-a", "2");
  EXPECT_EQ(to_text(response_context(repeated)["headers"]), R"({"x-a":"1, 2"})");
}

}  // namespace
}  // namespace postlude::connector
