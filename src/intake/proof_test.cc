#include "intake/proof.h"

#include "unit/intake/fixture.h"

namespace postlude::intake {
namespace {

using fixture::judged;
using fixture::post;
using fixture::secrets;
using fixture::sources_of;
using fixture::status_of;

const std::string kBody =
    R"({"name":"podinfo","namespace":"test","phase":"Succeeded","checksum":"7774c75db4"})";

// A source with this auth, judged on one request: 0 means proved.
int proved(const std::string& auth, HttpRequest request, const SecretLookup& lookup,
           Instant now = fixture::kNow) {
  const Sources sources = sources_of("f: {type: flagger, auth: " + auth + "}");
  const Judged result = judged(sources, std::move(request), lookup, true, now);
  // A body of another kind than Flagger's is refused after it was proved.
  if (result.proof) return 0;
  return status_of(result);
}

HttpRequest call(std::vector<Header> headers, std::string query = "") {
  return post("/hooks/f/post-rollout" + query, kBody, std::move(headers));
}

struct Case {
  std::string auth;
  HttpRequest request;
  int status;
};

TEST(Proof, ChecksEachKind) {
  const auto lookup = secrets({{"A", "s3cret-a"}, {"B", "s3cret b+/="}, {"U", "p:w"}});
  const std::string both = "[{bearer: [{env: A}, {env: B}]}]";
  const std::string basic = "[{basic: {username: flagger, password: [{env: A}, {env: U}]}}]";
  const std::string header = "[{header: X-Token, secret: {env: A}}]";
  const std::string query = "[{query: token, secret: [{env: A}, {env: B}]}]";
  const auto basic_of = [](const std::string& text) {
    return std::vector<Header>{{"Authorization", "Basic " + to_base64(text)}};
  };
  const std::vector<Case> cases{
      {both, call({}), 401},
      {both, call({{"Authorization", "Bearer s3cret-a"}}), 0},
      {both, call({{"authorization", "bearer  s3cret-a "}}), 0},
      {both, call({{"Authorization", "Bearer s3cret b+/="}}), 0},
      {both, call({{"Authorization", "Bearer s3cret-A"}}), 403},
      {both, call({{"Authorization", "Bearer"}}), 403},
      {both, call({{"Authorization", "s3cret-a"}}), 403},
      {both, call({{"Authorization", "Basic s3cret-a"}}), 403},
      {both, call({{"Authorization", "Bearer s3cret-a"}, {"Authorization", "Bearer x"}}), 403},
      {basic, call({}), 401},
      {basic, call(basic_of("flagger:s3cret-a")), 0},
      {basic, call(basic_of("flagger:p:w")), 0},
      {basic, call(basic_of("Flagger:s3cret-a")), 403},
      {basic, call(basic_of("flagger:")), 403},
      {basic, call(basic_of("s3cret-a")), 403},
      {basic, call({{"Authorization", "Basic !!"}}), 403},
      {basic, call({{"Authorization", "Bearer s3cret-a"}}), 403},
      {header, call({}), 401},
      {header, call({{"x-token", "s3cret-a"}}), 0},
      {header, call({{"X-Token", ""}}), 403},
      {header, call({{"X-Token", "s3cret-a"}, {"X-Token", "s3cret-a"}}), 403},
      {query, call({}), 401},
      {query, call({}, "?token=s3cret-a"), 0},
      {query, call({}, "?x=1&t%6Fken=s3cret%2Da"), 0},
      {query, call({}, "?token=s3cret+b%2B/%3D"), 0},
      {query, call({}, "?token=s3cret%20b+/="), 0},
      {query, call({}, "?token=s3cret-a&token=s3cret-a"), 403},
      {query, call({}, "?token"), 403},
      {query, call({}, "?token=%zz"), 403},
      {query, call({}, "?Token=s3cret-a"), 401},
      {"[none]", call({}), 0},
      {"[{bearer: {env: A}}, {header: X-Token, secret: {env: A}}]", call({{"X-Token", "s3cret-a"}}), 0},
      {"[{all: [{bearer: {env: A}}, {header: X-Token, secret: {env: A}}]}]", call({{"X-Token", "s3cret-a"}}),
       403},
      {"[{all: [{bearer: {env: A}}, {header: X-Token, secret: {env: A}}]}]", call({}), 401},
      {"[{all: [{bearer: {env: A}}, {header: X-Token, secret: {env: A}}]}]",
       call({{"X-Token", "s3cret-a"}, {"Authorization", "Bearer s3cret-a"}}), 0},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(proved(c.auth, c.request, lookup), c.status)
        << c.auth << " " << c.request.target << " " << c.request.headers.get("Authorization");
  }
}

const SecretState kFine{};
const SecretState kGone{false, "cannot be read: not set"};

TEST(Proof, TakesNoEmptyOrUnreadableSecret) {
  const std::string auth =
      "[{bearer: {env: EMPTY}}, {basic: {username: f, password: {env: EMPTY}}}, {header: X-T, secret: {env: "
      "GONE}},"
      " {hmac: github, secret: {env: EMPTY}}, {query: q, secret: {env: EMPTY}}]";
  const Sources sources = sources_of("f: {type: flagger, auth: " + auth + "}");
  const std::string mac = to_hex(hmac(Algorithm::kSha256, "", kBody));
  for (const HttpRequest& request :
       {call({{"Authorization", "Bearer "}}), call({{"Authorization", "Basic " + to_base64("f:")}}),
        call({{"X-T", ""}}), call({{"X-Hub-Signature-256", "sha256=" + mac}}), call({}, "?q="), call({})}) {
    const Judged result = judged(sources, request, secrets({{"EMPTY", ""}}));
    EXPECT_FALSE(result.proof);
    EXPECT_GE(status_of(result), 401);
    EXPECT_EQ(result.secrets, (SecretStates{{"env EMPTY", {true, "is empty"}}, {"env GONE", kGone}}));
  }
}

TEST(Proof, GoesOnWithTheSecretsThatCanBeRead) {
  const Sources sources = sources_of("f: {type: flagger, auth: [{bearer: [{env: GONE}, {env: A}]}]}");
  const Judged result = judged(sources, call({{"Authorization", "Bearer x"}}), secrets({{"A", "x"}}));
  EXPECT_TRUE(result.proof);
  EXPECT_EQ(result.secrets, (SecretStates{{"env A", kFine}, {"env GONE", kGone}}));
}

TEST(Proof, KnowsGithubsVector) {
  const auto lookup = secrets({{"A", "It's a Secret to Everybody"}});
  const std::string auth = "[{hmac: github, secret: [{env: GONE}, {env: A}]}]";
  const auto with = [](std::string signature) {
    return post("/hooks/f/post-rollout", "Hello, World!", {{"X-Hub-Signature-256", std::move(signature)}});
  };
  const std::string mac = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  EXPECT_EQ(proved(auth, with("sha256=" + mac), lookup), 0);
  EXPECT_EQ(proved(auth, with(mac), lookup), 403);
  // It may be signed with the secret that is gone.
  EXPECT_EQ(proved(auth, with("sha256=" + mac.substr(2)), lookup), 503);
  const std::string readable = "[{hmac: github, secret: {env: A}}]";
  EXPECT_EQ(proved(readable, with("sha256=" + mac.substr(2)), lookup), 403);
  EXPECT_EQ(proved(readable, with("sha256=" + std::string(64, '0')), lookup), 403);
  EXPECT_EQ(proved(auth, with("sha256=zz"), lookup), 403);
  EXPECT_EQ(proved(auth, with(""), lookup), 403);
  EXPECT_EQ(proved(auth, post("/hooks/f/post-rollout", "Hello, World!"), lookup), 401);
  EXPECT_EQ(proved(readable,
                   post("/hooks/f/post-rollout", "Hello, world!", {{"X-Hub-Signature-256", "sha256=" + mac}}),
                   lookup),
            403);
}

TEST(Proof, KnowsFluxVectors) {
  const auto lookup = secrets({{"A", "flux-token"}});
  const std::string auth = "[{hmac: flux, secret: {env: A}}]";
  const std::string body = fixture::testdata("flux-generic-hmac.json");
  ASSERT_EQ(body.size(), 226U);
  const auto with = [&](std::string signature) {
    return post("/hooks/f/post-rollout", body, {{"X-Signature", std::move(signature)}});
  };
  EXPECT_EQ(
      proved(auth, with("sha256=b06d783f7373c61d2feb6a540194b3a863b5f121e5130ed4da93c701ac03c315"), lookup),
      0);
  const std::vector<std::pair<std::string, Algorithm>> algorithms{
      {"sha224", Algorithm::kSha224}, {"sha384", Algorithm::kSha384}, {"sha512", Algorithm::kSha512}};
  for (const auto& [name, algorithm] : algorithms) {
    EXPECT_EQ(proved(auth, with(name + "=" + to_hex(hmac(algorithm, "flux-token", body))), lookup), 0)
        << name;
    EXPECT_EQ(proved(auth, with("sha256=" + to_hex(hmac(algorithm, "flux-token", body))), lookup), 403)
        << name;
  }
  EXPECT_EQ(proved(auth, with("sha1=" + to_hex(hmac(Algorithm::kSha1, "flux-token", body))), lookup), 403);
  EXPECT_EQ(proved(auth, with("=" + to_hex(hmac(Algorithm::kSha256, "flux-token", body))), lookup), 403);
  EXPECT_EQ(proved(auth, post("/hooks/f/post-rollout", body), lookup), 401);
}

const std::string kKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string kStandardBody = R"({"test": 2432232314})";
const std::string kStandardMac = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
constexpr std::int64_t kStandardTime = 1614265330;

HttpRequest standard(std::string signature, std::string timestamp = "1614265330",
                     std::string id = "msg_p5jXN8AQM9LWM0D4loKWxJek") {
  return post("/hooks/f/post-rollout", kStandardBody,
              {{"webhook-id", std::move(id)},
               {"webhook-timestamp", std::move(timestamp)},
               {"webhook-signature", std::move(signature)}});
}

TEST(Proof, KnowsStandardWebhooksVector) {
  const auto lookup = secrets({{"A", kKey}, {"OLD", "whsec_" + to_base64(std::string(24, 'k'))}});
  const std::string auth = "[{hmac: standard-webhooks, secret: [{env: OLD}, {env: A}]}]";
  const auto at = [](std::int64_t offset) { return instant((kStandardTime + offset) * 1'000'000); };
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac), lookup, at(0)), 0);
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac), lookup, at(300)), 0);
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac), lookup, at(-300)), 0);
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac), lookup, at(301)), 403);
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac), lookup, at(-301)), 403);
  EXPECT_EQ(proved(auth, standard("v1a,AAAA v1," + to_base64(std::string(32, 'x')) + " v1," + kStandardMac),
                   lookup, at(0)),
            0);
  EXPECT_EQ(proved(auth, standard("v2," + kStandardMac), lookup, at(0)), 403);
  EXPECT_EQ(proved(auth, standard(kStandardMac), lookup, at(0)), 403);
  EXPECT_EQ(proved(auth, standard("v1,"), lookup, at(0)), 403);
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac, "1614265331"), lookup, at(0)), 403);
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac, "soon"), lookup, at(0)), 403);
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac, "1614265330", "msg_other"), lookup, at(0)), 403);
  EXPECT_EQ(proved(auth, post("/hooks/f/post-rollout", kStandardBody), lookup, at(0)), 401);
  // The prefix of the key may be missing.
  EXPECT_EQ(proved("[{hmac: standard-webhooks, secret: {env: B}}]", standard("v1," + kStandardMac),
                   secrets({{"B", kKey.substr(6)}}), at(0)),
            0);
}

