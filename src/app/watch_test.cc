#include "app/watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/reload.h"
#include "unit/app/config.h"

namespace postlude::app {
namespace {

namespace fs = std::filesystem;

class Watching : public testing::Test {
 protected:
  Watching() : folder_(fs::temp_directory_path() / ("postlude-watch-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~Watching() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  // As the daemon does, from one look to the next.
  WatchState last_;
  std::shared_ptr<Version> next() {
    const ConfigChange change = read_if_changed(last_);
    last_.fingerprint = change.fingerprint;
    if (change.version) last_.read = change.version->read;
    return change.version;
  }
  void begin(const std::vector<std::string>& paths, const std::string& connectors = "") {
    const Version first = read_version(paths, connectors);
    ASSERT_TRUE(first.loaded) << all(first.problems);
    last_ = {paths, connectors, first.read, first.print, false};
    EXPECT_EQ(next(), nullptr) << "nothing has changed yet";
  }
  fs::path folder_;
};

constexpr const char* kSource = "sources: {a: {type: flagger, auth: {bearer: {env: T}}}}\n";

TEST_F(Watching, a_fingerprint_tells_every_way_of_writing) {
  write("a.yaml", "one");
  write("sub/b.yaml", "two");
  const std::vector<std::string> read{path("a.yaml"), path("sub"), path("none.yaml")};
  std::string known = fingerprint(read);
  EXPECT_EQ(fingerprint(read), known);
  const auto changed = [&] {
    const std::string now = fingerprint(read);
    const bool differs = now != known;
    known = now;
    return differs;
  };
  write("a.yaml", "other words");
  EXPECT_TRUE(changed()) << "written in place";
  write("new", "OTHER WORDS");
  fs::last_write_time(path("new"), fs::last_write_time(path("a.yaml")));
  fs::rename(path("new"), path("a.yaml"));
  EXPECT_TRUE(changed()) << "renamed over, of the same time and size";
  write("sub/c.yaml", "three");
  EXPECT_TRUE(changed()) << "one more in a folder";
  write("sub/.hidden.yaml", "three");
  write("sub/c.test.yaml", "three");
  EXPECT_FALSE(changed()) << "no configuration";
  fs::remove(path("sub/c.yaml"));
  EXPECT_TRUE(changed()) << "one less";
  write("none.yaml", "it came");
  EXPECT_TRUE(changed()) << "what was not there";
  fs::remove_all(path("sub"));
  EXPECT_TRUE(changed()) << "the folder is gone";
}

TEST_F(Watching, a_swapped_link_is_one_change) {
  write("mounted/..one/a.yaml", kSource);
  write("mounted/..two/a.yaml", std::string(kSource) + "log: {level: warn}\n");
  fs::create_directory_symlink("..one", path("mounted/..data"));
  fs::create_symlink("..data/a.yaml", path("mounted/a.yaml"));
  begin({path("mounted")});
  fs::create_directory_symlink("..two", path("mounted/..data_tmp"));
  fs::rename(path("mounted/..data_tmp"), path("mounted/..data"));
  const auto version = next();
  ASSERT_NE(version, nullptr);
  ASSERT_TRUE(version->loaded);
  EXPECT_EQ(version->loaded->config.log.level, log::Level::kWarn);
  EXPECT_EQ(next(), nullptr);
}

TEST_F(Watching, what_a_version_names_is_watched_from_then_on) {
  write("p.yaml", kSource);
  begin({path("p.yaml")});
  write("t.yaml", "{a: 1}");
  EXPECT_EQ(next(), nullptr) << "nobody reads it";
  write("p.yaml", std::string(kSource) + "data: {t: {file: t.yaml}}\n");
  const auto named = next();
  ASSERT_TRUE(named && named->loaded);
  EXPECT_EQ(named->read, (std::vector<std::string>{path("p.yaml"), path("t.yaml")}));
  write("t.yaml", "{a: 2}");
  const auto changed = next();
  ASSERT_TRUE(changed && changed->loaded);
  EXPECT_EQ(*changed->loaded->data, R"({"t":{"a":2}})");
  fs::remove(path("t.yaml"));
  const auto gone = next();
  ASSERT_NE(gone, nullptr);
  EXPECT_FALSE(gone->loaded);
  EXPECT_EQ(next(), nullptr) << "said once";
  write("t.yaml", "{a: 3}");
  const auto back = next();
  ASSERT_TRUE(back && back->loaded);
}

TEST_F(Watching, a_look_that_is_asked_for_always_reads) {
  write("p.yaml", kSource);
  begin({path("p.yaml")});
  last_.at_once = true;
  const auto version = next();
  ASSERT_TRUE(version && version->loaded);
}

TEST_F(Watching, rules_keep_their_connectors_alive) {
  write("p.yaml",
        std::string(kSource) +
            "targets: {j: {connector: jira, url: 'https://h', auth: {bearer: {env: T}}}}\n"
            "workflows: {w: {on: {source: a}, steps: [{uses: j/comment, with: {issue: A-1, body: b}}]}}\n");
  std::shared_ptr<const pipeline::Rules> rules;
  {
    const Version version = read_version({path("p.yaml")}, "");
    ASSERT_TRUE(version.loaded) << all(version.problems);
    rules = version.loaded->rules;
  }
  const auto& workflow = rules->workflows().front()->workflow;
  const auto bound = rules->bind_pinned("another name", workflow->pinned);
  ASSERT_TRUE(bound) << bound.error().message;
  EXPECT_NE((*bound)->steps.front().action, nullptr);
}

TEST(NeedsRestart, names_the_keys) {
  Config running;
  EXPECT_EQ(needs_restart(running, running), std::vector<std::string>{});
  Config wanted = running;
  wanted.server.public_url = "https://h";  // these take effect at once
  wanted.store.keep_runs = std::chrono::hours(1);
  wanted.log.level = log::Level::kWarn;
  EXPECT_EQ(needs_restart(running, wanted), std::vector<std::string>{});
  wanted.server.listen = "127.0.0.1:1";
  wanted.server.admin = "127.0.0.1:2";
  wanted.server.metrics_on_listen = true;
  wanted.server.idle_timeout = std::chrono::minutes(2);
  wanted.store.url = "sqlite:other.db";
  wanted.evaluator.time = std::chrono::seconds(1);
  wanted.evaluator.memory_bytes = 1;
  EXPECT_EQ(needs_restart(running, wanted),
            (std::vector<std::string>{"server.listen", "server.admin", "server.metrics", "server.idleTimeout",
                                      "store.url", "evaluator.time", "evaluator.memory"}));
}

TEST(OpenListener, keeps_its_token_until_the_restart) {
  Config running;
  Config wanted;
  lang::Problems problems;
  running.tokens.emplace_back();
  for (const char* loopback : {"127.0.0.1:8081", "localhost:8081", "[::1]:8081", "127.9.9.9:1"}) {
    running.server.admin = loopback;
    check_listener(running, wanted, problems);
    EXPECT_EQ(all(problems), "") << loopback;
  }
  for (const char* open : {"0.0.0.0:8081", "[::]:8081", "10.0.0.1:8081", "postlude.example:8081"}) {
    running.server.admin = open;
    problems.clear();
    check_listener(running, wanted, problems);
    EXPECT_TRUE(lang::any_error(problems)) << open;
  }
  wanted.tokens.emplace_back();
  problems.clear();
  check_listener(running, wanted, problems);
  EXPECT_EQ(all(problems), "");
}

}  // namespace
}  // namespace postlude::app
