// Targets: what is read, what is refused, where credentials go, and that they are seen nowhere.
#include "connector/target.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/text.h"
#include "lang/yaml.h"

namespace postlude::connector {
namespace {

std::vector<Target> read(std::string_view yaml, std::string& complaints) {
  lang::Problems problems;
  const auto node = lang::read_yaml(yaml, "t.yaml", problems);
  std::vector<Target> targets = read_targets(node ? &*node : nullptr, problems);
  for (const lang::Problem& problem : problems)
    complaints += lang::to_text(problem) + "\n";
  return targets;
}

TEST(ReadTargetsTest, All) {
  std::string complaints;
  const std::vector<Target> targets = read(R"(
jira: {connector: jira, url: "https://ACME.atlassian.net:443/ctx/", auth: {basic: {username: bot@acme.io, password: {file: /run/secrets/jira}}},
       limits: {concurrency: 4, rate: 10/s}, timeout: 5s, maxResponse: 1MiB, edition: cloud, proxy: "http://proxy:3128",
       tls: {ca: /ca, cert: /c, key: /k}, headers: {X-Team: pay, X-V: 1.10}}
slack: {connector: slack, auth: {bearer: [{env: A}, {env: B}]}}
hook: {connector: slack, auth: {url: {env: HOOK}}}
a: {connector: http, url: "http://[::1]:8080", auth: {header: X-Key, secret: {env: K}}}
b: {connector: http, url: "http://b", auth: {secret: {env: K}, query: key}}
c: {connector: http, url: "http://c", auth: {body: routing_key, secret: {env: K}}}
d: {connector: http, url: "http://d", auth: none}
)",
                                           complaints);
  EXPECT_EQ(complaints, "");
  ASSERT_EQ(targets.size(), 7U);
  const Target& jira = targets[0];
  EXPECT_EQ(jira.url, "https://acme.atlassian.net/ctx");
  EXPECT_EQ(jira.auth.kind, Auth::Kind::kBasic);
  EXPECT_EQ(jira.auth.name, "bot@acme.io");
  EXPECT_EQ(jira.limits.concurrency, 4U);
  EXPECT_EQ(jira.limits.rate->count, 10U);
  EXPECT_EQ(jira.timeout, std::chrono::seconds(5));
  EXPECT_EQ(jira.response_bytes_max, 1U << 20U);
  EXPECT_EQ(jira.edition, "cloud");
  EXPECT_EQ(jira.headers.get("x-v"), "1.10");
  EXPECT_EQ(jira.cert_file, "/c");
  EXPECT_EQ(targets[1].auth.secrets.size(), 2U);
  EXPECT_EQ(targets[1].limits.concurrency, 16U);
  EXPECT_EQ(targets[2].auth.kind, Auth::Kind::kUrl);
  EXPECT_EQ(targets[3].url, "http://[::1]:8080");
  EXPECT_EQ(targets[3].auth.name, "X-Key");
  EXPECT_EQ(targets[4].auth.kind, Auth::Kind::kQuery);
  EXPECT_EQ(targets[5].auth.kind, Auth::Kind::kBody);
  EXPECT_EQ(targets[6].auth.kind, Auth::Kind::kNone);
}

struct BrokenTarget {
  const char* yaml;
  const char* complaint;
};

TEST(ReadTargetsTest, Broken) {
  const std::vector<BrokenTarget> rows = {
      {"[a]", "t.yaml:1:1: `targets` must be a map of names to targets\n"},
      {"a: b", "t.yaml:1:4: target `a` must be a map with `connector`, `url`, `auth`\n"},
      {"a/b: {connector: http}",
       "t.yaml:1:1: `a/b` cannot be the name of a target: steps use it as TARGET/ACTION\n"},
      {"a: {url: http://h}", "t.yaml:1:4: target `a` needs `connector`\n"},
      {"a: {connector: http, ulr: x}", "t.yaml:1:22: unknown key `ulr` in target `a`; did you mean `url`?\n"},
      {"a: {connector: http, url: ftp://h}", "t.yaml:1:27: `url`: a URL begins with https:// or http://\n"},
      {"a: {connector: http, url: https://u:p@h}",
       "t.yaml:1:27: `url`: a URL cannot have a user name or password; put them into `auth`\n"},
      {"a: {connector: http, url: 'https://h?k=1'}",
       "t.yaml:1:27: `url` may have no query; secrets go into `auth`, the rest into the steps\n"},
      {"a: {connector: http, url: https://h:99999}",
       "t.yaml:1:27: `url`: `:99999` is not a port (0 to 65535)\n"},
      {"a: {connector: http, auth: basic}",
       "t.yaml:1:28: `auth: basic` is unknown; valid: none, bearer, basic, header, query, body, "
       "url, inCluster, kubeconfig\n"},
      {"a: {connector: k, auth: {inCluster: yes}}", "t.yaml:1:37: `inCluster` can only be true\n"},
      {"a: {connector: k, auth: {context: c, kubeconfig: ''}}",
       "t.yaml:1:50: `kubeconfig` needs the path of a file\n"},
      {"a: {connector: k, auth: {kubeconfig: k, contxt: c}}",
       "t.yaml:1:41: unknown key `contxt` in `auth`; did you mean `context`?\n"},
      {"a: {connector: k, url: https://h, auth: {kubeconfig: k}}",
       "t.yaml:1:24: `auth: {kubeconfig: …}` says where the API server is; leave `url` out\n"},
      {"a: {connector: http, auth: {bearre: {env: A}}}",
       "t.yaml:1:29: unknown kind of auth `bearre`; did you mean `bearer`?\n"},
      {"a: {connector: http, auth: {oauth2: {}}}", "t.yaml:1:29: `oauth2` in `auth` is not built yet\n"},
      {"a: {connector: http, auth: {sign: geheim}}",
       "t.yaml:1:35: a secret must not be written here; write {env: NAME} or {file: path}\n"},
      {"a: {connector: http, auth: {basic: {username: u}}}",
       "t.yaml:1:36: `basic` needs `password: {env: NAME}` or `password: {file: PATH}`\n"},
      {"a: {connector: http, auth: {basic: {username: 'u:x', password: {env: A}}}}",
       "t.yaml:1:36: `basic` needs a `username` without a colon\n"},
      {"a: {connector: http, auth: {header: X}}",
       "t.yaml:1:28: `auth` needs `secret: {env: NAME}` or `secret: {file: PATH}`\n"},
      {"a: {connector: http, url: http://h, auth: {url: {env: A}}}",
       "t.yaml:1:27: `auth: {url: …}` stands instead of `url`; give one of them\n"},
      {"a: {connector: http, headers: {Authorization: x}}",
       "t.yaml:1:32: credentials belong in the target's `auth`, not in `headers`\n"},
      {"a: {connector: http, headers: {X-A: x, content-length: '1'}}",
       "t.yaml:1:40: the header `content-length` is the connection's own\n"},
      {"a: {connector: http, headers: {Host: h}}",
       "t.yaml:1:32: the header `Host` is the connection's own\n"},
      {"a: {connector: http, headers: {X Y: h}}", "t.yaml:1:32: `X Y` cannot be the name of a header\n"},
      {"a: {connector: http, auth: {header: Connection, secret: {env: A}}}",
       "t.yaml:1:37: the header `Connection` is the connection's own\n"},
      {"a: {connector: http, auth: {header: 'X:', secret: {env: A}}}",
       "t.yaml:1:37: `X:` cannot be the name of a header\n"},
      {"a: {connector: http, auth: {header: Authorization, secret: {env: A}}}", ""},
      {"a: {connector: http, maxResponse: 0}", "t.yaml:1:35: `maxResponse` must be more than nothing\n"},
      {"a: {connector: http, tls: {cert: c}}", "t.yaml:1:27: `tls` wants `cert` and `key` together\n"},
      {"a: {connector: http, limits: {concurrency: 0}}",
       "t.yaml:1:44: `concurrency`: must be a whole number from 1 to 1000\n"},
      {"a: {connector: http, timeout: 0s}", "t.yaml:1:31: `timeout` must be more than nothing\n"},
  };
  for (const BrokenTarget& row : rows) {
    std::string complaints;
    read(row.yaml, complaints);
    EXPECT_EQ(complaints, row.complaint) << row.yaml;
  }
}

SecretLookup lookup_of(std::string secret) {
  return [secret](const SecretRef& ref) -> Result<std::string> {
    if (ref.name == "MISSING") return Error(Code::kNotFound, "the variable MISSING is not set");
    return secret;
  };
}

Target with_auth(Auth::Kind kind, std::string name) {
  Target target;
  target.name = "t";
  target.url = "https://h";
  target.auth.kind = kind;
  target.auth.name = std::move(name);
  target.auth.secrets = {{SecretRef::Kind::kEnv, "S"}};
  return target;
}

HttpRequest request_to(std::string url, std::string body = "", std::string type = "") {
  HttpRequest request;
  request.method = "POST";
  request.target = std::move(url);
  request.body = std::move(body);
  if (!type.empty()) request.headers.set("Content-Type", type);
  return request;
}

TEST(ReadTargetsTest, ASecretToSignWithStandsAloneOrBesideOthers) {
  std::string complaints;
  const std::vector<Target> targets = read(
      "a: {connector: http, auth: {sign: {env: B}}}\n"
      "b: {connector: http, auth: {sign: {env: B}, url: {env: A}}}\n"
      "c: {connector: http, auth: {header: X, secret: {env: A}, sign: {env: B}}}\n",
      complaints);
  EXPECT_EQ(complaints, "");
  ASSERT_EQ(targets.size(), 3U);
  EXPECT_EQ(targets[0].auth.kind, Auth::Kind::kNone);
  EXPECT_EQ(targets[1].auth.kind, Auth::Kind::kUrl);
  EXPECT_EQ(targets[2].auth.kind, Auth::Kind::kHeader);
  for (const Target& target : targets) {
    ASSERT_EQ(target.auth.sign.size(), 1U);
    EXPECT_EQ(target.auth.sign[0].name, "B");
  }
  const Masker masker = Masker::of(targets[1], [](const SecretRef& ref) -> Result<std::string> {
    return std::string(ref.name == "B" ? "signing-secret" : "https://hooks.example.com/abcdef0123456789");
  });
  EXPECT_EQ(masker.mask("it was signing-secret"), "it was ***");
}

TEST(AuthoriseTest, PutsTheSecretWhereItBelongs) {
  const SecretLookup lookup = lookup_of("s+ c/t");
  const auto sent = [&](Auth::Kind kind, const char* name, const HttpRequest& request) {
    const auto result = authorise(request, with_auth(kind, name), Credentials{lookup, {}, false});
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *result : HttpRequest();
  };
  EXPECT_EQ(sent(Auth::Kind::kBearer, "", request_to("https://h/a")).headers.get("authorization"),
            "Bearer s+ c/t");
  EXPECT_EQ(sent(Auth::Kind::kBasic, "u", request_to("https://h/a")).headers.get("authorization"),
            "Basic " + to_base64("u:s+ c/t"));
  EXPECT_EQ(sent(Auth::Kind::kHeader, "X-Key", request_to("https://h/a")).headers.get("x-key"), "s+ c/t");
  EXPECT_EQ(sent(Auth::Kind::kQuery, "key", request_to("https://h/a")).target,
            "https://h/a?key=s%2B%20c%2Ft");
  EXPECT_EQ(sent(Auth::Kind::kQuery, "key", request_to("https://h/a?b=1")).target,
            "https://h/a?b=1&key=s%2B%20c%2Ft");
  EXPECT_EQ(sent(Auth::Kind::kBody, "k", request_to("https://h/a", R"({"a":1})", "application/json")).body,
            R"({"a":1,"k":"s+ c/t"})");
  EXPECT_EQ(
      sent(Auth::Kind::kBody, "k", request_to("https://h/a", "a=1", "application/x-www-form-urlencoded"))
          .body,
      "a=1&k=s%2B%20c%2Ft");
  EXPECT_EQ(sent(Auth::Kind::kNone, "", request_to("https://h/a")).target, "https://h/a");
}

TEST(AuthoriseTest, TheUrlAsSecret) {
  const Target target = with_auth(Auth::Kind::kUrl, "");
  const auto url = [&](const char* secret, const char* path) {
    const auto result = authorise(request_to(path), target, Credentials{lookup_of(secret), {}, false});
    return result ? result->target : result.error().message;
  };
  EXPECT_EQ(url("https://hooks.slack.com/services/T/B/x", "***"), "https://hooks.slack.com/services/T/B/x");
  EXPECT_EQ(url("https://h/base", "***/more?a=1"), "https://h/base/more?a=1");
  EXPECT_EQ(url("https://h/send?key=K", "***?a=1"), "https://h/send?key=K&a=1");
  EXPECT_EQ(url("https://h/send?key=K", "***"), "https://h/send?key=K");
  EXPECT_EQ(url("not a url", "***"),
            "target 't': the secret in env S is no URL: a URL cannot have spaces, fragments (#), quotes or "
            "characters beyond ASCII");
  EXPECT_EQ(url("hooks.slack.com/services/T/B/x", "***"),
            "target 't': the secret in env S is no URL: a URL begins with https:// or http://");
  EXPECT_EQ(url("https://hooks!slack.com/services", "***"),
            "target 't': the secret in env S is no URL: its host or port cannot be read");
  EXPECT_EQ(url("https://h", "https://elsewhere/"), "the request names a URL of its own");
}

TEST(AuthoriseTest, ACluster) {
  std::string complaints;
  const std::vector<Target> targets = read(
      "a: {connector: k, auth: {inCluster: true, folder: /f}}\n"
      "b: {connector: k, auth: {kubeconfig: /k, context: c, insecure: true}}",
      complaints);
  ASSERT_EQ(complaints, "");
  ASSERT_EQ(targets.size(), 2U);
  EXPECT_TRUE(of_cluster(targets[0].auth));
  EXPECT_EQ(targets[0].auth.file, "/f");
  EXPECT_EQ(targets[1].auth.file, "/k");
  EXPECT_EQ(targets[1].auth.name, "c");
  EXPECT_TRUE(targets[1].auth.insecure);
  Target reached = targets[0];
  reached.url = "https://10.0.0.1:443";
  const HttpRequest request = request_to(std::string(kClusterUrl) + "/api/v1");
  const auto by_token = authorise(request, reached, Credentials{lookup_of("T"), {}, false});
  ASSERT_TRUE(by_token);
  EXPECT_EQ(by_token->target, "https://10.0.0.1:443/api/v1");
  EXPECT_EQ(by_token->headers.get("authorization"), "Bearer T");
  const auto by_certificate = authorise(request, reached, Credentials{lookup_of(""), {}, false});
  ASSERT_TRUE(by_certificate);
  EXPECT_EQ(by_certificate->headers.find("authorization"), nullptr);
  EXPECT_FALSE(
      authorise(request_to("https://elsewhere/api/v1"), reached, Credentials{lookup_of("T"), {}, false}));
}

TEST(AuthoriseTest, Refuses) {
  Target target = with_auth(Auth::Kind::kBearer, "");
  const auto why = [&](const SecretLookup& lookup) {
    const auto result = authorise(request_to("https://h"), target, Credentials{lookup, {}, false});
    return result ? "sent" : result.error().message;
  };
  EXPECT_EQ(why(lookup_of("a\r\nX: y")), "the secret of target t is empty or not one line: S");
  EXPECT_EQ(why(lookup_of("")), "the secret of target t is empty or not one line: S");
  target.auth.secrets = {{SecretRef::Kind::kEnv, "MISSING"}};
  EXPECT_EQ(why(lookup_of("x")), "target 't': the variable MISSING is not set");
  target = with_auth(Auth::Kind::kBody, "k");
  const auto result = authorise(request_to("https://h", "plain", "text/plain"), target,
                                Credentials{lookup_of("x"), {}, false});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "auth in the body needs a form or a JSON object as body");
}

