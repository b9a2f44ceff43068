#include "intake/judge.h"

#include "base/text.h"
#include "intake/answer.h"
#include "unit/intake/fixture.h"

namespace postlude::intake {
namespace {

using fixture::judged;
using fixture::kGood;
using fixture::kNothingHidden;
using fixture::kProof;
using fixture::kSecrets;
using fixture::plain;
using fixture::post;
using fixture::sources_of;
using fixture::status_of;
using fixture::stored;
using fixture::testdata;

Sources with_metadata_proof() {
  return sources_of(
      "flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}, {metadata: token, secret: {env: META}}]}");
}

// --- the head

struct HeadCase {
  std::string what;
  std::string method, target;
  std::vector<Header> headers;
  bool headers_too_large;
  int status;  // 0: read the body
};

TEST(JudgeHead, FollowsTheOrderOfTheContract) {
  const Sources sources = sources_of("flagger: {type: flagger, auth: [none], maxBody: 1KiB}");
  const std::string hook = "/hooks/flagger/post-rollout";
  const Header json{"Content-Type", "application/json"};
  const std::vector<HeadCase> cases{
      {"good", "POST", hook, {json}, false, 0},
      {"gate", "POST", "/hooks/flagger/rollback", {json}, false, 0},
      {"404 before 405", "GET", "/x", {}, true, 404},
      {"405 before 431", "GET", hook, {}, true, 405},
      {"HEAD", "HEAD", hook, {}, false, 405},
      {"PUT on a gate", "PUT", "/hooks/flagger/confirm-rollout", {json}, false, 405},
      {"lower case", "post", hook, {json}, false, 405},
      {"431 before 415", "POST", hook, {}, true, 431},
      {"no content type", "POST", hook, {}, false, 415},
      {"text", "POST", hook, {{"Content-Type", "text/plain"}}, false, 415},
      {"form", "POST", hook, {{"Content-Type", "application/x-www-form-urlencoded"}}, false, 415},
      {"jsonp", "POST", hook, {{"Content-Type", "application/jsonp"}}, false, 415},
      {"+json", "POST", hook, {{"Content-Type", "application/cloudevents+json"}}, false, 0},
      {"only +json", "POST", hook, {{"Content-Type", "application/+json"}}, false, 415},
      {"no slash", "POST", hook, {{"Content-Type", "x+json"}}, false, 415},
      {"case", "POST", hook, {{"content-type", "Application/JSON"}}, false, 0},
      {"charset", "POST", hook, {{"Content-Type", "application/json; charset=utf-8"}}, false, 0},
      {"charset quoted", "POST", hook, {{"Content-Type", "application/json;charset=\"UTF-8\""}}, false, 0},
      {"charset utf-16", "POST", hook, {{"Content-Type", "application/json; charset=utf-16"}}, false, 415},
      {"charset latin",
       "POST",
       hook,
       {{"Content-Type", "application/json; x=y; charset=iso-8859-1"}},
       false,
       415},
      {"two types", "POST", hook, {json, {"Content-Type", "text/plain"}}, false, 415},
      {"gzip", "POST", hook, {json, {"Content-Encoding", "gzip"}}, false, 415},
      {"identity", "POST", hook, {json, {"Content-Encoding", "identity"}}, false, 0},
      {"identity, gzip",
       "POST",
       hook,
       {json, {"Content-Encoding", "identity"}, {"Content-Encoding", "br"}},
       false,
       415},
      {"415 before 413", "POST", hook, {{"Content-Length", "9999"}}, false, 415},
      {"at the limit", "POST", hook, {json, {"Content-Length", "1024"}}, false, 0},
      {"over the limit", "POST", hook, {json, {"Content-Length", "1025"}}, false, 413},
      {"far over", "POST", hook, {json, {"Content-Length", "99999999999999999999999"}}, false, 413},
      {"413 on a gate", "POST", "/hooks/flagger/rollback", {json, {"Content-Length", "1025"}}, false, 413},
  };
  for (const HeadCase& c : cases) {
    HttpRequest head;
    head.method = c.method;
    head.target = c.target;
    head.headers.list = c.headers;
    head.received_at = fixture::kNow;
    const auto refusal = judge_head(sources, head, c.headers_too_large, &kNothingHidden);
    EXPECT_EQ(refusal ? refusal->status : 0, c.status) << c.what;
    if (!refusal) continue;
    EXPECT_EQ(refusal->keep, Keep::kSample) << c.what;
    EXPECT_EQ(refusal->delivery.verdict, Verdict::kRejected);
    EXPECT_EQ(refusal->delivery.status, c.status);
    EXPECT_TRUE(refusal->delivery.reason.starts_with(refusal->detail));
    EXPECT_EQ(refusal->title, title_of(c.status));
    EXPECT_EQ(refusal->delivery.source, c.status == 404 ? "" : "flagger");
    EXPECT_FALSE(refusal->detail.empty());
  }
}

TEST(JudgeHead, KeepsSecretsOfStrayCallsOutOfTheRecord) {
  const Sources sources = sources_of(
      "flagger: {type: flagger, auth: [{query: k, secret: {env: TOKEN}}, {header: X-Mine, secret: {env: "
      "TOKEN}}]}");
  const auto refusal = judge_head(sources,
                                  post("/hooks/fagger/post-rollout?k=s3cret-token&x=1", "",
                                       {{"X-Mine", "s3cret-token"}, {"Authorization", "Basic czNjcmV0"}}),
                                  false, &kNothingHidden);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 404);
  EXPECT_EQ(refusal->delivery.target, "/hooks/fagger/post-rollout?k=***&x=1");
  EXPECT_EQ(refusal->delivery.headers.find("s3cret"), std::string::npos) << refusal->delivery.headers;
  EXPECT_EQ(refusal->delivery.headers.find("czNj"), std::string::npos) << refusal->delivery.headers;
  EXPECT_EQ(refusal->detail, "no such path") << "strangers learn no configured path";
  EXPECT_NE(refusal->delivery.reason.find("/hooks/flagger/post-rollout ("), std::string::npos);
  EXPECT_LE(judge_head(sources, post("/" + std::string(9000, 'x'), ""), false, &kNothingHidden)
                ->delivery.target.size(),
            1024U);
}

TEST(JudgeHead, RefusesABodyThatTurnedOutTooLarge) {
  const Sources sources = plain();
  const Refusal refusal = too_large(fixture::route_of(sources, "/hooks/flagger/post-rollout"),
                                    post("/hooks/flagger/post-rollout", ""), &kNothingHidden);
  EXPECT_EQ(refusal.status, 413);
  EXPECT_EQ(refusal.detail, "the body is larger than 1048576 bytes");
}

// --- the body

struct BodyCase {
  std::string hook, body;
  int status;
  std::string detail;
};

std::string nested(std::size_t depth) {
  return R"({"name":"a","namespace":"b","phase":"Failed","x":)" + std::string(depth, '[') +
         std::string(depth, ']') + "}";
}

const std::vector<BodyCase>& bodies() {
  static const std::vector<BodyCase> kBodies{
      {"post-rollout", kGood, 0, ""},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Failed"})", 0, ""},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Failed","new":[1,{"x":null}],"metadata":{}})",
       0, ""},
      {"post-rollout", " \n{\"name\":\"a\",\"namespace\":\"b\",\"phase\":\"Failed\"}\r\n", 0, ""},
      {"post-rollout", R"({"name":"名","namespace":"b","phase":"Failed"})", 400, "name is no"},
      {"pre-rollout", R"({"name":"a","namespace":"b","phase":"Progressing"})", 0, ""},
      {"event", R"({"name":"a","namespace":"b","phase":""})", 0, ""},
      {"post-rollout", nested(63), 0, ""},
      {"post-rollout", nested(64), 400, "JSON nested deeper than 64 levels"},
      {"post-rollout", "", 400, "not JSON: incomplete JSON at byte 0"},
      {"post-rollout", "{", 400, "not JSON"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Failed")", 400, "not JSON"},
      {"post-rollout", R"({"name":"a" "namespace":"b"})", 400, "at byte 12"},
      {"post-rollout", kGood + kGood, 400, "something follows the value at byte 81"},
      {"post-rollout", "name=podinfo", 400, "not JSON"},
      {"post-rollout", "null", 400, "the body must be a JSON object and is null"},
      {"post-rollout", "[" + kGood + "]", 400, "the body must be a JSON object and is a list"},
      {"post-rollout", "\"x\"", 400, "the body must be a JSON object and is text"},
      {"post-rollout", "{}", 400, "namespace is missing"},
      {"post-rollout", R"({"namespace":"b","phase":"Failed"})", 400, "name is missing"},
      {"post-rollout", R"({"name":"a","phase":"Failed"})", 400, "namespace is missing"},
      {"post-rollout", R"({"name":"a","namespace":"b"})", 400, "phase is missing"},
      {"event", R"({"name":"a","namespace":"b"})", 400, "phase is missing"},
      {"post-rollout", R"({"name":"","namespace":"b","phase":"Failed"})", 400, "name is empty"},
      {"post-rollout", R"({"name":"a","namespace":"","phase":"Failed"})", 400, "namespace is empty"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":""})", 400, "phase is empty"},
      {"post-rollout", R"({"name":1,"namespace":"b","phase":"Failed"})", 400,
       "name must be text and is a number"},
      {"post-rollout", R"({"name":null,"namespace":"b","phase":"Failed"})", 400,
       "name must be text and is null"},
      {"post-rollout", R"({"name":"a","namespace":["b"],"phase":"Failed"})", 400,
       "namespace must be text and is a list"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":true})", 400,
       "phase must be text and is a boolean"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Failed","checksum":7})", 400,
       "checksum must be text and is a number"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Failed","metadata":"x"})", 400,
       "metadata must be an object and is text"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Failed","metadata":{"weight":5}})", 400,
       "the values of metadata must be text and one is a number"},
      {"post-rollout", R"({"name":"a/b","namespace":"b","phase":"Failed"})", 400,
       "name is not a valid name of a Kubernetes object"},
      {"post-rollout", R"({"name":"a\n","namespace":"b","phase":"Failed"})", 400,
       "name is not a valid name of a Kubernetes object"},
      {"post-rollout", R"({"name":"a","namespace":")" + std::string(254, 'n') + R"(","phase":"Failed"})", 400,
       "namespace is not a valid name"},
      {"post-rollout", "{\"name\":\"caf\xe9\",\"namespace\":\"b\",\"phase\":\"Failed\"}", 400, "not UTF-8"},
      {"post-rollout", "{\"name\":\"\xed\xa0\x80\",\"namespace\":\"b\",\"phase\":\"Failed\"}", 400,
       "not UTF-8"},
      {"post-rollout", "\xef\xbb\xbf" + kGood, 400, "a byte order mark"},
      {"post-rollout", testdata("flagger-event-promotion-completed.json"), 403, "at /hooks/flagger/event"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Failed","metadata":null})", 0, ""},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Failed","checksum":null})", 0, ""},
      {"event", R"({"name":"a.b-1","namespace":"b-1","phase":""})", 0, ""},
      {"event", R"({"name":")" + std::string(253, 'a') + R"(","namespace":"b","phase":""})", 0, ""},
      {"event", R"({"name":")" + std::string(254, 'a') + R"(","namespace":"b","phase":""})", 400,
       "name is no"},
      {"event", R"({"name":"a","namespace":")" + std::string(63, 'b') + R"(","phase":""})", 0, ""},
      {"event", R"({"name":"a","namespace":")" + std::string(64, 'b') + R"(","phase":""})", 400,
       "namespace is no"},
      {"event", R"({"name":"a","namespace":"b.c","phase":""})", 400, "namespace is no"},
      {"event", R"({"name":"A","namespace":"b","phase":""})", 400, "name is no"},
      {"event", R"({"name":"a_b","namespace":"b","phase":""})", 400, "name is no"},
      {"event", R"({"name":"-a","namespace":"b","phase":""})", 400, "name is no"},
      {"event", R"({"name":"a-","namespace":"b","phase":""})", 400, "name is no"},
      {"event", R"({"name":"a..b","namespace":"b","phase":""})", 400, "name is no"},
      {"event", R"({"name":"a.","namespace":"b","phase":""})", 400, "name is no"},
      {"event", R"({"name":"a b","namespace":"b","phase":""})", 400, "name is no"},
      {"event", R"({"name":"é","namespace":"b","phase":""})", 400, "name is no"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Progressing"})", 403,
       "takes the phases Succeeded and Failed only"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"succeeded"})", 403,
       "takes the phases Succeeded and Failed only; did you mean 'Succeeded'?"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Suceeded"})", 403,
       "takes the phases Succeeded and Failed only; did you mean 'Succeeded'?"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Mystery"})", 403,
       "takes the phases Succeeded and Failed only: point an entry"},
      {"post-rollout", R"({"name":"a","namespace":"b","phase":"Waiting"})", 403,
       "takes the phases Succeeded and Failed only"},
  };
  return kBodies;
}

