#include "intake/source.h"

#include "intake/paths.h"
#include "unit/intake/fixture.h"

namespace postlude::intake {
namespace {

using fixture::configure;
using fixture::sources_of;

constexpr std::string_view kPlain = R"(
flagger:
  type: flagger
  cluster: prod
  auth: [{bearer: {env: TOKEN}}]
  paths:
    /jira-update: post-rollout
    /cluster.local/jira-update: post-rollout
    "/发布": event
    /gates/go: confirm-promotion
)";

struct Path {
  std::string_view target, hook, cluster;  // hook "": no such path
};

TEST(Sources, FindsPaths) {
  const Sources sources = sources_of(kPlain);
  const std::vector<Path> cases{
      {"/hooks/flagger/post-rollout", "post-rollout", "prod"},
      {"/hooks/flagger/post-rollout/", "post-rollout", "prod"},
      {"/hooks/flagger/post-rollout?token=x", "post-rollout", "prod"},
      {"/hooks/flagger/event", "event", "prod"},
      {"/hooks/flagger/event/?a=b", "event", "prod"},
      {"/hooks/flagger/confirm-traffic-increase", "confirm-traffic-increase", "prod"},
      {"/hooks/flagger/prod/rollback", "rollback", "prod"},
      {"/hooks/%66lagger/post%2Drollout", "post-rollout", "prod"},
      {"/hooks/flagger/post%2drollout", "post-rollout", "prod"},
      {"/jira-update", "post-rollout", "prod"},
      {"/jira-update/", "post-rollout", "prod"},
      {"/cluster.local/jira-update", "post-rollout", "prod"},
      {"/%E5%8F%91%e5%b8%83", "event", "prod"},
      {"/发布", "event", "prod"},
      {"/gates/go", "confirm-promotion", "prod"},
      {"http://user:pass@webhook-handler.namespace.svc/jira-update?x", "post-rollout", "prod"},
      {"https://h", "", ""},
      {"/", "", ""},
      {"", "", ""},
      {"*", "", ""},
      {"/hooks", "", ""},
      {"/hooks/flagger//", "", ""},
      {"//hooks/flagger", "", ""},
      {"/hooks/flagger/unknown", "", ""},
      {"/hooks/Flagger", "", ""},
      {"/hooks/flagger/eu-1/event", "", ""},
      {"/hooks/flagger/event/prod", "", ""},
      {"/hooks%2Fflagger", "", ""},
      {"/hooks/flagger%2Fevent", "", ""},
      {"/hooks/%2566lagger", "", ""},  // decoded once
      {"/hooks/flagger%", "", ""},
      {"/hooks/flagger%zz", "", ""},
      {"/hooks/x/../flagger", "", ""},
      {"/jira-updates", "", ""},
      {"/JIRA-UPDATE", "", ""},
  };
  for (const Path& c : cases) {
    const auto route = sources.route(c.target);
    if (c.hook.empty()) {
      ASSERT_FALSE(route) << c.target;
      EXPECT_EQ(route.error().code, Code::kNotFound);
      continue;
    }
    ASSERT_TRUE(route) << c.target << ": " << route.error().message;
    EXPECT_EQ(route->hook, c.hook) << c.target;
    EXPECT_EQ(route->cluster, c.cluster) << c.target;
    EXPECT_EQ(route->source->name(), "flagger");
    EXPECT_EQ(route->gate, is_gate(c.hook));
  }
}

TEST(Sources, HasEightHooksOfWhichFourAreGates) {
  const Sources sources = sources_of(kPlain);
  std::size_t gates = 0;
  for (const std::string& hook : flagger_hooks()) {
    const auto route = sources.route("/hooks/flagger/" + hook);
    ASSERT_TRUE(route) << hook;
    EXPECT_EQ(route->hook, hook);
    gates += route->gate ? 1 : 0;
  }
  EXPECT_EQ(flagger_hooks().size(), 8U);
  EXPECT_EQ(gates, 4U);
}

TEST(Sources, TellsClustersApart) {
  const Sources sources = sources_of(R"(
many:
  type: flagger
  auth: [{bearer: {env: TOKEN}}]
  clusters: {eu-1: {auth: [{bearer: {env: EU}}]}, cn-2: {}}
  paths: {"/{cluster}/done": post-rollout}
one:
  type: flagger
  clusters: {eu-1: {auth: [{bearer: {env: EU}}]}}
  paths: {/one-done: post-rollout}
)");
  EXPECT_EQ(fixture::route_of(sources, "/hooks/many/cn-2/event").cluster, "cn-2");
  EXPECT_EQ(fixture::route_of(sources, "/eu-1/done").cluster, "eu-1");
  EXPECT_EQ(fixture::route_of(sources, "/cn-2/done/").cluster, "cn-2");
  EXPECT_EQ(fixture::route_of(sources, "/one-done").cluster, "eu-1");
  EXPECT_EQ(fixture::route_of(sources, "/hooks/one/event").cluster, "eu-1");
  EXPECT_FALSE(sources.route("/hooks/many"));  // of which cluster?
  EXPECT_NE(sources.route("/hooks/many").error().message.find("/hooks/many/cn-2/event ("), std::string::npos);
  EXPECT_FALSE(sources.route("/hooks/many/event"));
  EXPECT_FALSE(sources.route("/hooks/many/prod/event"));
}

TEST(Sources, NamesTheNearestPath) {
  const Sources sources = sources_of(R"(
flagger:
  type: flagger
  auth: [{bearer: {env: TOKEN}}]
  paths: {/jira-update: post-rollout}
)");
  const auto why = [&](std::string_view target) { return sources.route(target).error().message; };
  EXPECT_EQ(why("/cluster.local/jira-update"),
            "no such path; the nearest configured one is /jira-update (post-rollout of flagger); the host "
            "seems to have "
            "been cut: write svc.cluster.local, not svc/cluster.local");
  EXPECT_EQ(why("/jira-updat"),
            "no such path; the nearest configured one is /jira-update (post-rollout of flagger)");
  EXPECT_NE(why("/hooks/flagger/post-rolout").find("/hooks/flagger/post-rollout ("), std::string::npos);
  EXPECT_NE(why("/hooks/flagger/what/ever/else").find("/hooks/flagger/"), std::string::npos);
  EXPECT_NE(why("/proxy/prefix/hooks/flagger/event").find("/hooks/flagger/event ("), std::string::npos);
  EXPECT_LT(why("/" + std::string(10'000, 'x')).size(), 200U);  // no echo
  for (const char* far : {"/rollback", "/confirm", "/x/confirm/y", "/robots.txt", "/rollout", "/z"})
    EXPECT_EQ(why(far).find("(confirm-"), std::string::npos) << why(far);
  EXPECT_EQ(why("/rollback").find("(rollback"), std::string::npos);
  EXPECT_NE(why("/hooks/flagger/confirm-rolout").find("/hooks/flagger/confirm-rollout ("), std::string::npos);
  EXPECT_EQ(Sources().route("/x").error().message, "no such path: no source is configured");
}

struct Wrong {
  std::string_view yaml, problem;
};

TEST(Sources, FindsWhatIsWrong) {
  const std::vector<Wrong> cases{
      {"postlude: {type: flagger, auth: [none]}", "s.yaml:1:1: a source cannot be called 'postlude'"},
      {"'a/b': {type: flagger, auth: [none]}", "'a/b' cannot be a source's name"},
      {"f: {type: github, auth: [none]}", "s.yaml:1:11: the source type 'github' is not built yet"},
      {"f: {auth: [none]}", "does not say its type"},
      {"f: {type: flagger}", "s.yaml:1:1: source 'f' has no auth"},
      {"f: {type: flagger, auth: []}", "'auth' lists no proof"},
      {"f: {type: flagger, auth: [none], cluster: nowhere}",
       "cluster 'nowhere' is not declared under 'clusters'"},
      {"f: {type: flagger, auth: [none], cluster: eu-2}", "did you mean 'eu-1'?"},
      {"f: {type: flagger, auth: [none], clusters: {eu-9: {}}}", "did you mean 'eu-1'?"},
      {"f: {type: flagger, clusters: {eu-1: {}}}", "cluster 'eu-1' has no auth, and neither has its source"},
      {"f: {type: flagger, auth: [none], cluster: prod, clusters: {eu-1: {}}}",
       "write either 'cluster' or 'clusters'"},
      {"f: {type: flagger, auth: [none], paths: {/x: post-rolout}}",
       "unknown hook 'post-rolout'; did you mean 'post-rollout'?"},
      {"f: {type: flagger, auth: [none], paths: {x: event}}",
       "'x' cannot be a path: a path begins with a slash"},
      {"f: {type: flagger, auth: [none], paths: {'/x?y': event}}", "no query"},
      {"f: {type: flagger, auth: [none], paths: {/x/../y: event}}", "senders resolve"},
      {"f: {type: flagger, auth: [none], paths: {/x//y: event}}", "empty segment"},
      {"f: {type: flagger, auth: [none], paths: {/x%2: event}}", "broken % escape"},
      {"f: {type: flagger, auth: [none], paths: {'/{name}/y': event}}", "the only placeholder"},
      {"f: {type: flagger, auth: [none], paths: {/healthz: event}}", "Postlude's own"},
      {"f: {type: flagger, auth: [none], paths: {/gate/check: confirm-rollout}}", "Postlude's own"},
      {"f: {type: flagger, auth: [none], paths: {'/{cluster}/y': event}}", "this source names no cluster"},
      {"f: {type: flagger, auth: [none], clusters: {eu-1: {}, cn-2: {}}, paths: {/y: event}}",
       "several clusters call"},
      {"f: {type: flagger, auth: [none], paths: {/y: event, /%79/: rollout}}",
       "'/y' is already event of f (s.yaml:1:42)"},
      {"a: {type: flagger, auth: [none], paths: {/y: event}}\nb: {type: flagger, auth: [none], paths: {/y: "
       "event}}",
       "s.yaml:2:42: '/y' is already event of a (s.yaml:1:42)"},
      {"f: {type: flagger, auth: [none], paths: {/hooks/f/event: rollback}}", "is already event of f"},
      {"f: {type: flagger, auth: [none], paths: {/hooks/f: post-rollout}}",
       "'/hooks/f' is kept free: an entry of another type that is pointed at it by mistake must not be "
       "accepted; use /hooks/f/post-rollout"},
      {"f: {type: flagger, auth: [none], dedupe: {window: soon}}", "'soon' is not a duration"},
      {"f: {type: flagger, auth: [none], maxBody: 1G}", "is not a size"},
      {"f: {type: flagger, auth: [none], maxBody: 0}", "between 1 and 64MiB"},
      {"f: {type: flagger, auth: [none], rate: many}", "is not a rate"},
      {"f: {type: flagger, auth: [none], accpet: {}}", "did you mean 'accept'?"},
      {"f: {type: flagger, auth: [none], accept: {event: {phse: x}}}",
       "unknown field 'phse'; did you mean 'phase'?"},
      {"f: {type: flagger, auth: [none], accept: {event: []}}", "nothing would be wanted"},
      {"f: {type: flagger, auth: [none], accept: {evnt: {phase: x}}}", "did you mean 'event'?"},
      {"f: {type: flagger, auth: [{bearer: hunter2}]}", "a secret must not be written here"},
      {"f: {type: flagger, auth: [{bearer: []}]}", "no secret is named"},
      {"f: {type: flagger, auth: [{bearer: {vault: x}}]}", "a secret cannot be kept in 'vault'"},
      {"f: {type: flagger, auth: [{bearer: {env: A, file: b}}]}", "a secret is in one place"},
      {"f: {type: flagger, auth: [{baerer: {env: A}}]}", "unknown proof 'baerer'; did you mean 'bearer'?"},
      {"f: {type: flagger, auth: [{mtls: {allow: []}}]}", "the proof 'mtls' is not built yet"},
      {"f: {type: flagger, auth: [{kubernetes: verify}]}", "the proof 'kubernetes' is not built yet"},
      {"f: {type: flagger, auth: [hunter2]}", "a proof is a map"},
      {"f: {type: flagger, auth: [{secret: {env: A}}]}", "does not say its kind"},
      {"f: {type: flagger, auth: [{header: X-A}]}", "'secret' is missing beside 'header'"},
      {"f: {type: flagger, auth: [{basic: {password: {env: A}}}]}", "'username' is missing"},
      {"f: {type: flagger, auth: [{basic: {username: 'a:b', password: {env: A}}}]}", "with a colon"},
      {"f: {type: flagger, auth: [{basic: {username: a}}]}", "'password' is missing"},
      {"f: {type: flagger, auth: [{hmac: githb, secret: {env: A}}]}", "did you mean 'github'?"},
      {"f: {type: flagger, auth: [{hmac: {algorithm: md5}, secret: {env: A}}]}", "unknown algorithm 'md5'"},
      {"f: {type: flagger, auth: [{hmac: {algorithm: sha256}, secret: {env: A}}]}", "'header' is missing"},
      {"f: {type: flagger, auth: [{hmac: {header: X, encoding: hx}, secret: {env: A}}]}",
       "unknown encoding 'hx'"},
      {"f: {type: flagger, auth: [{all: [{bearer: {env: A}}]}]}", "two or more proofs"},
      {"f: {type: flagger, auth: [{all: [none, {bearer: {env: A}}]}]}", "'none' proves nothing"},
  };
  for (const Wrong& c : cases) {
    const auto configured = configure(c.yaml);
    EXPECT_TRUE(lang::any_error(configured.problems)) << c.yaml;
    EXPECT_NE(configured.text().find(c.problem), std::string::npos) << c.yaml << "\n" << configured.text();
    EXPECT_EQ(configured.text().find("hunter2"), std::string::npos)
        << "a literal secret must not be repeated";
  }
}

TEST(Sources, WarnsOfWhatIsRisky) {
  const std::vector<Wrong> cases{
      {"f: {type: flagger, auth: [none]}", "warning: 'none': anybody"},
      {"f: {type: flagger, auth: none}", "warning: 'none': anybody"},
      {"f: {type: flagger, auth: [{bearer: {env: A}}, none]}", "makes the other proofs pointless"},
      {"f: {type: flagger, auth: [{query: token, secret: {env: A}}]}", "Flagger prints it"},
      {"f: {type: flagger, auth: [{hmac: {header: X, algorithm: sha1}, secret: {env: A}}]}", "sha1 is weak"},
      {"f: {type: flagger, auth: [{bearer: {env: A}}], accept: {rollback: {phase: x}}}",
       "does not apply to rollback"},
  };
  for (const Wrong& c : cases) {
    const auto configured = configure(c.yaml);
    EXPECT_FALSE(lang::any_error(configured.problems)) << configured.text();
    EXPECT_NE(configured.text().find(c.problem), std::string::npos) << c.yaml << "\n" << configured.text();
  }
  EXPECT_TRUE(configure(kPlain).problems.empty()) << configure(kPlain).text();
}

TEST(Sources, ReadsLimits) {
  const Sources sources = sources_of(
      "f: {type: flagger, auth: [none], dedupe: {window: 2m}, maxBody: 64KiB, rate: 5/s}\n"
      "g: {type: flagger, auth: [none]}");
  EXPECT_EQ(sources.list()[0]->dedupe_window(), std::chrono::minutes(2));
  EXPECT_EQ(sources.list()[0]->body_bytes_max(), 65536U);
  EXPECT_EQ(sources.list()[0]->rate()->count, 5U);
  EXPECT_EQ(sources.list()[1]->dedupe_window(), std::chrono::seconds(35));
  EXPECT_EQ(sources.list()[1]->body_bytes_max(), 1U << 20U);
  EXPECT_FALSE(sources.list()[1]->rate());
  lang::Problems problems;
  EXPECT_TRUE(Sources::read(nullptr, {}, problems).list().empty());
}

TEST(Paths, HaveOneSpelling) {
  EXPECT_EQ(*canonical_path("/"), "/");
  EXPECT_EQ(*canonical_path("/a%7Eb%2fc"), "/a~b%2Fc");
  EXPECT_EQ(*canonical_path("/a b\"<"), "/a%20b%22%3C");
  EXPECT_EQ(*canonical_path("/a%20b"), "/a%20b");
  EXPECT_EQ(*canonical_path("/%25zz"), "/%25zz");
  EXPECT_FALSE(canonical_path("a"));
  EXPECT_EQ(path_of("http://h:1/p/q?x=/y"), "/p/q");
  EXPECT_EQ(path_of("http://h?x"), "/");
  EXPECT_EQ(path_of("/p?u=http://h/x"), "/p");
}

}  // namespace
}  // namespace postlude::intake