TEST(MaskerTest, HidesThePartsOfASecretUrl) {
  const Target hook = with_auth(Auth::Kind::kUrl, "");
  const Masker masker = Masker::of(hook, lookup_of("https://hooks.slack.com/services/T024BE7LD/B00XYZ123/"
                                                   "aBcDeFgHiJkLmN?access_token=9f8e7d6c&wait=true&n=1"));
  EXPECT_EQ(masker.mask("no service for T024BE7LD, B00XYZ123 or aBcDeFgHiJkLmN"),
            "no service for ***, *** or ***");
  EXPECT_EQ(masker.mask("invalid token 9f8e7d6c"), "invalid token ***");
  EXPECT_EQ(masker.mask("POST %2Fservices%2FT024BE7LD%2FB00XYZ123%2FaBcDeFgHiJkLmN"), "POST ***");
  EXPECT_EQ(masker.mask("services wait true 1"), "services wait true 1");  // words are no secrets
}

TEST(MaskerTest, LearnsWhatIsSentNow) {
  const Target basic = with_auth(Auth::Kind::kBasic, "bot");
  Masker masker = Masker::of(std::vector<Target>{basic}, lookup_of("geheim"));
  for (int i = 0; i < 2; ++i) {
    masker.learn(basic, basic.auth.secrets[0], "anders");
    EXPECT_EQ(masker.mask("anders " + to_base64("bot:anders") + " geheim"), "*** *** ***");
  }
  masker.learn(basic, basic.auth.secrets[0], "geheim");  // back again
  EXPECT_EQ(masker.mask("anders geheim"), "*** ***");
}