TEST(Proof, SaysWhyAStandardWebhookIsWrong) {
  const Sources sources =
      sources_of("f: {type: flagger, auth: [{hmac: standard-webhooks, secret: [{env: A}, {env: B}]}]}");
  const Judged late =
      judged(sources, standard("v1," + kStandardMac), secrets({{"A", kKey}, {"B", "not base64!"}}));
  ASSERT_TRUE(late.refusal);
  EXPECT_EQ(late.refusal->detail, "the proof is wrong");
  EXPECT_EQ(late.refusal->delivery.reason,
            "the proof is wrong: hmac standard-webhooks: its timestamp is more than 5 minutes off");
  EXPECT_EQ(late.secrets, (SecretStates{{"env A", kFine}, {"env B", {true, "is no whsec_ key"}}}));
}

TEST(Proof, TakesGitlabsTokenOrItsSignature) {
  const auto lookup = secrets({{"A", "gitlab-token"}, {"B", kKey}});
  const std::string auth = "[{hmac: gitlab, secret: [{env: A}, {env: B}]}]";
  const Instant then = instant(kStandardTime * 1'000'000);
  const auto token = [](std::string text) {
    return post("/hooks/f/post-rollout", kStandardBody, {{"X-Gitlab-Token", std::move(text)}});
  };
  EXPECT_EQ(proved(auth, token("gitlab-token"), lookup), 0);
  EXPECT_EQ(proved(auth, token("gitlab-tokem"), lookup), 403);
  EXPECT_EQ(proved(auth, post("/hooks/f/post-rollout", "{}"), lookup), 401);
  EXPECT_EQ(proved(auth, standard("v1," + kStandardMac), lookup, then), 0);
  HttpRequest mixed = standard("v1," + to_base64(std::string(32, 'x')));
  mixed.headers.add("X-Gitlab-Token", "gitlab-token");
  EXPECT_EQ(proved(auth, mixed, lookup, then), 403);  // a signature that came is the one that counts
}

