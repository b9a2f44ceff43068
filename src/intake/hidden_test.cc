// What records hide: secrets in any spelling, wherever a refused call brings them.
#include "base/hash.h"
#include "intake/judge.h"
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

// In any spelling, anywhere in what is kept of it: also where no secret is compared with anything.
TEST(JudgeHead, HidesConfiguredSecretsWhereverTheyStand) {
  const Sources sources = plain();
  Mask hidden;
  hidden.add("s3cret/token");
  for (const std::string& target :
       {std::string("/hooks/flagger/post-rollout/s3cret%2Ftoken"), std::string("/s3cret%252ftoken"),
        "/hooks/flagger/" + to_base64("s3cret/token"), std::string("/x?a=s3cret%2ftoken"),
        std::string("/hooks/flagger/post-rollout?a=%733cret/token")}) {
    HttpRequest head = post(target, "", {{"X-Note", "it is s3cret/token"}});
    head.method = "s3cret/token";
    const auto refusal = judge_head(sources, head, false, &hidden);
    ASSERT_TRUE(refusal) << target;
    const Delivery& d = refusal->delivery;
    EXPECT_EQ(d.target.find("cret"), std::string::npos) << d.target;
    EXPECT_EQ(d.target.find("token"), std::string::npos) << d.target;
    EXPECT_NE(d.target.find("***"), std::string::npos) << d.target;
    EXPECT_EQ((d.headers + d.method + d.reason).find("cret"), std::string::npos) << d.headers << d.reason;
  }
}

TEST(JudgeHead, SaysTheSameWithoutARecord) {
  const Sources sources = plain();
  for (const char* target : {"/x", "/hooks/flagger", "/hooks/flagger/post-rollout", "/a%"}) {
    HttpRequest head = post(target, "");
    head.method = "PUT";
    const auto whole = judge_head(sources, head, false, &kNothingHidden);
    const auto counted = judge_head(sources, head, false, nullptr);
    ASSERT_TRUE(whole && counted) << target;
    EXPECT_EQ(counted->status, whole->status);
    EXPECT_EQ(counted->detail, whole->detail);
    EXPECT_EQ(counted->delivery.source, whole->delivery.source);
    EXPECT_EQ(counted->delivery.hook, whole->delivery.hook);
    EXPECT_EQ(counted->delivery.status, whole->delivery.status);
    EXPECT_EQ(counted->delivery.target, "");
    EXPECT_EQ(counted->delivery.headers, "");
  }
}

// A sender that is mistaken about the body's form may have put its secret anywhere.
TEST(Judge, HidesSecretsInAuthenticBodiesThatCannotBeTaken) {
  for (const char* body : {R"({"name":"a","namespace":"b","phase":7,"note":["x s3cret-token y"]})",
                           R"({"name":"a","phase":"s3cret-token","namespace":{"deep":"s3cret\u002dtoken"}})",
                           R"({"wrapped":{"metadata":{"token":"s3cret-token"}}})", R"(["s3cret-token"])",
                           R"("s3cret%2Dtoken")", R"({"broken":"s3cret-token")"}) {
    const Judged result = judged(plain(), post("/hooks/flagger/post-rollout", body, {kProof}), kSecrets);
    ASSERT_EQ(status_of(result), 400) << body;
    EXPECT_EQ(result.refusal->keep, Keep::kStore);
    EXPECT_EQ(stored(result).find("s3cret"), std::string::npos) << stored(result);
    EXPECT_NE(result.refusal->delivery.body.find("***"), std::string::npos) << body;
    EXPECT_EQ(parse_json(body).has_value(), parse_json(result.refusal->delivery.body).has_value());
  }
}

TEST(Judge, HidesSecretsInAuthenticBodiesOfOtherRefusals) {
  const std::string body =
      R"({"name":"a","namespace":"b","phase":"Progressing","metadata":{"note":"s3cret-token"}})";
  for (const auto& [path, status] : std::vector<std::pair<std::string, int>>{
           {"/hooks/flagger", 404}, {"/hooks/flagger/post-rollout", 403}, {"/hooks/flagger/rollback", 403}}) {
    const Judged result = judged(plain(), post(path, body, {kProof}), kSecrets);
    ASSERT_EQ(status_of(result), status) << path;
    EXPECT_EQ(result.refusal->keep, Keep::kStore);
    EXPECT_EQ(stored(result).find("s3cret"), std::string::npos) << stored(result);
  }
}

TEST(Judge, HidesSecretsInThePathOfWhoProvedNothing) {
  const Sources sources = sources_of(
      "flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}], paths: {/in/s3cret-token: post-rollout}}");
  const Judged result = judged(sources, post("/in/s3cret%2Dtoken", kGood), kSecrets);
  ASSERT_EQ(status_of(result), 401);
  EXPECT_EQ(stored(result).find("s3cret"), std::string::npos) << stored(result);
}

}  // namespace
}  // namespace postlude::intake
