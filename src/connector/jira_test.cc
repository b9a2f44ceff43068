// connectors/jira.yaml: what goes over the wire, request by request, and what the answers lead to.
#include <gtest/gtest.h>

#include <map>

#include "connector/testing.h"

namespace postlude::connector {
namespace {

using testing::answer_json;
using testing::carry_out;
using testing::Story;

Target jira(std::string edition = "cloud") {
  Target target;
  target.name = "jira";
  target.connector = "jira";
  target.url = "https://acme.atlassian.net";
  target.edition = std::move(edition);
  return target;
}

// Answers by `METHOD path`; one after another where a request comes again; 404 else.
class Script {
 public:
  Script& on(const std::string& request, int status, std::string body) {
    answers_[request].push_back(answer_json(status, std::move(body)));
    return *this;
  }
  Result<HttpResponse> operator()(const HttpRequest& request) {
    const Result<Url> url = parse_url(request.target);
    auto& answers = answers_[request.method + " " + url->path];
    if (answers.empty()) return answer_json(404, R"({"errorMessages": ["not in the script"], "errors": {}})");
    HttpResponse answer = answers.front();
    if (answers.size() > 1) answers.erase(answers.begin());
    return answer;
  }

 private:
  std::map<std::string, std::vector<HttpResponse>> answers_;
};

Story run(const std::string& action, const char* with, const Script& script, const Target& target = jira()) {
  static const Catalogue catalogue = Catalogue::built_in();
  const auto found = catalogue.find("jira")->find(action);
  Result<json::value> input = validate_input(*found, json::parse(with));
  if (!input) {
    Story story;
    story.stopped = "input: " + input.error().message;
    return story;
  }
  return carry_out(*found, target, *input, script);
}

const std::string kBase = "https://acme.atlassian.net/rest/api/2";
const std::string kVersions = "GET /rest/api/2/project/PROJ/versions";
const std::string kProject = "GET /rest/api/2/project/PROJ";
const std::string kCreate = "POST /rest/api/2/version";
const std::string kDuplicate =
    R"({"errorMessages":[],"errors":{"name":"A version with this name already exists in this project."}})";

TEST(JiraReleaseVersionTest, MakesAndReleases) {
  Script script;
  script.on(kVersions, 200, R"([{"id":"1","name":"api 1.0","released":true}])")
      .on(kProject, 200, R"({"id":"10000","key":"PROJ"})")
      .on(kCreate, 201, R"({"id":"10010","name":"api 1.1","released":false})")
      .on("PUT /rest/api/2/version/10010", 200, R"({"id":"10010","released":true})");
  const Story story = run("release-version", R"({"project":"PROJ","name":"api 1.1"})", script);
  EXPECT_EQ(story.requests,
            (std::vector<std::string>{
                "GET " + kBase + "/project/PROJ/versions", "GET " + kBase + "/project/PROJ",
                "POST " + kBase + R"(/version {"name":"api 1.1","projectId":10000})",
                "PUT " + kBase + R"(/version/10010 {"released":true,"releaseDate":"2025-11-22"})"}));
  EXPECT_EQ(story.stopped, "");
  EXPECT_EQ(
      story.outputs,
      R"({"id":"10010","name":"api 1.1","url":"https://acme.atlassian.net/projects/PROJ/versions/10010","created":true,"changed":true})");
  EXPECT_EQ(story.headers[2].get("content-type"), "application/json");
  EXPECT_EQ(story.headers[0].get("accept"), "application/json");
}

TEST(JiraReleaseVersionTest, LeavesAReleasedVersionAlone) {
  Script script;
  script.on(kVersions, 200, R"([{"id":"7","name":"api 1.1","released":true}])");
  const Story story = run("release-version", R"({"project":"PROJ","name":"api 1.1"})", script);
  EXPECT_EQ(story.requests.size(), 1U);
  EXPECT_EQ(
      story.outputs,
      R"({"id":"7","name":"api 1.1","url":"https://acme.atlassian.net/projects/PROJ/versions/7","created":false,"changed":false})");
}

TEST(JiraReleaseVersionTest, ReleasesOneThatExists) {
  Script script;
  script.on(kVersions, 200, R"([{"id":"7","name":"api 1.1","released":false}])")
      .on("PUT /rest/api/2/version/7", 200, "{}");
  const Story story =
      run("release-version", R"({"project":"PROJ","name":"api 1.1","releaseDate":"2026-01-02"})", script);
  ASSERT_EQ(story.requests.size(), 2U);
  EXPECT_EQ(story.requests[1], "PUT " + kBase + R"(/version/7 {"released":true,"releaseDate":"2026-01-02"})");
}

TEST(JiraReleaseVersionTest, GoesOnWhereSomebodyWasFirst) {
  Script script;
  script.on(kVersions, 200, "[]")
      .on(kVersions, 200, R"([{"id":"9","name":"API 1.1","released":false}])")
      .on(kProject, 200, R"({"id":"10000"})")
      .on(kCreate, 400, kDuplicate)
      .on("PUT /rest/api/2/version/9", 200, "{}");
  const Story story = run("release-version", R"({"project":"PROJ","name":"api 1.1"})", script);
  EXPECT_EQ(story.stopped, "");
  ASSERT_EQ(story.requests.size(), 5U);
  EXPECT_EQ(story.requests[3], "GET " + kBase + "/project/PROJ/versions");
  EXPECT_EQ(
      story.outputs,
      R"({"id":"9","name":"api 1.1","url":"https://acme.atlassian.net/projects/PROJ/versions/9","created":false,"changed":true})");
}

TEST(JiraReleaseVersionTest, SaysWhatJiraSays) {
  Script missing;
  missing.on("GET /rest/api/2/project/NO%2FPE/versions", 404,
             R"({"errorMessages":["No project could be found with key 'NO/PE'."],"errors":{}})");
  EXPECT_EQ(run("release-version", R"({"project":"NO/PE","name":"x"})", missing).stopped,
            "refused: 404 from GET /rest/api/2/project/NO%2FPE/versions: No project could be found with key "
            "'NO/PE'.");
  Script no_right;
  no_right.on(kVersions, 200, "[]")
      .on(kProject, 200, R"({"id":"10000"})")
      .on(kCreate, 400,
          R"({"errorMessages":["You cannot create versions"],"errors":{"projectId":"no right"}})");
  EXPECT_EQ(run("release-version", R"({"project":"PROJ","name":"x"})", no_right).stopped,
            "refused: 400 from POST /rest/api/2/version: You cannot create versions; projectId: no right");
}

TEST(JiraTest, CreateVersion) {
  Script script;
  script.on(kVersions, 200, "[]")
      .on(kProject, 200, R"({"id":"10000"})")
      .on(kCreate, 201, R"({"id":"11","name":"x"})");
  const Story story = run(
      "create-version",
      R"({"project":"PROJ","name":"x","description":"d \"q\" {code}","startDate":"2026-01-01","releaseDate":"2026-01-02"})",
      script);
  ASSERT_EQ(story.requests.size(), 3U);
  EXPECT_EQ(
      story.requests[2],
      "POST " + kBase +
          R"(/version {"name":"x","projectId":10000,"description":"d \"q\" {code}","startDate":"2026-01-01","releaseDate":"2026-01-02"})");
}

TEST(JiraTest, FindVersion) {
  Script script;
  script.on(kVersions, 200, R"([{"id":"7","name":"x","released":true,"releaseDate":"2026-01-02"}])");
  EXPECT_EQ(
      run("find-version", R"({"project":"PROJ","name":"x"})", script).outputs,
      R"({"found":true,"id":"7","name":"x","released":true,"releaseDate":"2026-01-02","url":"https://acme.atlassian.net/projects/PROJ/versions/7"})");
  EXPECT_EQ(run("find-version", R"({"project":"PROJ","name":"X"})", script).outputs,
            R"({"found":false,"id":null,"name":"X","released":false,"releaseDate":null,"url":null})");
}

TEST(JiraTest, SetFixVersions) {
  Script script;
  script.on("PUT /rest/api/2/issue/PROJ-1", 204, "")
      .on("GET /rest/api/2/issue/PROJ-1", 200,
          R"({"editmeta":{"fields":{"fixVersions":{"allowedValues":[{"id":"10010","name":"api 1.0"},{"id":"7","name":"20261130"},{"id":"20261130","name":"x"}]}}}})");
  const auto fixed = [&](const char* with) { return run("set-fix-versions", with, script).requests; };
  const std::string asked = "GET " + kBase + "/issue/PROJ-1?fields=fixVersions&expand=editmeta";
  const std::string put = "PUT " + kBase + "/issue/PROJ-1";
  EXPECT_EQ(fixed(R"({"issue":"PROJ-1","versions":["10010","api 1.1"]})"),
            (std::vector<std::string>{
                asked,
                put + R"( {"update":{"fixVersions":[{"add":{"id":"10010"}},{"add":{"name":"api 1.1"}}]}})"}));
  EXPECT_EQ(fixed(R"({"issue":"PROJ-1","versions":["10010"],"replace":true,"notify":false})"),
            (std::vector<std::string>{
                asked, put + R"(?notifyUsers=false {"update":{"fixVersions":[{"set":[{"id":"10010"}]}]}})"}));
  // A name of digits is one, also where it is another version's id; what is neither is a name.
  EXPECT_EQ(
      fixed(R"({"issue":"PROJ-1","versions":["20261130","4711"]})"),
      (std::vector<std::string>{
          asked,
          put + R"( {"update":{"fixVersions":[{"add":{"name":"20261130"}},{"add":{"name":"4711"}}]}})"}));
  // Who says which of the two it is, or has another name, is not asked about.
  EXPECT_EQ(
      fixed(R"({"issue":"PROJ-1","versions":[{"id":"20261130"},{"name":"10010"},"2026-11"]})"),
      (std::vector<std::string>{
          put +
          R"( {"update":{"fixVersions":[{"add":{"id":"20261130"}},{"add":{"name":"10010"}},{"add":{"name":"2026-11"}}]}})"}));
  EXPECT_NE(run("set-fix-versions", R"({"issue":"PROJ-1","versions":[{"key":"1"}]})", script).stopped, "");
  Script busy;
  busy.on("PUT /rest/api/2/issue/PROJ-1", 409, R"({"errorMessages":["Issue was changed"]})");
  EXPECT_EQ(run("set-fix-versions", R"({"issue":"PROJ-1","versions":["api 1.0"]})", busy).stopped,
            "retryable: 409 from PUT /rest/api/2/issue/PROJ-1: Issue was changed");
}

TEST(JiraTest, FindIssuesAsksEachEditionInItsWay) {
  Script cloud;
  cloud.on(
      "POST /rest/api/3/search/jql", 200,
      R"({"issues":[{"id":"1","key":"PROJ-1","fields":{"summary":"s","status":{"name":"Done"}}}],"isLast":true})");
  const Story story = run("find-issues", R"({"jql":"project = PROJ"})", cloud);
  EXPECT_EQ(story.requests,
            (std::vector<std::string>{
                "POST https://acme.atlassian.net/rest/api/3/search/jql "
                R"({"jql":"project = PROJ","fields":["summary","status"],"maxResults":100})"}));
  EXPECT_EQ(
      story.outputs,
      R"({"issues":[{"key":"PROJ-1","id":"1","summary":"s","status":"Done","fields":{"summary":"s","status":{"name":"Done"}}}],"keys":["PROJ-1"],"complete":true})");
  Script server;
  server.on("POST /rest/api/2/search", 200, R"({"startAt":0,"maxResults":1,"total":3,"issues":[]})");
  const Story other =
      run("find-issues", R"({"jql":"project = PROJ","max":1,"fields":[]})", server, jira("dataCenter"));
  EXPECT_EQ(other.requests,
            (std::vector<std::string>{"POST https://acme.atlassian.net/rest/api/2/search "
                                      R"({"jql":"project = PROJ","fields":[],"maxResults":1,"startAt":0})"}));
  EXPECT_EQ(other.outputs, R"({"issues":[],"keys":[],"complete":false})");
}

std::string issues(int from, int to) {
  std::string out = "[";
  for (int i = from; i < to; ++i)
    out += std::string(i == from ? "" : ",") + R"({"id":")" + std::to_string(i) + R"(","key":"P-)" +
           std::to_string(i) + R"(","fields":{}})";
  return out + "]";
}

