#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "unit/app/config.h"

namespace postlude::app {
namespace {

namespace fs = std::filesystem;

Config must_read(const std::vector<ConfigText>& texts) {
  lang::Problems problems;
  auto config = read_for_tests(texts, problems);
  EXPECT_FALSE(any_error(problems)) << all(problems);
  return config.value_or(Config());
}

// The example of the contract, less what is not built yet.
const char* const kWhole = R"(
server:   {listen: 0.0.0.0:8080, admin: 127.0.0.1:8081, publicUrl: https://hooks.example.com/, adminUrl: https://postlude.example.com, hosts: [Postlude.flagger.svc], metrics: listen}
store:    {url: "sqlite:/var/lib/postlude/postlude.db", retention: {deliveries: 10d, runs: 90d}}  # or not
access:   {tokens: [{name: ops, role: operator, secret: {file: /run/secrets/ops}},
                    {name: root, role: admin, secret: [{env: A}, {env: B}]},
                    {name: pay, role: operator, team: payments, secret: {env: P}}]}
data:     {services: {file: services.yaml}}
calendars:
  freeze:
    timezone: Asia/Shanghai
    windows: [{days: [fri], from: "18:00", to: "24:00"}, {from: 2027-02-05, to: 2027-02-15}]
teams:
  payments:
    match: {namespace: "pay-*"}
    folder: teams/payments
    targets: [jira]
    notify: {uses: slack/message, with: {channel: "#pay"}}
clusters: {prod: {}, cn-2: {}}                            # {}: named, no API
evaluator: {time: 100ms, memory: 64MiB}
log: {format: json, level: warn}
sources:
  flagger:
    type: flagger
    cluster: prod
    auth: [{basic: {username: flagger, password: {env: HOOK_PASSWORD}}}]
    paths: {/jira-update: post-rollout}
    accept: {post-rollout: {phase: [Succeeded, Failed]}}
    dedupe: {window: 60s}
    maxBody: 1MiB
    rate: 10/s
    storm: {events: 50, within: 5m, then: hold}
  many:
    type: flagger
    clusters: {prod: {auth: [{bearer: {env: A}}]}, cn-2: {auth: none}}
  proofs:
    type: flagger
    auth:
      - {header: X-Token, secret: {env: A}}
      - {query: token, secret: {env: A}}
      - {metadata: token, secret: [{env: A}, {file: /b}]}
      - {hmac: github, secret: {env: A}}
      - {hmac: {header: X-Sig, algorithm: sha512, prefix: 'v1=', encoding: base64}, secret: {env: A}}
      - {all: [{bearer: {env: A}}, {hmac: standard-webhooks, secret: {env: A}}]}
targets:
  jira:  {connector: jira, url: https://acme.atlassian.net, auth: {basic: {username: bot@acme.io, password: {file: /run/secrets/jira}}}, limits: {concurrency: 4, rate: 10/s}}
  slack: {connector: slack, auth: {bearer: {file: /run/secrets/slack}}, headers: {X-A: 1.10}, proxy: http://proxy:3128, tls: {ca: /ca, cert: /c, key: /k}, timeout: 10s, maxResponse: 64KiB, edition: cloud}
  pay:   {connector: http, auth: {url: {file: /run/secrets/feishu}}}
  plain: {connector: http, url: http://127.0.0.1:9000/base, auth: none}
workflows:
  jira-release:
    on: {source: flagger, hook: post-rollout, phase: Succeeded, namespace: "prod-*",
         kind: [forward, back], team: payments, metadata: {team: [pay, "shop-*"]}}
    if: '.event.metadata.environment == "production"'
    mode: shadow
    concurrency: {key: .event.namespace, policy: replace}
    maxAge: 2h
    timeout: 1h
    vars: {version: '${{ .event.name }}'}
    steps:
      - id: version
        uses: jira/release-version
        with: {project: '${{ .event.metadata.jiraProject }}', name: 1.10}
        retry: {attempts: 3, backoff: {initial: 1s, factor: 1.5, max: 1m}, for: 30m}
        timeout: 5s
        onUnclear: repeat
        continueOnError: true
        needs: []
        key: '${{ .event.name }}'
      - uses: wait
        with: {for: 30s}
        if: true
        needs: version
        announce: {uses: slack/message, name: tell, retry: {attempts: 1}, timeout: 1s, onUnclear: fail}
      - uses: slack/message
        with: {channel: "#releases", text: 'Released ${{ .steps.version.outputs.name }}'}
        forEach: .event.metadata.channels
    onFailure: [{uses: slack/message}]
    finally: [{uses: slack/message, forEach: [a, b]}]
  other:
    true: [{hook: "*"}]
    steps: [{uses: slack/message}]
)";

TEST(Config, the_whole_of_it) {
  const Config config = must_read({{"postlude.yaml", kWhole}});
  EXPECT_EQ(config.server.listen, "0.0.0.0:8080");
  EXPECT_EQ(config.server.admin, "127.0.0.1:8081");
  EXPECT_EQ(config.server.public_url, "https://hooks.example.com");
  EXPECT_EQ(config.server.admin_url, "https://postlude.example.com");
  EXPECT_EQ(config.server.hosts, std::vector<std::string>{"postlude.flagger.svc"});
  EXPECT_TRUE(config.server.metrics_on_listen);
  EXPECT_EQ(config.store.url, "sqlite:/var/lib/postlude/postlude.db");
  EXPECT_EQ(config.store.keep_deliveries, std::chrono::hours(240));
  EXPECT_EQ(config.store.keep_runs, std::chrono::hours(24 * 90));
  ASSERT_EQ(config.tokens.size(), 3U);
  EXPECT_EQ(config.tokens[0].name, "ops");
  EXPECT_EQ(config.tokens[0].role, Role::kOperator);
  ASSERT_EQ(config.tokens[0].secrets.size(), 1U);
  EXPECT_EQ(config.tokens[0].secrets[0].kind, SecretRef::Kind::kFile);
  EXPECT_EQ(config.tokens[0].secrets[0].name, "/run/secrets/ops");
  EXPECT_EQ(config.tokens[1].role, Role::kAdmin);
  EXPECT_EQ(config.tokens[1].secrets.size(), 2U);
  EXPECT_EQ(config.tokens[1].team, "");
  EXPECT_EQ(config.tokens[2].team, "payments");
  EXPECT_EQ(config.data.find("services")->text("file"), "services.yaml");
  EXPECT_EQ(config.calendars.find("freeze")->find("windows")->items.size(), 2U);
  ASSERT_EQ(config.teams.size(), 1U);
  EXPECT_EQ(config.teams[0].name, "payments");
  EXPECT_EQ(config.teams[0].namespaces, std::vector<std::string>{"pay-*"});
  EXPECT_EQ(config.teams[0].targets, std::vector<std::string>{"jira"});
  EXPECT_EQ(config.teams[0].notify.text("uses"), "slack/message");
  ASSERT_EQ(config.team_folders.size(), 1U);
  EXPECT_EQ(config.team_folders[0].first, "payments");
  EXPECT_EQ(config.team_folders[0].second.scalar, "teams/payments");
  EXPECT_EQ(config.clusters, (std::vector<std::string>{"prod", "cn-2"}));
  EXPECT_EQ(config.evaluator.time, std::chrono::milliseconds(100));
  EXPECT_EQ(config.evaluator.memory_bytes, 64U << 20U);
  EXPECT_EQ(config.log.format, log::Format::kJson);
  EXPECT_EQ(config.log.level, log::Level::kWarn);
  EXPECT_EQ(config.sources.members.size(), 3U);
  EXPECT_EQ(config.targets.members.size(), 4U);
  EXPECT_EQ(config.targets.find("slack")->find("headers")->text("X-A"), "1.10");
  EXPECT_EQ(config.workflows.members.size(), 2U);
  EXPECT_NE(config.workflows.find("other")->find("on"), nullptr) << "a key `true` is read as `on`";
  EXPECT_EQ(config.workflows.find("other")->find("on")->place.text(), "postlude.yaml:80:11");
  EXPECT_EQ(config.revision.size(), 64U);
}

TEST(Config, defaults) {
  const Config config = must_read({{"a.yaml", "sources: {}\n"}});
  EXPECT_EQ(config.server.listen, "0.0.0.0:8080");
  EXPECT_EQ(config.server.admin, "127.0.0.1:8081");
  EXPECT_FALSE(config.server.metrics_on_listen);
  EXPECT_EQ(config.store.url, "sqlite:postlude.db");
  EXPECT_EQ(config.store.keep_deliveries, std::chrono::hours(24 * 30));
  EXPECT_EQ(config.store.keep_runs, std::chrono::hours(24 * 180));
  EXPECT_TRUE(config.tokens.empty());
  EXPECT_EQ(config.evaluator.time, std::chrono::milliseconds(250));
  EXPECT_EQ(config.evaluator.memory_bytes, 256U << 20U);
  EXPECT_EQ(config.log.format, log::Format::kLogfmt);
  EXPECT_EQ(config.log.level, log::Level::kInfo);
  EXPECT_TRUE(config.sources.is_map());
  EXPECT_TRUE(config.targets.is_map());
  EXPECT_TRUE(config.workflows.is_map());
}

TEST(Config, an_admin_listener_for_others_needs_a_token) {
  const std::string token = "access: {tokens: [{name: a, role: admin, secret: {env: A}}]}\n";
  EXPECT_EQ(must_read({{"a.yaml", token + "server: {admin: 0.0.0.0:8081}"}}).server.admin, "0.0.0.0:8081");
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "'[::1]:1'", "127.0.0.1:0"}) {
    must_read({{"a.yaml", std::string("server: {admin: ") + address + "}"}});
  }
}

TEST(Config, revision_is_of_the_texts) {
  const std::string a = must_read({{"a.yaml", "sources: {}"}}).revision;
  EXPECT_EQ(a, must_read({{"b.yaml", "sources: {}"}}).revision);
  EXPECT_NE(a, must_read({{"a.yaml", "sources: {} "}}).revision);
  EXPECT_NE(a, must_read({{"a.yaml", "sources: {}", 0}, {"b.yaml", "", 0}}).revision);
}

TEST(Merge, files_of_a_folder_share_sections) {
  const Config config =
      must_read({{"d/a.yaml", "server: {listen: 127.0.0.1:1}\ntargets: {a: {connector: http}}"},
                 {"d/b.yaml", "server: {admin: 127.0.0.1:2}\ntargets: {b: {connector: http}}"},
                 {"d/c.yaml", "# nothing\n"}});
  EXPECT_EQ(config.server.listen, "127.0.0.1:1");
  EXPECT_EQ(config.server.admin, "127.0.0.1:2");
  ASSERT_EQ(config.targets.members.size(), 2U);
  EXPECT_EQ(config.targets.find("b")->place.file, "d/b.yaml");
}

TEST(Merge, a_name_stands_in_one_file_of_a_folder) {
  lang::Problems problems;
  EXPECT_FALSE(
      read_for_tests({{"d/a.yaml", "log: {level: info}\nsources:\n  f: {type: flagger, auth: none}"},
                      {"d/b.yaml", "log: {level: warn}\nsources:\n  f: {type: flagger, auth: none}"}},
                     problems));
  EXPECT_EQ(
      all(problems),
      "d/b.yaml:1:7: 'level' in 'log' is also in d/a.yaml:1:7: a name may be in only one file of a folder\n"
      "d/b.yaml:3:3: 'f' in 'sources' is also in d/a.yaml:3:3: a name may be in only one file of a folder");
  problems.clear();
  EXPECT_FALSE(read_for_tests({{"d/a.yaml", "log: []"}, {"d/b.yaml", "log: {level: warn}"}}, problems));
  EXPECT_EQ(all(problems),
            "d/b.yaml:1:1: 'log' is also in d/a.yaml:1:1: a name may be in only one file of a folder");
}

TEST(Merge, later_layers_override) {
  const Config config = must_read(
      {{"a.yaml",
        "server: {listen: 127.0.0.1:1, hosts: [a, b]}\n"
        "targets:\n  t: {connector: http, timeout: 1s, auth: {bearer: {env: A}}, headers: {A: x, B: y}}\n"
        "  u: {connector: http}",
        0},
       {"b.yaml",
        "server: {hosts: [c]}\n"
        "targets:\n  t: {auth: {basic: {username: u, password: {env: P}}}, headers: {B: z}}\n",
        1}});
  EXPECT_EQ(config.server.listen, "127.0.0.1:1");
  EXPECT_EQ(config.server.hosts, std::vector<std::string>{"c"}) << "lists are replaced";
  const lang::Node* target = config.targets.find("t");
  EXPECT_EQ(target->text("timeout"), "1s");
  EXPECT_EQ(target->find("headers")->text("A"), "x");
  EXPECT_EQ(target->find("headers")->text("B"), "z");
  EXPECT_EQ(target->find("auth")->find("bearer"), nullptr) << "credentials are replaced";
  EXPECT_EQ(target->find("auth")->place.file, "b.yaml");
  EXPECT_NE(config.targets.find("u"), nullptr);
}

TEST(Merge, problems_name_the_file_they_are_in) {
  lang::Problems problems;
  read_for_tests(
      {{"a.yaml", "targets: {t: {connector: http}}", 0}, {"b.yaml", "targets: {t: {timeout: soon}}", 1}},
      problems);
  EXPECT_EQ(all(problems),
            "b.yaml:1:24: 'timeout': 'soon' is not a duration; write 30s, 5m, 24h, 30d or 1h30m");
  problems.clear();
  read_for_tests({{"a.yaml", "a: [", 0}, {"b.yaml", "b: [", 0}}, problems);
  EXPECT_EQ(
      all(problems),
      "a.yaml:1:4: the '[' that opens here is not closed\nb.yaml:1:4: the '[' that opens here is not closed");
}

class Files : public testing::Test {
 protected:
  Files() : folder_(fs::temp_directory_path() / ("postlude-config-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "sub.yaml");
  }
  ~Files() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }
  fs::path folder_;
};

TEST_F(Files, of_a_folder_are_one_layer_in_the_order_of_their_names) {
  write("b.yaml", "b");
  write("a.yml", "a");
  write("a.test.yaml", "no");
  write(".hidden.yaml", "no");
  write("notes.txt", "no");
  const std::string file = write("sub.yaml/c.txt", "c");
  lang::Problems problems;
  const auto texts = load_config({folder_.string(), file}, problems);
  ASSERT_TRUE(texts) << all(problems);
  ASSERT_EQ(texts->size(), 3U);
  EXPECT_EQ((*texts)[0].path, path("a.yml"));
  EXPECT_EQ((*texts)[0].text, "a");
  EXPECT_EQ((*texts)[1].text, "b");
  EXPECT_EQ((*texts)[1].layer, 0U);
  EXPECT_EQ((*texts)[2].text, "c") << "a file that is named is read whatever it is called";
  EXPECT_EQ((*texts)[2].layer, 1U);
}

TEST_F(Files, a_mounted_config_map) {
  fs::create_directories(folder_ / "..2026");
  write("..2026/a.yaml", "a");
  fs::create_directory_symlink("..2026", folder_ / "..data");
  fs::create_symlink("..data/a.yaml", folder_ / "a.yaml");
  lang::Problems problems;
  const auto texts = load_config({folder_.string()}, problems);
  ASSERT_TRUE(texts) << all(problems);
  ASSERT_EQ(texts->size(), 1U);
  EXPECT_EQ((*texts)[0].text, "a");
}

TEST_F(Files, that_cannot_be_read) {
  fs::create_symlink("nowhere", folder_ / "dangling.yaml");
  lang::Problems problems;
  EXPECT_FALSE(load_config({path("none.yaml"), path("sub.yaml"), folder_.string(), "/dev/null"}, problems));
  EXPECT_EQ(all(problems),
            path("none.yaml") + ": no such file or folder\n" + path("sub.yaml") +
                ": no .yaml or .yml file in this folder\n" + path("dangling.yaml") +
                ": cannot be read: No such file or directory\n/dev/null: neither a file nor a folder");
}

TEST_F(Files, that_are_too_long) {
  const std::string file = write("big.yaml", std::string(5U << 20U, '#'));
  lang::Problems problems;
  const auto texts = load_config({file}, problems);
  ASSERT_TRUE(texts);
  read_for_tests(*texts, problems);
  EXPECT_EQ(all(problems), file + ":1:1: the file is longer than 4 MiB");
}

}  // namespace
}  // namespace postlude::app