TEST(Judge, ReadsBodies) {
  const Sources sources = plain();
  for (const BodyCase& c : bodies()) {
    const Judged result = judged(sources, post("/hooks/flagger/" + c.hook, c.body, {kProof}), kSecrets);
    ASSERT_EQ(status_of(result), c.status) << c.body;
    EXPECT_TRUE(result.proof);
    if (c.status == 0) {
      ASSERT_TRUE(result.event);
      EXPECT_EQ(result.event->payload, c.body);
      EXPECT_EQ(result.delivery.body, c.body);
      EXPECT_EQ(result.delivery.verdict, Verdict::kAccepted);
      EXPECT_EQ(result.delivery.reason, "");
      continue;
    }
    EXPECT_FALSE(result.event);
    ASSERT_NE(result.refusal->detail.find(c.detail), std::string::npos) << result.refusal->detail;
    EXPECT_EQ(result.refusal->keep, Keep::kStore) << "authentic: kept with its problem";
    EXPECT_EQ(result.refusal->delivery.body, c.body);
    EXPECT_EQ(result.refusal->delivery.status, c.status);
    EXPECT_FALSE(result.refusal->delivery.reason.empty());
    EXPECT_EQ(result.refusal->delivery.proof, "bearer");
  }
}

TEST(Judge, NamesInTheRecordWhatItDoesNotEchoInTheAnswer) {
  const Judged result =
      judged(plain(),
             post("/hooks/flagger/post-rollout",
                  R"({"name":"a","namespace":"b","phase":"Failed","metadata":{"weight":5}})", {kProof}),
             kSecrets);
  ASSERT_TRUE(result.refusal);
  EXPECT_EQ(result.refusal->detail.find("weight"), std::string::npos);
  EXPECT_EQ(result.refusal->delivery.reason, "metadata.weight must be text and is a number");
}

