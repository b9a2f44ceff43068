#include "kube/kubeconfig.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace postlude::kube {
namespace {

const std::string kText = R"(apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: a
  cluster: {server: "https://a.example.com:6443/", certificate-authority-data: Q0E=}
- name: b
  cluster: {server: "https://b.example.com", certificate-authority: pki/ca.crt, proxy-url: "http://proxy:3128"}
- name: open
  cluster: {server: "https://c.example.com", insecure-skip-tls-verify: true}
users:
- name: by-token
  user: {token: s3cret-token}
- name: by-file
  user: {tokenFile: token}
- name: by-cert
  user: {client-certificate-data: Q0VSVA==, client-key: /etc/key.pem}
- name: by-plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: bin/get-token
      args: [--cluster, a]
      env: [{name: PROFILE, value: ops}]
      installHint: install it
      interactiveMode: IfAvailable
      provideClusterInfo: true
- name: legacy
  user: {auth-provider: {name: gcp}}
- name: empty
  user: {}
- name: half
  user: {client-certificate-data: Q0VSVA==}
- name: bad
  user: {client-certificate-data: "s3cret!", client-key-data: Q0VSVA==}
- name: asks
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: login, interactiveMode: Always}}
- name: old
  user: {exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: login}}
contexts:
- {name: prod, context: {cluster: a, user: by-token, namespace: x}}
- {name: file, context: {cluster: b, user: by-file}}
- {name: cert, context: {cluster: b, user: by-cert}}
- {name: plugin, context: {cluster: a, user: by-plugin}}
- {name: open, context: {cluster: open, user: by-token}}
- {name: legacy, context: {cluster: a, user: legacy}}
- {name: empty, context: {cluster: a, user: empty}}
- {name: half, context: {cluster: a, user: half}}
- {name: bad, context: {cluster: a, user: bad}}
- {name: asks, context: {cluster: a, user: asks}}
- {name: old, context: {cluster: a, user: old}}
- {name: lost, context: {cluster: nowhere, user: by-token}}
)";

Kubeconfig read(const std::string& context) {
  auto config = read_kubeconfig(kText, "/etc/kube/config", context);
  EXPECT_TRUE(config) << config.error().message;
  return config ? *config : Kubeconfig();
}

std::string error(const std::string& context, const std::string& text = kText) {
  const auto config = read_kubeconfig(text, "/etc/kube/config", context);
  EXPECT_FALSE(config) << context;
  return config ? "" : config.error().message;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Kubeconfig, TakesTheCurrentContextUnlessOneIsNamed) {
  const Kubeconfig config = read("");
  EXPECT_EQ(config.context, "prod");
  EXPECT_EQ(config.server, "https://a.example.com:6443");
  EXPECT_EQ(config.token, "s3cret-token");
  EXPECT_EQ(config.ca.text, "CA");
  EXPECT_FALSE(config.insecure);
  EXPECT_TRUE(read("open").insecure);
}

TEST(Kubeconfig, FindsFilesBesideItself) {
  const Kubeconfig config = read("file");
  EXPECT_EQ(config.token_file, "/etc/kube/token");
  EXPECT_EQ(config.ca.file, "/etc/kube/pki/ca.crt");
  EXPECT_EQ(config.proxy, "http://proxy:3128");
  EXPECT_EQ(read("cert").cert.text, "CERT");
  EXPECT_EQ(read("cert").key.file, "/etc/key.pem");
}

TEST(Kubeconfig, ReadsAPlugin) {
  const Kubeconfig config = read("plugin");
  ASSERT_TRUE(config.plugin);
  EXPECT_EQ(config.plugin->command, (std::vector<std::string>{"/etc/kube/bin/get-token", "--cluster", "a"}));
  EXPECT_EQ(config.plugin->environment, std::vector<std::string>{"PROFILE=ops"});
  EXPECT_EQ(config.plugin->hint, "install it");
  const auto question = parse_json(plugin_question(config, "CA"));
  ASSERT_TRUE(question);
  EXPECT_EQ(find_text(*question, "kind"), "ExecCredential");
  EXPECT_EQ(find_text(*find(*find(*question, "spec"), "cluster"), "certificate-authority-data"), "Q0E=");
  EXPECT_FALSE(find(*find(*question, "spec"), "interactive")->as_bool());
}

TEST(Kubeconfig, SaysWhatIsWrongAndQuotesNoSecret) {
  EXPECT_TRUE(has(error("nowhere"), "the kubeconfig /etc/kube/config: there is no 'nowhere' in `contexts`"));
  EXPECT_TRUE(has(error("nowhere"), "prod, file"));
  EXPECT_TRUE(has(error("lost"), "there is no 'nowhere' in `clusters`"));
  EXPECT_TRUE(has(error("legacy"), "`auth-provider`"));
  EXPECT_TRUE(has(error("empty"), "has no credentials"));
  EXPECT_TRUE(has(error("half"), "go together"));
  EXPECT_TRUE(has(error("bad"), "`client-certificate-data` is not base64"));
  EXPECT_FALSE(has(error("bad"), "s3cret"));
  EXPECT_TRUE(has(error("asks"), "wants to ask a person"));
  EXPECT_TRUE(has(error("old"), "v1alpha1"));
  EXPECT_TRUE(has(error("", "users: []"), "no `current-context`"));
  EXPECT_TRUE(has(error("", "a: b\ntoken: s3cret: x\n"), "line 2"));
  EXPECT_FALSE(has(error("", "a: b\ntoken: s3cret: x\n"), "s3cret"));
  EXPECT_TRUE(has(error("", "- a"), "is no map"));
}

TEST(Kubeconfig, ReadsWhatAPluginAnswers) {
  const std::string api = "client.authentication.k8s.io/v1";
  const auto text = [&](const std::string& status) {
    return R"({"kind":"ExecCredential","apiVersion":")" + api + R"(","status":)" + status + "}";
  };
  const auto answer =
      read_plugin_answer(text(R"({"token":"t","expirationTimestamp":"2026-12-01T00:00:00Z"})"), api);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->token, "t");
  EXPECT_TRUE(answer->expires);
  EXPECT_TRUE(read_plugin_answer(text(R"({"clientCertificateData":"c","clientKeyData":"k"})"), api));
  for (const std::string& bad : {std::string("token"), std::string("{}"), text("null"), text("{}"),
                                 text(R"({"clientCertificateData":"s3cret"})"),
                                 text(R"({"token":"s3cret","expirationTimestamp":"soon"})")}) {
    const auto wrong = read_plugin_answer(bad, api);
    ASSERT_FALSE(wrong) << bad;
    EXPECT_FALSE(has(wrong.error().message, "s3cret")) << wrong.error().message;
  }
  EXPECT_FALSE(read_plugin_answer(text(R"({"token":"t"})"), "client.authentication.k8s.io/v1beta1"));
}

}  // namespace
}  // namespace postlude::kube
