#include "kube/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "rt/group.h"

namespace postlude::kube {
namespace {

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() : folder_(::testing::TempDir() + "kube_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
    around_.environment = {"PATH=/usr/bin:/bin", "OURS=1"};
    clusters_ = clusters(loop_, around_);
  }
  ~CredentialsTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
    return path;
  }

  std::string plugin(const std::string& script) {
    const std::string path = write("plugin", "#!/bin/sh\necho . >> " + folder_ + "/calls\n" + script + "\n");
    ::chmod(path.c_str(), 0700);
    return write("config", R"(current-context: c
clusters: [{name: k, cluster: {server: "https://k.example.com"}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin,
                             installHint: "get it from us"}}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
)");
  }

  std::string config(const std::string& cluster, const std::string& user) {
    return write("config", "current-context: c\nclusters: [{name: k, cluster: " + cluster +
                               "}]\nusers: [{name: u, user: " + user +
                               "}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n");
  }

  std::size_t calls() const {
    std::ifstream file(folder_ + "/calls");
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
  }

  static rt::Task<> story(Clusters* of, Cluster cluster, int times, std::vector<Result<Access>>* out,
                          int* left, rt::Loop* loop) {
    for (int i = 0; i < times; ++i) {
      AWAIT(auto access, of->reach(cluster));
      out->push_back(std::move(access));
    }
    if (--*left == 0) loop->stop();
  }

  // `side` at once, each so many times.
  std::vector<Result<Access>> reach(const Cluster& cluster, int times = 1, int side = 1) {
    std::vector<Result<Access>> out;
    rt::Group group(loop_, "test");
    int left = side;
    for (int i = 0; i < side; ++i)
      group.start(story(clusters_.get(), cluster, times, &out, &left, &loop_));
    loop_.context().restart();  // it was stopped at the end of the last story
    loop_.run();
    group.abandon();
    return out;
  }

  std::string error(const Cluster& cluster) {
    const auto out = reach(cluster);
    EXPECT_FALSE(out[0]);
    return out[0] ? "" : out[0].error().message;
  }

  static Cluster of(const std::string& path) {
    Cluster cluster;
    cluster.kubeconfig = path;
    return cluster;
  }

  std::string folder_;
  rt::Loop loop_;
  Surroundings around_;
  std::unique_ptr<Clusters> clusters_;
};

constexpr const char* kAnswer =
    R"(echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t'$OURS'")";

TEST_F(CredentialsTest, TheServiceAccountIsReadAgainWhenItChanges) {
  around_.host = "10.0.0.1";
  around_.port = "443";
  clusters_ = clusters(loop_, around_);
  write("token", "one\n");
  write("ca.crt", "CA");
  Cluster cluster;
  cluster.in_cluster = true;
  cluster.folder = folder_;
  const auto first = reach(cluster);
  ASSERT_TRUE(first[0]) << first[0].error().message;
  EXPECT_EQ(first[0]->server, "https://10.0.0.1:443");
  EXPECT_EQ(first[0]->token, "one");
  EXPECT_EQ(first[0]->ca, "CA");
  EXPECT_TRUE(first[0]->verify);
  write("token", "two\n");
  EXPECT_EQ(reach(cluster)[0]->token, "two");
  write("token", "");
  EXPECT_NE(error(cluster).find("/token is empty"), std::string::npos);
  std::filesystem::remove(folder_ + "/token");
  EXPECT_NE(error(cluster).find("cannot be read: No such file"), std::string::npos);
}

TEST_F(CredentialsTest, OutsideOfAPodThereIsNoServiceAccount) {
  Cluster cluster;
  cluster.in_cluster = true;
  EXPECT_NE(error(cluster).find("KUBERNETES_SERVICE_HOST"), std::string::npos);
}

TEST_F(CredentialsTest, InsecureHasToBeSaidTwice) {
  for (const char* server :
       {R"({server: "https://k", insecure-skip-tls-verify: true})", R"({server: "http://k"})"}) {
    Cluster cluster = of(config(server, "{token: t}"));
    EXPECT_NE(error(cluster).find("`insecure: true`"), std::string::npos);
    cluster.insecure = true;
    const auto out = reach(cluster);
    ASSERT_TRUE(out[0]) << out[0].error().message;
    EXPECT_EQ(out[0]->token, "t");
  }
}

TEST_F(CredentialsTest, FilesOfAKubeconfigAreReadAgain) {
  write("t", "one");
  write("c", "CERT");
  write("k", "KEY");
  const Cluster cluster =
      of(config(R"({server: "https://k"})", "{tokenFile: t, client-certificate: c, client-key: k}"));
  const auto out = reach(cluster);
  ASSERT_TRUE(out[0]) << out[0].error().message;
  EXPECT_EQ(out[0]->token, "one");
  EXPECT_EQ(out[0]->cert, "CERT");
  EXPECT_EQ(out[0]->key, "KEY");
  write("t", "two");
  EXPECT_EQ(reach(cluster)[0]->token, "two");
}

TEST_F(CredentialsTest, APluginIsAskedOnceUntilItsAnswerExpires) {
  const Cluster cluster =
      of(plugin(std::string(kAnswer) + ",\"expirationTimestamp\":\"2999-01-01T00:00:00Z\"}}'"));
  for (const auto& access : reach(cluster, 3, 4)) {
    ASSERT_TRUE(access) << access.error().message;
    EXPECT_EQ(access->token, "t1");  // it has our environment
  }
  EXPECT_EQ(calls(), 1U);
  clusters_->refused(cluster);  // the server knows better
  EXPECT_TRUE(reach(cluster)[0]);
  EXPECT_EQ(calls(), 2U);
}

TEST_F(CredentialsTest, WhatHasExpiredIsAskedForAgain) {
  const Cluster cluster =
      of(plugin(std::string(kAnswer) + ",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\"}}'"));
  reach(cluster, 2);
  EXPECT_EQ(calls(), 2U);
  write("plugin", "#!/bin/sh\nexit 1\n");
  ::chmod((folder_ + "/plugin").c_str(), 0700);
  EXPECT_FALSE(reach(cluster)[0]) << "what has expired is not used for want of better";
}

TEST_F(CredentialsTest, APluginDoesNotFailForEachOfThoseWhoWait) {
  const auto out = reach(of(plugin("exit 1")), 1, 4);
  for (const auto& access : out)
    EXPECT_FALSE(access);
  EXPECT_EQ(out.size(), 4U);
  EXPECT_EQ(calls(), 1U);
}

TEST_F(CredentialsTest, APluginFails) {
  const std::string said = error(of(plugin("echo 'first' >&2; echo 'log in first' >&2; exit 4")));
  EXPECT_NE(said.find("plugin ended with status 4: log in first"), std::string::npos) << said;
  const auto out = reach(of(plugin("echo s3cret")));
  ASSERT_FALSE(out[0]);
  EXPECT_EQ(out[0].error().code, Code::kUnavailable);
  EXPECT_EQ(out[0].error().message.find("s3cret"), std::string::npos);
  const std::string path = plugin("");
  std::filesystem::remove(folder_ + "/plugin");
  EXPECT_NE(error(of(path)).find("get it from us"), std::string::npos);
}

TEST_F(CredentialsTest, LooksWithoutAskingThePlugin) {
  EXPECT_TRUE(look_at(of(plugin("exit 1")), around_));
  EXPECT_EQ(calls(), 0U);
  EXPECT_FALSE(look_at(of(folder_ + "/none"), around_));
}

}  // namespace
}  // namespace postlude::kube