TEST(Judge, RefusesWithoutProofAndKeepsNoBody) {
  const Sources sources = plain();
  const std::vector<std::pair<std::vector<Header>, int>> cases{
      {{}, 401}, {{{"Authorization", "Bearer wrong-one"}}, 403}};
  for (const std::string& body : {kGood, std::string("{"), std::string()}) {  // 401 and 403 before 400
    for (const auto& [headers, status] : cases) {
      const Judged result = judged(sources, post("/hooks/flagger/post-rollout", body, headers), kSecrets);
      ASSERT_EQ(status_of(result), status);
      EXPECT_EQ(result.refusal->keep, Keep::kSample);
      EXPECT_EQ(result.refusal->delivery.body, "");
      EXPECT_EQ(result.refusal->delivery.proof, "");
      EXPECT_EQ(result.identity.canary, "");
      EXPECT_FALSE(result.proof);
      EXPECT_EQ(stored(result).find("wrong-one"), std::string::npos);
      EXPECT_EQ(result.refusal->challenge, status == 401 ? "Bearer realm=\"postlude\"" : "");
    }
  }
}

TEST(Judge, AsksTheRateOnlyForAuthenticCalls) {
  const Sources sources = plain();
  const Route route = fixture::route_of(sources, "/hooks/flagger/post-rollout");
  Mask hidden;
  int asked = 0;
  std::vector<std::string> refused;
  const Asks over{[&] {
                    ++asked;
                    return false;
                  },
                  [&](std::string_view proof) {
                    refused.emplace_back(proof);
                    return true;
                  }};
  EXPECT_EQ(status_of(judge(route, post("/hooks/flagger/post-rollout", kGood), kSecrets, over, hidden,
                            fixture::kNow)),
            401);
  EXPECT_EQ(asked, 0);
  const Judged result = judge(route, post("/hooks/flagger/post-rollout", "{", {kProof}), kSecrets, over,
                              hidden, fixture::kNow);  // before 400
  EXPECT_EQ(status_of(result), 429);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(result.refusal->keep, Keep::kSample);
  EXPECT_EQ(result.refusal->delivery.body, "");
  ASSERT_EQ(refused.size(), 2U);  // each refusal asks whether it is recorded
  EXPECT_EQ(refused[0], "");
  EXPECT_EQ(refused[1], result.proof->proof());
}