std::size_t keys_in(const Story& story) {
  const auto outputs = parse_json(story.outputs);
  const json::value* keys = outputs ? find(*outputs, "keys") : nullptr;
  return keys == nullptr ? 0 : keys->get_array().size();
}

TEST(JiraTest, FindIssuesFollowsTheTokensOfTheCloud) {
  const std::string path = "POST /rest/api/3/search/jql";
  Script script;
  script.on(path, 200, R"({"issues":)" + issues(0, 100) + R"(,"nextPageToken":"a","isLast":false})");
  script.on(path, 200, R"({"issues":)" + issues(100, 200) + R"(,"nextPageToken":"b","isLast":false})");
  script.on(path, 200, R"({"issues":)" + issues(200, 230) + R"(,"isLast":true})");
  const Story story = run("find-issues", R"({"jql":"project = P","max":1000,"fields":[]})", script);
  ASSERT_EQ(story.requests.size(), 3U) << story.stopped;
  EXPECT_NE(story.requests[1].find(R"("maxResults":100,"nextPageToken":"a"})"), std::string::npos);
  EXPECT_NE(story.requests[2].find(R"("maxResults":100,"nextPageToken":"b"})"), std::string::npos);
  EXPECT_EQ(keys_in(story), 230U);
  EXPECT_NE(story.outputs.find(R"("P-99","P-100")"), std::string::npos) << "in their order";
  EXPECT_NE(story.outputs.find(R"("complete":true)"), std::string::npos);
  // No further than what is asked for.
  Script more;
  more.on(path, 200, R"({"issues":)" + issues(0, 100) + R"(,"nextPageToken":"a","isLast":false})");
  more.on(path, 200, R"({"issues":)" + issues(100, 120) + R"(,"nextPageToken":"b","isLast":false})");
  const Story some = run("find-issues", R"({"jql":"project = P","max":120,"fields":[]})", more);
  ASSERT_EQ(some.requests.size(), 2U) << some.stopped;
  EXPECT_NE(some.requests[1].find(R"("maxResults":20,)"), std::string::npos) << some.requests[1];
  EXPECT_EQ(keys_in(some), 120U);
  EXPECT_NE(some.outputs.find(R"("complete":false)"), std::string::npos);
}