TEST(Proof, ChecksSignaturesAsDescribed) {
  const auto lookup = secrets({{"A", "key"}});
  const auto with = [](std::string value) {
    return post("/hooks/f/post-rollout", kBody, {{"X-Sig", std::move(value)}});
  };
  const std::string base64 =
      "[{hmac: {header: X-Sig, algorithm: sha512, prefix: 'v0:', encoding: base64}, secret: {env: A}}]";
  EXPECT_EQ(proved(base64, with("v0:" + to_base64(hmac(Algorithm::kSha512, "key", kBody))), lookup), 0);
  EXPECT_EQ(proved(base64, with(to_base64(hmac(Algorithm::kSha512, "key", kBody))), lookup), 403);
  EXPECT_EQ(proved(base64, with("v0:" + to_hex(hmac(Algorithm::kSha512, "key", kBody))), lookup), 403);
  const std::string plain = "[{hmac: {header: X-Sig}, secret: {env: A}}]";
  EXPECT_EQ(proved(plain, with(to_hex(hmac(Algorithm::kSha256, "key", kBody))), lookup), 0);
  EXPECT_EQ(proved(plain, with(to_hex(hmac(Algorithm::kSha256, "other", kBody))), lookup), 403);
}

TEST(Proof, LooksIntoMetadata) {
  const auto lookup = secrets({{"A", "tok-1"}, {"B", "tok-2"}});
  const std::string auth = "[{metadata: token, secret: [{env: A}, {env: B}]}]";
  const auto with = [](const std::string& metadata) {
    return post("/hooks/f/post-rollout",
                R"({"name":"a","namespace":"b","phase":"Failed","metadata":)" + metadata + "}");
  };
  EXPECT_EQ(proved(auth, with(R"({"token":"tok-2","x":"y"})"), lookup), 0);
  EXPECT_EQ(proved(auth, with(R"({"t\u006fken":"tok\u002d1"})"), lookup), 0);
  EXPECT_EQ(proved(auth, with(R"({"token":"tok-3"})"), lookup), 403);
  EXPECT_EQ(proved(auth, with(R"({"token":1})"), lookup), 403);
  EXPECT_EQ(proved(auth, with(R"({"Token":"tok-1"})"), lookup), 401);
  EXPECT_EQ(proved(auth, with("[]"), lookup), 401);
  EXPECT_EQ(proved(auth, post("/hooks/f/post-rollout", R"({"token":"tok-1"})"), lookup), 401);
  EXPECT_EQ(proved(auth, post("/hooks/f/post-rollout", R"(["tok-1"])"), lookup), 400);
  EXPECT_EQ(proved(auth, post("/hooks/f/post-rollout", R"({"metadata":{"token":"tok-1")"), lookup), 400);
  EXPECT_EQ(proved(auth, post("/hooks/f/post-rollout", ""), lookup), 400);
}