// What is only counted is not searched for secrets: that takes longer than the refusal itself.
TEST(Judge, RecordsOnlyWhatItIsAskedTo) {
  const Sources sources = plain();
  const Route route = fixture::route_of(sources, "/hooks/flagger/post-rollout");
  Mask hidden;
  for (const bool recorded : {true, false}) {
    const Asks asks{[] { return false; }, [&](std::string_view) { return recorded; }};
    for (const Headers& headers : {Headers{}, Headers{{kProof}}}) {
      HttpRequest request = post("/hooks/flagger/post-rollout", kGood);
      for (const Header& header : headers.list)
        request.headers.add(header.name, header.value);
      const Judged result = judge(route, std::move(request), kSecrets, asks, hidden, fixture::kNow);
      ASSERT_TRUE(result.refusal);
      const Delivery& d = result.refusal->delivery;
      EXPECT_EQ(d.source, "flagger");
      EXPECT_EQ(d.hook, "post-rollout");
      EXPECT_EQ(d.status, result.refusal->status);
      EXPECT_NE(d.reason, "");
      EXPECT_EQ(d.target.empty(), !recorded);
      EXPECT_EQ(d.headers.empty(), !recorded);
    }
  }
}

TEST(Judge, SaysSoWhereAMetadataProofCannotBeLookedFor) {
  const Sources sources = with_metadata_proof();
  const Judged nobody = judged(
      sources, post("/hooks/flagger/post-rollout", "{\"metadata\":{\"token\":\"s3cret-meta\""), kSecrets);
  EXPECT_EQ(status_of(nobody), 400);
  EXPECT_EQ(nobody.refusal->keep, Keep::kSample);
  EXPECT_EQ(nobody.refusal->delivery.body, "");
  const Judged wrong =
      judged(sources, post("/hooks/flagger/post-rollout", "{", {{"Authorization", "Bearer x"}}), kSecrets);
  EXPECT_EQ(status_of(wrong), 400);
  const Judged known = judged(sources, post("/hooks/flagger/post-rollout", "{", {kProof}), kSecrets);
  EXPECT_EQ(status_of(known), 400);
  EXPECT_EQ(known.refusal->keep, Keep::kStore);
  EXPECT_EQ(status_of(judged(sources, post("/hooks/flagger/post-rollout", kGood), kSecrets)), 401);
}