TEST(JiraTest, FindIssuesGoesOnWhereADataCenterStops) {
  const std::string path = "POST /rest/api/2/search";
  Script script;
  for (const int from : {0, 50, 100})
    script.on(path, 200, R"({"total":130,"issues":)" + issues(from, std::min(from + 50, 130)) + "}");
  const Story story =
      run("find-issues", R"({"jql":"project = P","max":500,"fields":[]})", script, jira("dataCenter"));
  ASSERT_EQ(story.requests.size(), 3U) << story.stopped;
  EXPECT_NE(story.requests[1].find(R"("maxResults":450,"startAt":50})"), std::string::npos);
  EXPECT_NE(story.requests[2].find(R"("maxResults":400,"startAt":100})"), std::string::npos);
  EXPECT_EQ(keys_in(story), 130U);
  EXPECT_NE(story.outputs.find(R"("complete":true)"), std::string::npos);
  // A page each time, for ever: ten are enough, and what is left is told.
  Script endless;
  endless.on(path, 200, R"({"total":900,"issues":)" + issues(0, 10) + "}");
  const Story cut =
      run("find-issues", R"({"jql":"project = P","max":500,"fields":[]})", endless, jira("dataCenter"));
  EXPECT_EQ(cut.requests.size(), 10U) << cut.stopped;
  EXPECT_NE(cut.outputs.find(R"("complete":false)"), std::string::npos);
}

