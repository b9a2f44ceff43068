#include "app/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "unit/app/config.h"

namespace postlude::app {
namespace {

namespace fs = std::filesystem;

// Writes files into a folder of its own, and loads them as `serve` does.
class Load : public testing::Test {
 protected:
  Load() : folder_(fs::temp_directory_path() / ("postlude-load-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~Load() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  // What is wrong, with paths as in the folder.
  std::string problems_of(const std::string& path = "postlude.yaml") {
    lang::Problems problems;
    read_.clear();
    loaded_ = load({(folder_ / path).string()}, "", problems, &read_);
    EXPECT_EQ(loaded_.has_value(), !lang::any_error(problems));
    std::string text = all(problems);
    for (std::size_t at = 0; (at = text.find(folder_.string() + "/")) != std::string::npos;)
      text.erase(at, folder_.string().size() + 1);
    return text;
  }
  std::vector<std::string> read() const {
    std::vector<std::string> names;
    for (const std::string& path : read_)
      names.push_back(fs::path(path).lexically_relative(folder_).string());
    return names;
  }

  fs::path folder_;
  std::optional<Loaded> loaded_;
  std::vector<std::string> read_;
};

constexpr const char* kBase = R"(sources: {flagger: {type: flagger, auth: {bearer: {env: T}}}}
targets: {web: {connector: http, url: 'http://127.0.0.1:1', auth: none}, other: {connector: http, url: 'http://127.0.0.1:1', auth: none}}
)";

TEST_F(Load, tables_become_one_object) {
  write("postlude.yaml",
        std::string(kBase) + "data: {services: {file: tables/services.yaml}, zones: {file: zones.json}}\n");
  write("tables/services.yaml", "podinfo: {team: x, port: 80, on: no}\nversion: '1.10'\n");
  write("zones.json", "[1, {\"a\": \"\\ud83d\\ude00\"}]");
  EXPECT_EQ(problems_of(), "");
  EXPECT_EQ(*loaded_->data, R"({"services":{"podinfo":{"team":"x","port":80,"on":"no"},"version":"1.10"},)"
                            "\"zones\":[1,{\"a\":\"\xF0\x9F\x98\x80\"}]}");
  EXPECT_EQ(read(), (std::vector<std::string>{"postlude.yaml", "tables/services.yaml", "zones.json"}));
  const std::string before = loaded_->config.revision;
  write("zones.json", "[2]");
  EXPECT_EQ(problems_of(), "");
  EXPECT_NE(loaded_->config.revision, before) << "a table is part of the revision";
}

TEST_F(Load, without_tables_the_data_is_empty) {
  write("postlude.yaml", kBase);
  EXPECT_EQ(problems_of(), "");
  EXPECT_EQ(*loaded_->data, "{}");
}

TEST_F(Load, a_table_beside_the_files_of_a_folder_is_no_configuration) {
  write("conf/a.yaml", std::string(kBase) + "data: {services: {file: services.yaml}}\n");
  write("conf/services.yaml", "podinfo: {team: x}\n");
  EXPECT_EQ(problems_of("conf"), "");
  EXPECT_EQ(*loaded_->data, R"({"services":{"podinfo":{"team":"x"}}})");
}

TEST_F(Load, what_is_wrong_with_tables) {
  const std::string head = std::string(kBase) + "data: {t: {file: ";
  write("postlude.yaml", head + "none.yaml}}\n");
  EXPECT_EQ(problems_of(), "postlude.yaml:3:18: 'none.yaml' cannot be read: No such file or directory");
  EXPECT_EQ(read().back(), "none.yaml") << "it may come";
  write("postlude.yaml", head + "t.yaml}}\n");
  write("t.yaml", "a: 1\na: 2\n");
  EXPECT_EQ(problems_of(), "t.yaml:2:1: duplicate key 'a'; the first is in line 1");
  write("t.yaml", "just text\n");
  EXPECT_EQ(problems_of(), "t.yaml:1:1: the table 't' is one value; expected a map or a list");
  write("t.yaml", "# nothing\n");
  EXPECT_EQ(problems_of(), "t.yaml:1:1: the table 't' is empty; expected a map or a list");
  write("postlude.yaml", head + "t.json}}\n");
  write("t.json", "{\"a\": 1,\n \"b\": nul}\n");
  EXPECT_TRUE(problems_of().starts_with("t.json:2:7: not JSON: ")) << problems_of();
  write("t.json", R"({"a": {"x": "{\"a\":", "y": ["a", "a", {"a": 1}]},)"
                  "\n \"b\": [{\"c\": 1}, {\"c\": 2}],\n \"\\u0061\": 2}");
  EXPECT_EQ(problems_of(), "t.json:3:2: duplicate key 'a'; the first is in line 1");
  write("t.json", R"({"a": {"x": "\\", "y": {"x": 1}}, "x": [{"a": 1, "a": 2}]})");
  EXPECT_EQ(problems_of(), "t.json:1:50: duplicate key 'a'; the first is in line 1");
  write("t.json", "{}\n{}\n");
  EXPECT_TRUE(problems_of().starts_with("t.json:2:1: not JSON: ")) << problems_of();
  write("t.json", "[\"" + std::string(5U << 20U, 'x') + "\"]");
  EXPECT_EQ(problems_of(), "t.json:1:1: the file is longer than 4 MiB");
}

TEST_F(Load, tables_are_not_too_deep) {
  write("postlude.yaml", std::string(kBase) + "data: {t: {file: t.json}}\n");
  write("t.json", std::string(63, '[') + std::string(63, ']'));
  EXPECT_EQ(problems_of(), "");
  EXPECT_TRUE(parse_json(*loaded_->data)) << "what takes it up can read it";
  write("t.json", std::string(64, '[') + std::string(64, ']'));
  EXPECT_EQ(problems_of(), "t.json:1:1: the table 't' is nested deeper than 63 levels");
  write("t.json", std::string(65, '[') + std::string(65, ']'));
  EXPECT_EQ(problems_of(), "t.json:1:65: JSON nested deeper than 64 levels");
}

TEST_F(Load, tables_have_a_limit_together) {
  const std::string big = "[\"" + std::string(3U << 20U, 'x') + "\"]";
  write("postlude.yaml", std::string(kBase) + "data: {a: {file: a.json}, b: {file: b.json}}\n");
  write("a.json", big);
  write("b.json", big);
  EXPECT_EQ(problems_of(), "postlude.yaml:3:7: the tables of 'data' are longer than 4 MiB together");
}

TEST_F(Load, calendars_are_read_by_name) {
  write("postlude.yaml", std::string(kBase) +
                             "calendars: {freeze: {timezone: Asia/Shanghai, windows: [{days: [fri], from: "
                             "'18:00', to: '24:00'}]}}\n");
  EXPECT_EQ(problems_of(), "");
  EXPECT_EQ(loaded_->calendars.count("freeze"), 1U);
  write("postlude.yaml",
        std::string(kBase) + "calendars: {freeze: {timezone: Asia/Shangri-La, windows: [{days: [fri]}]}}\n");
  EXPECT_TRUE(problems_of().starts_with("postlude.yaml:3:")) << problems_of();
}

std::string team(const std::string& name, const std::string& match, const std::string& more = "") {
  return "  " + name + ": {match: {namespace: " + match + "}, folder: teams/" + name + ", targets: [web]" +
         more + "}\n";
}

constexpr const char* kStep = "    steps: [{uses: web/request, with: {path: /x}}]\n";

TEST_F(Load, a_teams_workflows_are_on_its_events_only) {
  write("postlude.yaml", std::string(kBase) + "teams:\n" + team("pay", "'pay-*'"));
  write("teams/pay/a.yaml", std::string("workflows:\n  one:\n    on: {source: flagger}\n") + kStep);
  write("teams/pay/b.yml", std::string("workflows:\n  two:\n    on: [{phase: Failed}, {}]\n") + kStep);
  write("teams/pay/b.test.yaml", "tests: []");
  EXPECT_EQ(problems_of(), "");
  ASSERT_EQ(loaded_->rules->workflows().size(), 2U);
  EXPECT_EQ(read(), (std::vector<std::string>{"postlude.yaml", "teams/pay"}));
  const lang::Node* one = loaded_->config.workflows.find("one")->find("on");
  EXPECT_EQ(one->text("team"), "pay");
  EXPECT_EQ(one->text("source"), "flagger");
  for (const lang::Node& pattern : loaded_->config.workflows.find("two")->find("on")->items)
    EXPECT_EQ(pattern.text("team"), "pay");
  const std::string before = loaded_->config.revision;
  write("teams/pay/b.yml", std::string("workflows:\n  two:\n    on: {phase: Failed}\n") + kStep);
  EXPECT_EQ(problems_of(), "");
  EXPECT_NE(loaded_->config.revision, before);
}

TEST_F(Load, what_is_wrong_with_teams_folders) {
  const std::string head = std::string(kBase) + "teams:\n";
  write("postlude.yaml", head + team("pay", "'pay-*'"));
  EXPECT_EQ(problems_of(),
            "postlude.yaml:4:46: the folder 'teams/pay' of the team 'pay': cannot be read: No such file or "
            "directory");
  EXPECT_EQ(read().back(), "teams/pay");
  write("teams/pay/w.yaml",
        "targets: {mine: {connector: http}}\nworkflows:\n  w: {on: {source: flagger}, steps: [{use: x}]}\n");
  EXPECT_EQ(problems_of(),
            "teams/pay/w.yaml:1:1: unknown key 'targets' in the folder of the team 'pay'; valid keys are "
            "workflows\n"
            "teams/pay/w.yaml:3:39: unknown key 'use' in entry 1 of 'steps'; did you mean 'uses'? (announce, "
            "continueOnError, expect, forEach, id, if, key, name, needs, onUnclear, retry, timeout, uses, "
            "wait, with)\n"
            "teams/pay/w.yaml:3:38: entry 1 of 'steps' needs 'uses': TARGET/ACTION such as "
            "jira/release-version, or a built-in such as wait");
  write("teams/pay/w.yaml", std::string("workflows:\n  w:\n    on: {team: shop}\n") + kStep);
  EXPECT_EQ(
      problems_of(),
      "teams/pay/w.yaml:3:16: 'team' is not allowed here: workflows in the folder of the team 'pay' run "
      "only on its events");
}

TEST_F(Load, a_team_uses_its_own_targets) {
  write("postlude.yaml", std::string(kBase) + "teams:\n" + team("pay", "'pay-*'"));
  write("teams/pay/w.yaml",
        "workflows:\n  w:\n    on: {source: flagger}\n    steps:\n"
        "      - {uses: web/request, with: {method: PUT, path: /x}}\n"
        "      - {uses: wait, with: {for: 1s}}\n"
        "      - {uses: weeb/request, with: {method: PUT, path: /x}}\n"
        "      - {uses: other/request, with: {method: PUT, path: /x}}\n"
        "    finally:\n      - {uses: http/request, with: {method: PUT, url: 'http://h/x'}}\n");
  const std::string found = problems_of();
  for (const char* line :
       {"teams/pay/w.yaml:7:16: the step uses the target 'weeb', which the team 'pay' may not use; did you "
        "mean 'web'?",
        "teams/pay/w.yaml:8:16: the step uses the target 'other', which the team 'pay' may not use; there is "
        "web",
        "teams/pay/w.yaml:10:16: the step uses the target 'http', which the team 'pay' may not use; there is "
        "web"})
    EXPECT_NE(found.find(line), std::string::npos) << line << "\nin\n" << found;
  EXPECT_EQ(found.find(":5:"), std::string::npos) << found;
  EXPECT_EQ(found.find(":6:"), std::string::npos) << found;
}

TEST_F(Load, a_workflows_name_stands_once) {
  write("postlude.yaml", std::string(kBase) + "teams:\n" + team("pay", "'pay-*'") + team("shop", "'shop-*'") +
                             "workflows:\n  one:\n    on: {source: flagger}\n" + kStep);
  write("teams/pay/a.yaml", std::string("workflows:\n  one:\n    on: {source: flagger}\n") + kStep);
  write("teams/shop/a.yaml", std::string("workflows:\n  two:\n    on: {source: flagger}\n") + kStep);
  EXPECT_EQ(problems_of(),
            "teams/pay/a.yaml:2:3: a workflow 'one' is also in postlude.yaml:7:3: workflow names must be "
            "unique across all folders");
  write("teams/pay/a.yaml", std::string("workflows:\n  two:\n    on: {source: flagger}\n") + kStep);
  EXPECT_EQ(problems_of(),
            "teams/shop/a.yaml:2:3: a workflow 'two' is also in teams/pay/a.yaml:2:3: workflow names must be "
            "unique across all folders");
}

TEST_F(Load, teams_that_overlap_are_warned_of) {
  write("postlude.yaml", std::string(kBase) + "teams:\n  a: {match: {namespace: 'pay-*'}}\n" +
                             "  b: {match: {namespace: ['*-api', x]}}\n  c: {match: {namespace: y}}\n");
  EXPECT_EQ(problems_of(),
            "postlude.yaml:5:3: warning: the teams 'a' and 'b' match the same namespaces; events in them "
            "belong to 'a', which is first");
  EXPECT_EQ(loaded_->config.teams.size(), 3U);
}

}  // namespace
}  // namespace postlude::app