TEST(Judge, TurnsFlaggersBytesIntoEvents) {
  const Sources sources = plain();
  const std::vector<std::pair<std::string, std::string>> cases{
      {"flagger-post-rollout", "post-rollout"},
      {"flagger-post-rollout-failed", "post-rollout"},
      {"flagger-1.33-post-rollout", "post-rollout"},
      {"flagger-pre-rollout", "pre-rollout"},
      {"flagger-rollout", "rollout"},
      {"flagger-event", "event"},
      {"flagger-event-early", "event"}};
  for (const auto& [file, hook] : cases) {
    const std::string body = testdata(file + ".json");
    const Judged result = judged(sources, post("/hooks/flagger/" + hook, body, {kProof}), kSecrets);
    ASSERT_EQ(status_of(result), 0) << file;
    EXPECT_EQ(result.event->payload, body) << "the bytes as they came";
    json::value seen = *parse_json(document(*result.event));
    EXPECT_EQ(find_text(seen, "receivedAt"), "2026-11-22T10:11:12.000Z");
    seen.get_object().erase("id");
    seen.get_object().erase("receivedAt");
    EXPECT_EQ(seen, *parse_json(testdata(file + ".event.json"))) << file << "\n" << to_pretty(seen);
  }
}

TEST(Judge, ReadsTheRequestThatFlaggerSends) {
  const std::string raw = testdata("flagger-post-rollout.http");
  const std::size_t end = raw.find("\r\n\r\n");
  HttpRequest request = post("/hooks/flagger/post-rollout", raw.substr(end + 4), {kProof});
  for (const std::string_view line : split(std::string_view(raw).substr(0, end), '\n')) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    std::string value(line.substr(colon + 2));
    if (value.ends_with('\r')) value.pop_back();
    if (line.starts_with("Content-Type")) request.headers.remove("Content-Type");
    request.headers.add(line.substr(0, colon), value);
  }
  EXPECT_EQ(request.body, testdata("flagger-post-rollout.json"));
  EXPECT_FALSE(judge_head(plain(), request, false, &kNothingHidden));
  EXPECT_EQ(status_of(judged(plain(), request, kSecrets)), 0);
}