const char* kTransitions =
    R"({"transitions":[{"id":"21","name":"Start","to":{"id":"3","name":"In Progress"}},
                       {"id":"31","name":"Finish","to":{"id":"5","name":"Done"}},
                       {"id":"41","name":"Drop","to":{"id":"5","name":"Done"}}]})";

TEST(JiraTransitionTest, LooksFirst) {
  Script script;
  script.on("GET /rest/api/2/issue/PROJ-1", 200, R"({"fields":{"status":{"id":"1","name":"Open"}}})")
      .on("GET /rest/api/2/issue/PROJ-1/transitions", 200, kTransitions)
      .on("POST /rest/api/2/issue/PROJ-1/transitions", 204, "");
  Story story = run("transition", R"({"issue":"PROJ-1","to":"done"})", script);
  EXPECT_EQ(story.requests,
            (std::vector<std::string>{
                "GET " + kBase + "/issue/PROJ-1?fields=status", "GET " + kBase + "/issue/PROJ-1/transitions",
                "POST " + kBase + R"(/issue/PROJ-1/transitions {"transition":{"id":"31"},"fields":{}})"}));
  EXPECT_EQ(story.outputs, R"({"issue":"PROJ-1","from":"Open","to":"done","changed":true})");
  story =
      run("transition", R"({"issue":"PROJ-1","to":"5","transition":"Drop","resolution":"Won't Do"})", script);
  EXPECT_EQ(
      story.requests.back(),
      "POST " + kBase +
          R"(/issue/PROJ-1/transitions {"transition":{"id":"41"},"fields":{"resolution":{"name":"Won't Do"}}})");
  story = run("transition", R"({"issue":"PROJ-1","to":"Reopened"})", script);
  EXPECT_NE(story.stopped.find(
                "issue PROJ-1 has no transition to Reopened now; there are: In Progress, Done, Done"),
            std::string::npos)
      << story.stopped;
}

// `to` and `transition` are names; ids only where nothing has that name.
TEST(JiraTransitionTest, TellsNamesOfDigitsFromIds) {
  const auto sent = [](const char* status, const char* with) {
    Script script;
    script.on("GET /rest/api/2/issue/PROJ-1", 200, R"({"fields":{"status":)" + std::string(status) + "}}")
        .on("GET /rest/api/2/issue/PROJ-1/transitions", 200,
            R"({"transitions":[{"id":"21","name":"31","to":{"id":"3","name":"5"}},
                               {"id":"31","name":"Finish","to":{"id":"5","name":"Done"}}]})")
        .on("POST /rest/api/2/issue/PROJ-1/transitions", 204, "");
    return run("transition", with, script).requests.back();
  };
  const std::string post = "POST " + kBase + "/issue/PROJ-1/transitions ";
  const char* open = R"({"id":"1","name":"Open"})";
  EXPECT_EQ(sent(open, R"({"issue":"PROJ-1","to":"5"})"), post + R"({"transition":{"id":"21"},"fields":{}})");
  EXPECT_EQ(sent(open, R"({"issue":"PROJ-1","to":"3"})"), post + R"({"transition":{"id":"21"},"fields":{}})");
  EXPECT_EQ(sent(open, R"({"issue":"PROJ-1","to":"Done","transition":"31"})"),
            post + R"({"transition":{"id":"31"},"fields":{}})");
  // It is in the status with the id 5, and a transition leads to the one that is called so.
  const char* done = R"({"id":"5","name":"Done"})";
  EXPECT_EQ(sent(done, R"({"issue":"PROJ-1","to":"5"})"), post + R"({"transition":{"id":"21"},"fields":{}})");
  const char* in_it = R"({"id":"9","name":"Closed"})";
  EXPECT_EQ(sent(in_it, R"({"issue":"PROJ-1","to":"9"})"), "GET " + kBase + "/issue/PROJ-1/transitions");
}

