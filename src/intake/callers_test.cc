// Who calls, and what a call tells: bare paths, senders' ids, secrets that cannot be read, trailing events.

#include "base/hash.h"
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
using fixture::testdata;

// Flagger tells these after the end's own call: they stand between nothing, and open or close nothing.
TEST(Judge, LetsTrailingEventsTellNothingOfTheCanary) {
  const auto canary = [&](const std::string& message) {
    std::string body = testdata("flagger-event-post-rollout-check.json");
    const std::string told = "Post-rollout check jira passed";
    body.replace(body.find(told), told.size(), message);
    const Judged result = judged(plain(), post("/hooks/flagger/event", body, {kProof}), kSecrets);
    EXPECT_EQ(status_of(result), 0) << body;
    return result.identity.canary;
  };
  for (const std::string trailing :
       {"Post-rollout check jira passed", "Post-rollout check jira failed timeout",
        "Post-rollout hook jira failed timeout", "Promotion completed! Scaling down podinfo.test"}) {
    EXPECT_EQ(canary(trailing), "") << trailing;
  }
  for (const std::string other :
       {"New revision detected! Scaling up podinfo.test", "Pre-rollout check load passed",
        "Rolling back podinfo.test failed checks threshold reached 1",
        "Canary failed! Scaling down podinfo.test"}) {
    EXPECT_EQ(canary(other), "test/podinfo") << other;
  }
}

TEST(Judge, SaysThatABarePathNamesNoHook) {
  const Sources sources = sources_of(
      "flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}], cluster: prod, rate: 1/s}\n"
      "many: {type: flagger, auth: [{bearer: {env: TOKEN}}], clusters: {eu-1: {}, cn-2: {}}}");
  const std::vector<std::pair<std::string, std::string>> cases{{"/hooks/flagger", "/hooks/flagger/"},
                                                               {"/hooks/flagger/?x=y", "/hooks/flagger/"},
                                                               {"/hooks/flagger/prod", "/hooks/flagger/"},
                                                               {"/hooks/many/cn-2", "/hooks/many/cn-2/"}};
  for (const auto& [target, base] : cases) {
    for (const std::string& body : {kGood, testdata("flagger-confirm-rollout.json"), std::string("{")}) {
      const Judged honest = judged(sources, post(target, body, {kProof}), kSecrets);
      ASSERT_EQ(status_of(honest), 404);
      EXPECT_EQ(honest.refusal->keep, Keep::kStore);
      for (const std::string hook : {"post-rollout", "event"}) {
        EXPECT_NE(honest.refusal->detail.find(base + hook), std::string::npos) << honest.refusal->detail;
        EXPECT_NE(honest.alarm.find(base + hook), std::string::npos) << honest.alarm;
      }
      EXPECT_EQ(honest.identity.named, body == "{" ? "" : "test/podinfo");
      EXPECT_EQ(honest.identity.canary, "") << "it does not count between two calls";
      EXPECT_FALSE(honest.event);
      for (const std::vector<Header>& headers :
           std::vector<std::vector<Header>>{{}, {{"Authorization", "Bearer no"}}}) {
        const Judged stranger = judged(sources, post(target, body, headers), kSecrets);
        ASSERT_EQ(status_of(stranger), 404);
        EXPECT_EQ(stranger.refusal->detail, "no such path");
        EXPECT_EQ(stranger.refusal->keep, Keep::kSample);
        EXPECT_EQ(stranger.alarm, "");
        EXPECT_NE(stranger.refusal->delivery.reason.find(base + "event"), std::string::npos);
      }
    }
    HttpRequest other = post(target, "");
    EXPECT_FALSE(judge_head(sources, other, false, &kNothingHidden)) << "its proof may be in the body";
    EXPECT_EQ(too_large(fixture::route_of(sources, target), other, &kNothingHidden).status, 404);
    EXPECT_EQ(judge_head(sources, other, true, &kNothingHidden)->status, 404);
    other.method = "GET";
    EXPECT_EQ(judge_head(sources, other, false, &kNothingHidden)->status, 404);
    EXPECT_EQ(judge_head(sources, other, false, &kNothingHidden)->detail, "no such path");
  }
}