// --- gates

TEST(Judge, NeverLetsAnythingThroughOnAGate) {
  const Sources sources = sources_of(
      "flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}, {metadata: token, secret: {env: META}}], "
      "rate: 1/s,\n"
      "  paths: {/go: confirm-promotion, /back: rollback},\n"
      "  accept: {rollback: {phase: nothing}, confirm-promotion: {phase: nothing}}}");
  std::vector<std::string> targets{"/go", "/back/"};
  for (const std::string& hook : flagger_hooks()) {
    if (is_gate(hook)) targets.push_back("/hooks/flagger/" + hook);
  }
  for (const std::string& target : targets) {
    for (const BodyCase& c : bodies()) {
      for (const std::vector<Header>& headers : std::vector<std::vector<Header>>{
               {}, {{"Authorization", "Bearer no"}}, {kProof}, {kProof, {"Idempotency-Key", "1"}}}) {
        for (const bool within : {true, false}) {
          const Judged result = judged(sources, post(target, c.body, headers), kSecrets, within);
          ASSERT_TRUE(result.refusal) << target << c.body;
          EXPECT_GE(result.refusal->status, 400);
          EXPECT_FALSE(result.event);
          EXPECT_FALSE(result.filtered);
          if (result.proof) {
            EXPECT_EQ(result.refusal->status, within ? 403 : 429) << target << c.body;
          }
          EXPECT_EQ(problem_answer(*result.refusal).status, result.refusal->status);
        }
      }
    }
  }
}

TEST(Judge, KeepsWhatAGateWasAsked) {
  const std::string body = testdata("flagger-confirm-promotion.json");
  const Judged result = judged(plain(), post("/hooks/flagger/confirm-promotion", body, {kProof}), kSecrets);
  ASSERT_EQ(status_of(result), 403);
  EXPECT_EQ(result.refusal->detail, "gates are not built yet: closed");
  EXPECT_EQ(result.refusal->keep, Keep::kStore);
  EXPECT_EQ(result.identity.canary, "test/podinfo") << "it stands between two equal calls";
  const Judged broken = judged(plain(), post("/hooks/flagger/rollback", "{", {kProof}), kSecrets);
  EXPECT_EQ(broken.refusal->detail, "gates are not built yet: closed");
  EXPECT_NE(broken.refusal->delivery.reason.find("cannot be read: not JSON"), std::string::npos);
  EXPECT_EQ(broken.identity.canary, "");
}

TEST(JudgeDeathTest, HasNoAcceptedAnswerForAGate) {
  const Sources sources = plain();
  const Route gate = fixture::route_of(sources, "/hooks/flagger/rollback");
  EXPECT_DEATH(accepted_answer(gate, DeliveryId{1}, EventId{1}, false), "gate");
  EXPECT_DEATH(accepted_answer(gate, DeliveryId{1}, EventId{1}, true), "gate");
  EXPECT_DEATH(filtered_answer(gate, DeliveryId{1}), "gate");
  EXPECT_DEATH(problem_answer(204, "x"), "status");
}