// Where people cannot open the URL there is no link, unless the target says where they can.
TEST(JiraTest, LinksAreWherePeopleOpenIt) {
  Script script;
  const std::string gateway = "/ex/jira/11223344";
  script
      .on("GET " + gateway + "/rest/api/2/project/PROJ/versions", 200,
          R"([{"id":"7","name":"x","released":true}])")
      .on("POST " + gateway + "/rest/api/2/issue/PROJ-1/comment", 201, R"({"id":"12"})");
  const auto url_of = [&](const char* action, const char* with, const std::string& site) {
    lang::Problems problems;
    Target target = jira();
    target.url = "https://api.atlassian.com" + gateway;
    target.site = site;
    target.edition.clear();
    target.auth.kind = Auth::Kind::kBearer;
    static const Catalogue catalogue = Catalogue::built_in();
    catalogue.find("jira")->settle(target, problems);
    EXPECT_TRUE(problems.empty());
    EXPECT_EQ(target.edition, "cloud");
    return to_text(json::parse(run(action, with, script, target).outputs).at("url"));
  };
  const char* version = R"({"project":"PROJ","name":"x"})";
  const char* comment = R"({"issue":"PROJ-1","body":"b"})";
  for (const char* action : {"release-version", "find-version", "create-version"}) {
    EXPECT_EQ(url_of(action, version, ""), "null") << action;
    EXPECT_EQ(url_of(action, version, "https://acme.atlassian.net"),
              R"("https://acme.atlassian.net/projects/PROJ/versions/7")")
        << action;
  }
  EXPECT_EQ(url_of("comment", comment, ""), "null");
  EXPECT_EQ(url_of("comment", comment, "https://acme.atlassian.net"),
            R"("https://acme.atlassian.net/browse/PROJ-1?focusedCommentId=12")");
}

TEST(JiraTransitionTest, IsDoneWhereTheIssueIsThere) {
  Script script;
  script.on("GET /rest/api/2/issue/PROJ-1", 200, R"({"fields":{"status":{"id":"5","name":"Done"}}})");
  const Story story = run("transition", R"({"issue":"PROJ-1","to":"Done"})", script);
  EXPECT_EQ(story.requests.size(), 1U);
  EXPECT_EQ(story.outputs, R"({"issue":"PROJ-1","from":"Done","to":"Done","changed":false})");
}

TEST(JiraCommentTest, PlantsTheKey) {
  Script script;
  script.on("POST /rest/api/2/issue/PROJ-1/comment", 201, R"({"id":"500"})");
  const Story cloud = run("comment", R"({"issue":"PROJ-1","body":"Released."})", script);
  EXPECT_EQ(
      cloud.requests,
      (std::vector<std::string>{
          "POST " + kBase +
          R"(/issue/PROJ-1/comment {"body":"Released.","properties":[{"key":"postlude","value":{"key":"k-123"}}]})"}));
  EXPECT_EQ(
      cloud.outputs,
      R"({"id":"500","issue":"PROJ-1","url":"https://acme.atlassian.net/browse/PROJ-1?focusedCommentId=500"})");
  const Story server = run("comment", R"({"issue":"PROJ-1","body":"Released."})", script, jira("dataCenter"));
  EXPECT_EQ(server.requests,
            (std::vector<std::string>{
                "POST " + kBase + R"(/issue/PROJ-1/comment {"body":"Released.\n{anchor:postlude-k-123}"})"}));
}

struct LookupCase {
  const char* name;
  std::string comments;
  std::string outputs;
  std::string stopped;
};

TEST(JiraCommentTest, Lookup) {
  const std::string mine =
      R"("author":{"accountId":"me"},"created":"2025-11-22T10:00:00.000+0000","body":"b")";
  const std::string marked = R"("properties":[{"key":"postlude","value":{"key":"k-123"}}])";
  const std::string url =
      R"("issue":"PROJ-1","url":"https://acme.atlassian.net/browse/PROJ-1?focusedCommentId=)";
  const std::vector<LookupCase> cases = {
      {"found", R"({"total":1,"comments":[{"id":"5",)" + mine + "," + marked + "}]}",
       R"({"id":"5",)" + url + "5\"}", ""},
      {"found by anchor",
       R"({"total":1,"comments":[{"id":"6","author":{"accountId":"me"},"created":"2025-11-22T10:00:00.000+0000","body":"x\n{anchor:postlude-k-123}"}]})",
       R"({"id":"6",)" + url + "6\"}", ""},
      {"none at all", R"({"total":0,"comments":[]})", "null", ""},
      {"another's key",
       R"({"total":1,"comments":[{"id":"5",)" + mine +
           R"(,"properties":[{"key":"postlude","value":{"key":"k-9"}}]}]})",
       "null", ""},
      {"another's comment with our key",
       R"({"total":1,"comments":[{"id":"5","author":{"accountId":"you"},"created":"2025-11-22T10:00:00.000+0000","body":"b",)" +
           marked + "}]}",
       "null", ""},
      {"older ones unseen, but before the step",
       R"({"total":900,"comments":[{"id":"5","author":{"accountId":"me"},"created":"2025-11-20T10:00:00.000+0000","body":"b"}]})",
       "null", ""},
      {"cut short", R"({"total":900,"comments":[{"id":"5",)" + mine + "}]}", "",
       "retryable: 200 from GET /rest/api/2/issue/PROJ-1/comment: `success` is not met"},
  };
  const Catalogue catalogue = Catalogue::built_in();
  const auto action = catalogue.find("jira")->find("comment");
  ASSERT_NE(action->lookup(), nullptr);
  for (const LookupCase& c : cases) {
    SCOPED_TRACE(c.name);
    Script script;
    script.on("GET /rest/api/2/myself", 200, R"({"accountId":"me"})")
        .on("GET /rest/api/2/issue/PROJ-1/comment", 200, c.comments);
    Story story;
    json::object context = testing::context_of(jira(), json::parse(R"({"issue":"PROJ-1","body":"b"})"));
    testing::go_through(*action->lookup(), jira(), context, script, story);
    EXPECT_EQ(story.outputs, c.outputs);
    EXPECT_EQ(story.stopped, c.stopped);
    EXPECT_EQ(story.requests[1],
              "GET " + kBase + "/issue/PROJ-1/comment?orderBy=-created&maxResults=100&expand=properties");
  }
}

TEST(JiraTest, RemoteLink) {
  Script script;
  script.on("POST /rest/api/2/issue/PROJ-1/remotelink", 201, R"({"id":10000,"self":"…"})");
  Story story = run("remote-link", R"({"issue":"PROJ-1","url":"https://x/1","title":"Release 1"})", script);
  EXPECT_EQ(
      story.requests[0],
      "POST " + kBase +
          R"(/issue/PROJ-1/remotelink {"globalId":"postlude=k-123","application":{"type":"io.postlude","name":"Postlude"},"object":{"url":"https://x/1","title":"Release 1"}})");
  EXPECT_EQ(story.outputs, R"({"id":10000,"issue":"PROJ-1","globalId":"postlude=k-123","created":true})");
  EXPECT_EQ(run("remote-link", R"({"issue":"PROJ-1","url":"javascript:x","title":"t"})", script).stopped,
            "input: with.url: \"javascript:x\" does not match ^https?://");
}

TEST(JiraTest, UpdatesWhatAKeyMadeBefore) {
  struct Row {
    const char* action;
    const char* with;
    const char* outputs;  // of the first use
    const char* request;  // the update's one
    int status;
    const char* answer;
    const char* yields;  // what is new in the outputs
  };
  const std::vector<Row> rows = {
      {"release-version", R"({"project":"PROJ","name":"api 2","releaseDate":"2026-01-03"})",
       R"({"id":"7","name":"api 1","url":"u","created":true,"changed":true})",
       R"(PUT /version/7 {"name":"api 2","released":true,"releaseDate":"2026-01-03"})", 200, "{}",
       R"({"name":"api 2","created":false,"changed":true})"},
      {"create-version", R"({"project":"PROJ","name":"api 2","description":"d"})",
       R"({"id":"7","name":"api 1","url":"u","created":true})",
       R"(PUT /version/7 {"name":"api 2","description":"d"})", 200, "{}",
       R"({"name":"api 2","created":false})"},
      {"comment", R"({"issue":"PROJ-2","body":"Done."})", R"({"id":"500","issue":"PROJ-1","url":"u"})",
       R"(PUT /issue/PROJ-1/comment/500 {"body":"Done."})", 200, "{}", "{}"},
      {"remote-link", R"({"issue":"PROJ-2","url":"https://x/2","title":"t","globalId":"other"})",
       R"({"id":1,"issue":"PROJ-1","globalId":"postlude=k-1","created":true})",
       R"(POST /issue/PROJ-1/remotelink {"globalId":"postlude=k-1","application":{"type":"io.postlude","name":"Postlude"},"object":{"url":"https://x/2","title":"t"}})",
       200, R"({"id":1})", R"({"id":1,"created":false})"},
  };
  const Catalogue catalogue = Catalogue::built_in();
  for (const Row& row : rows) {
    SCOPED_TRACE(row.action);
    const auto action = catalogue.find("jira")->find(row.action);
    ASSERT_NE(action->update(), nullptr);
    const auto input = validate_input(*action, json::parse(row.with));
    ASSERT_TRUE(input) << input.error().message;
    Story story;
    json::object context = testing::context_of(jira(), *input);
    context["outputs"] = json::parse(row.outputs);
    const testing::FakePeer peer = [&](const HttpRequest&) { return answer_json(row.status, row.answer); };
    testing::go_through(*action->update(), jira(), context, peer, story);
    std::string wanted(row.request);
    wanted.insert(wanted.find('/'), kBase);
    EXPECT_EQ(story.requests, std::vector<std::string>{wanted});
    EXPECT_EQ(story.outputs, row.yields);
    EXPECT_EQ(story.stopped, "");
  }
  for (const char* name : {"find-version", "set-fix-versions", "transition", "find-issues"})
    EXPECT_EQ(catalogue.find("jira")->find(name)->update(), nullptr) << name;
}

TEST(JiraTest, Effects) {
  const Catalogue catalogue = Catalogue::built_in();
  std::string text;
  for (const auto& action : catalogue.find("jira")->actions()) {
    for (const Call& call : action->plan().calls()) {
      if (call.effect() == Effect::kRead) continue;
      text += action->name() + "." + call.id() + " " + std::string(postlude::to_text(call.effect())) + "\n";
    }
  }
  EXPECT_EQ(text,
            "release-version.create upsert\nrelease-version.release state\ncreate-version.create upsert\n"
            "set-fix-versions.update state\ntransition.transition state\ncomment.post "
            "lookup\nremote-link.link upsert\ncreate-issue.create lookup\nreopen.transition state\n"
            "deployment.send upsert\n");
}

TEST(JiraTest, EditionByHost) {
  struct Row {
    const char* url;
    const char* edition;
  };
  const Catalogue catalogue = Catalogue::built_in();
  for (const Row& row :
       {Row{"https://acme.atlassian.net", "cloud"}, Row{"https://api.atlassian.com/ex/jira/1", "cloud"},
        Row{"https://jira.acme.io/ctx", "dataCenter"}, Row{"http://127.0.0.1:8080", "dataCenter"}}) {
    Target target = jira("");
    target.url = row.url;
    target.auth.kind = Auth::Kind::kBasic;
    lang::Problems problems;
    catalogue.find("jira")->settle(target, problems);
    EXPECT_TRUE(problems.empty());
    EXPECT_EQ(target.edition, row.edition) << row.url;
  }
}

}  // namespace
}  // namespace postlude::connector