// --- the sender's own id

// Whoever has seen a call whose proof signs the body only may send it again with any header.
TEST(Judge, TakesAnIdOnlyWhereTheProofCoversIt) {
  const Sources sources = sources_of(
      "flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}, {hmac: github, secret: {env: META}},"
      " {hmac: {header: X-Sum}, secret: {env: META}}, {hmac: standard-webhooks, secret: {env: HOOK}},"
      " {all: [{hmac: flux, secret: {env: META}}, {header: X-Mine, secret: {env: META}}]}]}");
  const auto lookup = fixture::secrets({{"TOKEN", "s3cret-token"},
                                        {"META", "s3cret-meta"},
                                        {"HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}});
  const std::string sum = to_hex(hmac(Algorithm::kSha256, "s3cret-meta", kGood));
  const auto identity = [&](std::vector<Header> headers) {
    headers.push_back({"Idempotency-Key", "1"});
    const Judged result = judged(sources, post("/hooks/flagger/post-rollout", kGood, headers), lookup);
    EXPECT_EQ(status_of(result), 0) << headers.front().name;
    return result.identity;
  };
  EXPECT_EQ(identity({kProof}).kind, Identity::Kind::kSenderId);
  EXPECT_EQ(identity({{"X-Signature", "sha256=" + sum}, {"X-Mine", "s3cret-meta"}}).kind,
            Identity::Kind::kSenderId);
  for (const Header& body_only : {Header{"X-Hub-Signature-256", "sha256=" + sum}, Header{"X-Sum", sum}}) {
    const Identity unproved = identity({body_only});
    EXPECT_EQ(unproved.kind, Identity::Kind::kLastCall);
    EXPECT_EQ(unproved.unproved, "idempotency-key:1");
    EXPECT_EQ(identity({body_only, kProof}).kind, Identity::Kind::kSenderId) << "the better proof counts";
  }
  const std::string at = std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(fixture::kNow.time_since_epoch()).count());
  const std::string mac =
      hmac(Algorithm::kSha256, *from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_1." + at + "." + kGood);
  const Identity standard = identity(
      {{"webhook-id", "msg_1"}, {"webhook-timestamp", at}, {"webhook-signature", "v1," + to_base64(mac)}});
  EXPECT_EQ(standard.kind, Identity::Kind::kSenderId);
  EXPECT_EQ(standard.key, "webhook-id:msg_1");
}

// --- secrets that cannot be read

TEST(Judge, DoesNotBlameTheCallerForASecretThatCannotBeRead) {
  const Sources sources = sources_of(
      "flagger: {type: flagger, auth: [{bearer: [{env: GONE}, {env: TOKEN}]},"
      " {basic: {username: f, password: {env: META}}}, {header: X-Mine, secret: {env: GONE}},"
      " {hmac: github, secret: {env: GONE}}, {metadata: token, secret: {env: GONE}},"
      " {all: [{header: X-One, secret: {env: META}}, {header: X-Two, secret: {env: GONE}}]}]}");
  const auto status = [&](std::vector<Header> headers, const std::string& body = kGood) {
    const Judged result =
        judged(sources, post("/hooks/flagger/post-rollout", body, std::move(headers)), kSecrets);
    if (result.refusal && result.refusal->status == 503) {
      EXPECT_NE(result.refusal->delivery.reason.find("the secret in env GONE"), std::string::npos);
      EXPECT_EQ(result.refusal->detail.find("GONE"), std::string::npos);
      EXPECT_FALSE(problem_answer(*result.refusal).headers.count("Retry-After"));
    }
    EXPECT_FALSE(result.secrets.at("env GONE").read);
    EXPECT_EQ(result.secrets.at("env TOKEN"), SecretState());
    return status_of(result);
  };
  const std::string basic = "Basic ";
  EXPECT_EQ(status({kProof}), 0);                                             // the readable one matches
  EXPECT_EQ(status({{"Authorization", "Bearer old"}}), 503);                  // it may be the other
  EXPECT_EQ(status({{"Authorization", basic + to_base64("f:wrong")}}), 403);  // of this kind all are known
  EXPECT_EQ(status({{"X-Mine", "x"}}), 503);
  EXPECT_EQ(status({{"X-Hub-Signature-256", "sha256=" + std::string(64, '0')}}), 503);
  EXPECT_EQ(status({{"X-Hub-Signature-256", "nothing"}}), 403);
  EXPECT_EQ(status({{"X-One", "s3cret-meta"}, {"X-Two", "x"}}), 503);
  EXPECT_EQ(status({{"X-One", "wrong"}, {"X-Two", "x"}}), 403);
  EXPECT_EQ(status({{"X-One", "s3cret-meta"}}), 403);
  EXPECT_EQ(status({}, R"({"name":"a","namespace":"b","phase":"Failed","metadata":{"token":"x"}})"), 503);
  EXPECT_EQ(status({}), 401);
  // A lookup that names the secret itself is not echoed behind its name.
  const SecretLookup naming = [](const SecretRef& ref) -> Result<std::string> {
    return Error(Code::kNotFound, "the secret in " + to_text(ref) + " is not set");
  };
  const Judged said = judged(sources, post("/hooks/flagger/post-rollout", kGood, {{"X-Mine", "x"}}), naming);
  ASSERT_EQ(status_of(said), 503);
  EXPECT_EQ(
      said.refusal->delivery.reason,
      "not decided: the secret in env GONE is not set; the secret in env META is not set; the secret in "
      "env TOKEN is not set");
  // A source of which none can be read says so to everybody.
  const Sources blind = sources_of("flagger: {type: flagger, auth: [{bearer: [{env: GONE}, {env: LOST}]}]}");
  EXPECT_FALSE(blind.list()[0]->usable(kSecrets));
  EXPECT_TRUE(sources.list()[0]->usable(kSecrets));
  EXPECT_EQ(status_of(judged(blind, post("/hooks/flagger/post-rollout", kGood), kSecrets)), 503);
  EXPECT_EQ(status_of(judged(blind, post("/hooks/flagger/rollback", "{", {kProof}), kSecrets)), 503);
}

TEST(Judge, LetsTheSendersOwnIdDecide) {
  const Sources sources = sources_of("flagger: {type: flagger, auth: [none]}");
  const auto key = [&](std::vector<Header> headers) {
    const Judged result =
        judged(sources, post("/hooks/flagger/post-rollout", kGood, std::move(headers)), kSecrets);
    EXPECT_EQ(status_of(result), 0);
    EXPECT_EQ(result.identity.digest, to_hex(sha256(kGood)));
    return result.identity.kind == Identity::Kind::kSenderId ? result.identity.key : std::string("none");
  };
  EXPECT_EQ(key({{"webhook-id", "msg_1"}}), "webhook-id:msg_1");
  EXPECT_EQ(key({{"X-GitHub-Delivery", "72d3"}}), "github:72d3");
  EXPECT_EQ(key({{"Idempotency-Key", "k"}}), "idempotency-key:k");
  EXPECT_EQ(key({{"Idempotency-Key", "k"}, {"Webhook-Id", "msg_1"}}), "webhook-id:msg_1");
  EXPECT_EQ(key({{"ce-id", "1"}}), "none");  // CloudEvents: source and id together
  EXPECT_NE(key({{"ce-id", "1"}, {"ce-source", "/a"}}), key({{"ce-id", "1"}, {"ce-source", "/b"}}));
  EXPECT_EQ(key({{"ce-id", "1"}, {"ce-source", "/a"}}), key({{"ce-source", "/a"}, {"ce-id", " 1 "}}));
  EXPECT_EQ(key({{"webhook-id", " "}}), "none");
  EXPECT_LT(key({{"webhook-id", std::string(5000, 'x')}}).size(), 100U);
  EXPECT_NE(key({{"webhook-id", std::string(5000, 'x')}}), key({{"webhook-id", std::string(5001, 'x')}}));
  EXPECT_TRUE(valid_utf8(key({{"webhook-id", "\xff"}})));
}

}  // namespace
}  // namespace postlude::intake