// --- accept

TEST(Judge, Filters) {
  const Sources sources = sources_of(R"(
flagger:
  type: flagger
  auth: [none]
  accept:
    post-rollout: {phase: [Succeeded, Failed], namespace: "prod-*", metadata: {environment: production}}
    event: [{metadata: {eventType: Warning}}, {phase: Failed}]
)");
  const auto with = [&](std::string hook, std::string body) {
    return judged(sources, post("/hooks/flagger/" + hook, std::move(body)), kSecrets);
  };
  EXPECT_EQ(status_of(with("post-rollout", testdata("flagger-1.33-post-rollout.json"))), 0);
  const Judged other = with("post-rollout", kGood);
  ASSERT_TRUE(other.filtered);
  EXPECT_EQ(other.delivery.reason,
            "not accepted by the source: namespace is test, wanted prod-*; metadata.environment is missing, "
            "wanted production");
  EXPECT_EQ(other.delivery.verdict, Verdict::kFiltered);
  EXPECT_EQ(other.delivery.status, 202);
  EXPECT_EQ(other.identity.canary, "test/podinfo");
  EXPECT_TRUE(other.identity.ends);
  EXPECT_FALSE(other.event);
  const Judged event = with("event", testdata("flagger-event.json"));
  ASSERT_TRUE(event.filtered);
  EXPECT_EQ(event.delivery.reason,
            "not accepted by the source: metadata.eventType is Normal, wanted Warning; phase is Progressing, "
            "wanted Failed");
  EXPECT_EQ(status_of(with("event", R"({"name":"a","namespace":"b","phase":"Failed"})")), 0);
  EXPECT_EQ(status_of(with("rollout", testdata("flagger-rollout.json"))), 0);  // not listed: all
  EXPECT_EQ(status_of(with("post-rollout", R"({"name":"a","namespace":"b","phase":"Waiting"})")),
            403);  // not 202
}

// --- identity

TEST(Judge, SaysWhatMakesACallTheSame) {
  const Sources sources = sources_of("flagger: {type: flagger, auth: [none], dedupe: {window: 90s}}");
  const auto identity = [&](std::string hook, std::string body, std::vector<Header> headers = {}) {
    Judged result =
        judged(sources, post("/hooks/flagger/" + hook, std::move(body), std::move(headers)), kSecrets);
    EXPECT_EQ(status_of(result), 0);
    return result.identity;
  };
  const Identity last = identity("post-rollout", kGood);
  EXPECT_EQ(last.kind, Identity::Kind::kLastCall);
  EXPECT_EQ(last.window, std::chrono::seconds(90));
  EXPECT_EQ(last.digest, to_hex(sha256(kGood)));
  EXPECT_EQ(last.canary, "test/podinfo");
  EXPECT_TRUE(last.ends);

  const std::string event = testdata("flagger-event.json");
  const Identity once = identity("event", event);
  EXPECT_EQ(once.kind, Identity::Kind::kKey);
  EXPECT_EQ(once.key, identity("event", " " + event).key);
  std::string later = event;
  later.replace(later.find("1578607635167"), 13, "1578607635168");
  EXPECT_NE(once.key, identity("event", later).key);
  std::string other = event;
  other.replace(other.find("New revision"), 12, "Old revision");
  EXPECT_NE(once.key, identity("event", other).key);
  EXPECT_EQ(identity("event", R"({"name":"a","namespace":"b","phase":""})").kind, Identity::Kind::kNone);

  for (const std::string hook : {"pre-rollout", "rollout"}) {
    const Identity until = identity(
        hook,
        R"({"name":"a","namespace":"b","phase":"Progressing","checksum":"1","metadata":{"x":"1","y":"2"}})");
    EXPECT_EQ(until.kind, Identity::Kind::kUntilEnd);
    EXPECT_EQ(until.checksum, "1");
    EXPECT_FALSE(until.ends);
    EXPECT_EQ(
        until.key,
        identity(
            hook,
            R"({"metadata":{"y":"2","x":"1"},"name":"a","namespace":"b","phase":"Progressing","checksum":"1"})")
            .key);
    EXPECT_NE(
        until.key,
        identity(
            hook,
            R"({"name":"a","namespace":"b","phase":"Progressing","checksum":"2","metadata":{"x":"1","y":"2"}})")
            .key);
    EXPECT_NE(
        until.key,
        identity(
            hook,
            R"({"name":"a","namespace":"b","phase":"Progressing","checksum":"1","metadata":{"x":"1","y":"3"}})")
            .key);
  }
}