TEST(MaskerTest, OfTargets) {
  Target basic = with_auth(Auth::Kind::kBasic, "bot");
  Target hook = with_auth(Auth::Kind::kUrl, "");
  const Masker masker = Masker::of(std::vector<Target>{basic}, lookup_of("geheim"));
  EXPECT_EQ(masker.mask("Basic " + to_base64("bot:geheim") + " geheim"), "Basic *** ***");
  const Masker of_hook = Masker::of(hook, lookup_of("https://hooks.slack.com/services/T/B/x"));
  EXPECT_EQ(of_hook.mask("no route to /services/T/B/x at https://hooks.slack.com/services/T/B/x"),
            "no route to *** at ***");
}

struct UrlRow {
  const char* text;
  const char* origin;  // "": refused
  const char* path;
  const char* query;
};

TEST(ParseUrlTest, Rows) {
  const std::vector<UrlRow> rows = {
      {"https://Host.Example/a/b?c=d", "https://host.example", "/a/b", "c=d"},
      {"http://h:80", "http://h", "", ""},
      {"https://h:8443?x", "https://h:8443", "", "x"},
      {"http://[::1]:99/", "http://[::1]:99", "/", ""},
      {"https://h@evil/", "", "", ""},
      {"https://h\\@evil/", "", "", ""},
      {"https:///a", "", "", ""},
      {"//h/a", "", "", ""},
      {"file:///etc/passwd", "", "", ""},
      {"https://h#f", "", "", ""},
      {"https://h:x/", "", "", ""},
      {"https://h\r\n/", "", "", ""},
  };
  for (const UrlRow& row : rows) {
    const Result<Url> url = parse_url(row.text);
    EXPECT_EQ(url ? url->origin() : "", row.origin) << row.text;
    EXPECT_EQ(url ? url->path : "", row.path) << row.text;
    EXPECT_EQ(url ? url->query : "", row.query) << row.text;
  }
}

}  // namespace
}  // namespace postlude::connector