TEST(Proof, IsNamedInTheDelivery) {
  const auto lookup = secrets({{"A", "x"}});
  const std::vector<std::pair<std::string, std::string>> cases{
      {"[{bearer: {env: A}}]", "bearer"},
      {"[{basic: {username: f, password: {env: Z}}}, {bearer: {env: A}}]", "bearer"},
      {"[none]", "none"},
      {"[{all: [{bearer: {env: A}}, {header: X-T, secret: {env: A}}]}]", "all(bearer, header X-T)"},
      {"[{header: X-T, secret: {env: A}}, {bearer: {env: A}}]", "header X-T"},
  };
  for (const auto& [auth, name] : cases) {
    const Sources sources = sources_of("f: {type: flagger, auth: " + auth + "}");
    const Judged result = judged(sources, call({{"Authorization", "Bearer x"}, {"X-T", "x"}}), lookup);
    ASSERT_TRUE(result.proof) << auth;
    EXPECT_EQ(result.proof->proof(), name);
    EXPECT_EQ(result.delivery.proof, name);
  }
}

TEST(Proof, BelongsToACluster) {
  const Sources sources = sources_of(
      "f: {type: flagger, auth: [{bearer: {env: A}}], clusters: {eu-1: {auth: [{bearer: {env: B}}]}, cn-2: "
      "{}}}");
  const auto lookup = secrets({{"A", "a-token"}, {"B", "b-token"}});
  const auto status = [&](std::string cluster, std::string token) {
    return status_of(judged(
        sources, post("/hooks/f/" + cluster + "/post-rollout", kBody, {{"Authorization", "Bearer " + token}}),
        lookup));
  };
  EXPECT_EQ(status("eu-1", "b-token"), 0);
  EXPECT_EQ(status("eu-1", "a-token"), 403);
  EXPECT_EQ(status("cn-2", "a-token"), 0);
  EXPECT_EQ(status("cn-2", "b-token"), 403);
}

}  // namespace
}  // namespace postlude::intake