// --- secrets

TEST(Judge, StoresNoSecret) {
  const Sources sources = sources_of(
      "flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}, {basic: {username: f, password: {env: "
      "TOKEN}}},"
      " {header: X-Mine, secret: {env: TOKEN}}, {query: k, secret: {env: TOKEN}}, {metadata: token, secret: "
      "{env: META}},"
      " {hmac: gitlab, secret: {env: TOKEN}}, {hmac: {header: X-Sum}, secret: {env: TOKEN}}]}");
  const std::string sum = to_hex(hmac(Algorithm::kSha256, "s3cret-token", kGood));
  const std::string with_token =
      R"({"name":"a","namespace":"b","phase":"Failed","metadata":{"a":"1","token":"s3cret-meta","z":"2"}})";
  const std::vector<HttpRequest> requests{
      post("/hooks/flagger/post-rollout", kGood, {kProof}),
      post("/hooks/flagger/post-rollout", kGood, {{"Authorization", "Basic " + to_base64("f:s3cret-token")}}),
      post("/hooks/flagger/post-rollout", kGood, {{"X-Mine", "s3cret-token"}}),
      post("/hooks/flagger/post-rollout", kGood, {{"X-Gitlab-Token", "s3cret-token"}}),
      post("/hooks/flagger/post-rollout", kGood, {{"X-Sum", sum}}),
      post("/hooks/flagger/post-rollout?k=s3cret-token&v=1", kGood),
      post("http://f:s3cret-token@host/hooks/flagger/post-rollout?k=s3cret%2Dtoken", kGood,
           {{"Referer", "http://x/?s3cret-token"}}),
      post("/hooks/flagger/post-rollout", with_token),
      post("/hooks/flagger/rollback", with_token),
      post("/hooks/flagger/post-rollout", R"({"metadata":{"token":"s3cret-meta"},"x":1})"),
      post("/hooks/flagger/post-rollout", R"({"name":1,"metadata":{"token":"s3cret-meta"}})", {kProof}),
      post("/hooks/flagger/post-rollout",
           R"({"name":"a","metadata":{"token":"s3cret-old","x":"s3cret-meta" )", {kProof}),
      post("/hooks/flagger/post-rollout", with_token, {kProof}),
  };
  for (const HttpRequest& request : requests) {
    const Judged result = judged(sources, request, kSecrets);
    EXPECT_TRUE(result.proof) << request.target << request.body;
    const std::string all = stored(result);
    for (const std::string& secret : {std::string("s3cret"), to_base64("f:s3cret-token"), sum}) {
      EXPECT_EQ(all.find(secret), std::string::npos) << all;
    }
  }
}

TEST(Judge, TakesTheTokenOutOfTheBodyAndItsIdentity) {
  const Sources sources = with_metadata_proof();
  const auto with = [&](const std::string& body) {
    return judged(sources, post("/hooks/flagger/post-rollout", body), kSecrets);
  };
  const Judged one = with(
      R"({"name":"a", "namespace":"b","phase":"Failed","metadata":{"a":"1","token":"s3cret-meta","z":"2"}})");
  ASSERT_EQ(status_of(one), 0);
  EXPECT_EQ(one.delivery.body,
            R"({"name":"a", "namespace":"b","phase":"Failed","metadata":{"a":"1","z":"2"}})");
  EXPECT_EQ(one.event->payload, one.delivery.body);
  EXPECT_EQ(one.event->metadata, R"({"a":"1","z":"2"})");
  EXPECT_EQ(one.identity.digest, to_hex(sha256(one.delivery.body)));
  EXPECT_EQ(one.delivery.proof, "metadata token");
}

}  // namespace
}  // namespace postlude::intake
