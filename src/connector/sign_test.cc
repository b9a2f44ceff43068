#include "connector/sign.h"

#include <gtest/gtest.h>

#include "connector/http.h"
#include "connector/testing.h"
#include "lang/yaml.h"

namespace postlude::connector {
namespace {

Instant at(std::int64_t milliseconds) {
  return instant(milliseconds * 1000);
}

Signing signing_of(std::string_view yaml) {
  lang::Problems problems;
  const auto node = lang::read_yaml(yaml, "s.yaml", problems);
  std::optional<Signing> signing = read_signing(*node, problems);
  for (const lang::Problem& problem : problems)
    ADD_FAILURE() << lang::to_text(problem);
  return signing.value_or(Signing());
}

HttpRequest request_of(std::string target, std::string body) {
  HttpRequest request;
  request.method = "POST";
  request.target = std::move(target);
  request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

// The example of the specification.
TEST(SignTest, StandardWebhooks) {
  HttpRequest request = request_of("https://h/hook", R"({"test": 2432232314})");
  request.headers.set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
  const auto sent = sign(request, signing_of("standard-webhooks"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                         at(1614265330'000));
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->headers.get("webhook-timestamp"), "1614265330");
  EXPECT_EQ(sent->headers.get("webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  EXPECT_EQ(sent->body, request.body);
}

TEST(SignTest, WhatStandardWebhooksCannotSign) {
  HttpRequest request = request_of("https://h/hook", "{}");
  const Signing standard = signing_of("standard-webhooks");
  EXPECT_EQ(sign(request, standard, "whsec_MfKQ", {}).error().message,
            "Standard Webhooks sign the header webhook-id, and there is none");
  request.headers.set("webhook-id", "m");
  const auto sent = sign(request, standard, "not base64!", {});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().message,
            "the secret of `sign` is no secret of Standard Webhooks: `whsec_` and base64");
}

TEST(SignTest, DingTalk) {
  const Signing dingtalk = signing_of("dingtalk");
  const auto sent = sign(request_of("https://h/robot/send?access_token=t", "{}"), dingtalk, "SECdemo-secret",
                         at(1599360473000));
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->target,
            "https://h/robot/send?access_token=t&timestamp=1599360473000"
            "&sign=w%2FwgdHDpwiLO5I%2FXMzzFJTfSmWkrZOMm4h0XT46ZVQY%3D");
  EXPECT_EQ(sign(request_of("https://h/robot", "{}"), dingtalk, std::nullopt, at(1599360473000))->target,
            "https://h/robot?timestamp=1599360473000&sign=***");
}

TEST(SignTest, Feishu) {
  const Signing feishu = signing_of("feishu");
  const auto sent = sign(request_of("https://h/hook/x", R"({"msg_type":"text"})"), feishu, "demo-secret",
                         at(1599360473000));
  ASSERT_TRUE(sent);
  EXPECT_EQ(
      sent->body,
      R"({"msg_type":"text","timestamp":"1599360473","sign":"3/MaVZ8JLIy4TUG+7KSFJqvUkTKd+HWY8g+56DZWq8s="})");
  EXPECT_FALSE(sign(request_of("https://h", "text"), feishu, "demo-secret", {}));
}

// GitHub's example: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries.
TEST(SignTest, Github) {
  const auto sent =
      sign(request_of("https://h", "Hello, World!"), signing_of("github"), "It's a Secret to Everybody", {});
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->headers.get("x-hub-signature-256"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
}

// RFC 4231, test case 2, and the same text in parts of a request.
TEST(SignTest, AnHmacOfYourOwn) {
  const auto header = [](std::string_view yaml, HttpRequest request, std::string_view name) {
    const auto sent = sign(std::move(request), signing_of(yaml), "Jefe", at(1614265330'123));
    return sent ? std::string(sent->headers.get(name)) : sent.error().message;
  };
  const HttpRequest plain = request_of("https://h/a?b=1", "what do ya want for nothing?");
  EXPECT_EQ(header("{hmac: {header: X-Sign}}", plain, "x-sign"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(header("{hmac: {header: X-Sign, encoding: base64, prefix: 'v1='}}", plain, "x-sign"),
            "v1=W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
  EXPECT_EQ(
      header("{hmac: {header: Authorization, algorithm: sha512, prefix: 'HMAC '}}", plain, "authorization"),
      "HMAC 164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
      "caeab1a34d4a6b4b636e070a38bce737");
  const std::string dated = "{hmac: {header: S, timestampHeader: T, content: '{timestamp}.{body}'}}";
  EXPECT_EQ(header(dated, plain, "t"), "1614265330");
  EXPECT_EQ(header(dated, plain, "s"), to_hex(hmac(Algorithm::kSha256, "Jefe", "1614265330." + plain.body)));
  EXPECT_EQ(header("{hmac: {header: S, prefix: 't={timestamp},v1=', milliseconds: true, "
                   "content: '{method} {path} {timestamp} {body}'}}",
                   plain, "s"),
            "t=1614265330123,v1=" +
                to_hex(hmac(Algorithm::kSha256, "Jefe", "POST /a?b=1 1614265330123 " + plain.body)));
}

std::string problems_of(std::string_view yaml) {
  lang::Problems problems;
  const auto node = lang::read_yaml(yaml, "s.yaml", problems);
  EXPECT_FALSE(read_signing(*node, problems)) << yaml;
  std::string all;
  for (const lang::Problem& problem : problems)
    all += lang::to_text(problem) + "\n";
  return all;
}

TEST(SignTest, Broken) {
  EXPECT_EQ(problems_of("dingtlak"), "s.yaml:1:1: unknown signature `dingtlak`; did you mean `dingtalk`?\n");
  EXPECT_EQ(problems_of("[a]"),
            "s.yaml:1:1: `sign` is one of standard-webhooks, dingtalk, feishu, github, or {hmac: {header: "
            "NAME, …}}\n");
  EXPECT_EQ(problems_of("{hmac: {headr: X}}"),
            "s.yaml:1:9: unknown key `headr` in `hmac`; did you mean `header`?\n"
            "s.yaml:1:8: `hmac` needs `header`: the header that carries the signature\n");
  EXPECT_EQ(problems_of("{hmac: {header: X, algorithm: md5}}"),
            "s.yaml:1:31: unknown algorithm `md5`; valid: sha256, sha384, sha512, sha224, sha1\n");
  EXPECT_EQ(problems_of("{hmac: {header: X, encoding: hax}}"),
            "s.yaml:1:30: unknown encoding `hax`; valid: hex, base64\n");
}

// -- in http/request
std::shared_ptr<const Action> request_with(std::string_view with, std::string& complaints) {
  lang::Problems problems;
  const auto node = lang::read_yaml(with, "w.yaml", problems);
  auto action = read_http_request(&*node, {"w.yaml", 1, 1}, problems);
  for (const lang::Problem& problem : problems)
    complaints += lang::to_text(problem) + "\n";
  return action;
}

TEST(SignTest, ARequestInAStepIsSignedLast) {
  std::string complaints;
  const auto action =
      request_with("{method: POST, path: /hook, body: {a: 1}, sign: standard-webhooks}", complaints);
  ASSERT_NE(action, nullptr) << complaints;
  const Call& call = action->plan().calls().front();
  EXPECT_TRUE(call.needs_signature());
  EXPECT_EQ(call.effect(), Effect::kKey);  // its id is a key, which receivers tell repeats by
  Target target;
  target.name = "t";
  target.url = "https://h";
  json::object context = testing::context_of(target, nullptr);
  const auto ask = call.prepare(target, testing::evaluate(call.before(), context));
  ASSERT_TRUE(ask && *ask);
  EXPECT_EQ(std::get<HttpRequest>(**ask).headers.get("webhook-id"), "k-123");
  EXPECT_EQ(std::get<HttpRequest>(**ask).headers.get("webhook-signature"), "");
  Credentials credentials;
  credentials.secrets = [](const SecretRef&) -> Result<std::string> {
    return std::string("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  };
  EXPECT_EQ(call.authorise(**ask, target, credentials).error().message,
            "target 't' names no secret to sign with: set `sign` in its `auth`");
  target.auth.sign = {{SecretRef::Kind::kEnv, "S"}};
  const auto signature = [&](std::int64_t seconds) {
    credentials.now = at(seconds * 1000);
    const auto sent = call.authorise(**ask, target, credentials);
    return sent ? std::string(std::get<HttpRequest>(*sent).headers.get("webhook-signature")) : "";
  };
  EXPECT_NE(signature(1614265330), signature(1614265331)) << "a repeat is signed anew";
  EXPECT_EQ(signature(1614265330), signature(1614265330));
  credentials.rehearsed = true;
  EXPECT_EQ(signature(1614265330), "v1,***");
}

// A robot may check something else than signatures.
TEST(SignTest, ChatsAreSignedIfThereIsASecret) {
  std::string complaints;
  const auto action =
      request_with("{method: POST, path: '', body: {a: 1}, effect: none, sign: feishu}", complaints);
  ASSERT_NE(action, nullptr) << complaints;
  const Call& call = action->plan().calls().front();
  EXPECT_TRUE(call.signs());
  EXPECT_FALSE(call.needs_signature());
  const auto sent = call.authorise(Ask(request_of("https://h", "{}")), Target(), Credentials());
  ASSERT_TRUE(sent);
  EXPECT_EQ(std::get<HttpRequest>(*sent).body, "{}");
}

TEST(SignTest, BrokenInAStep) {
  std::string complaints;
  request_with("{method: POST, path: /a, text: x, sign: feishu}", complaints);
  EXPECT_EQ(complaints, "w.yaml:1:41: Feishu's signature goes into a JSON body: the request needs `body`\n");
}

}  // namespace
}  // namespace postlude::connector
