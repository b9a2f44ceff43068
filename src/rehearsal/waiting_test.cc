// Actions that start something and wait for it: when they look, what they never do twice, how they end.
#include <gtest/gtest.h>

#include "base/json.h"
#include "evaluator/in_process.h"
#include "lang/expression.h"
#include "lang/yaml.h"
#include "rehearsal/rehearsal.h"
#include "sql/sql.h"

namespace postlude::rehearsal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// One action for each effect of what starts; all look in the same way.
std::string connector_text() {
  std::string out = "connector: ci\nsummary: A CI\nauth: [none]\nactions:\n";
  const auto action = [&](const std::string& name, const std::string& start, const std::string& more) {
    out += "  " + name + ":\n    summary: S\n    input: {properties: {of: {type: string}}}\n    requests:\n" +
           "      - {id: start, post: /builds, body: {key: '${{ .key }}'}, " + start + "}\n" +
           "      - {id: build, get: '/builds/${{ .requests.start.response.body.id | @uri }}'}\n" + more +
           "    wait:\n      until: .requests.build.response.body.state == \"done\"\n"
           "      success: .requests.build.response.body.result == \"passed\"\n"
           "      message: 'build ${{ .requests.build.response.body.id }} ${{ "
           ".requests.build.response.body.result }}'\n"
           "    outputs: {id: '${{ .requests.build.response.body.id }}', result: '${{ "
           ".requests.build.response.body.result }}'}\n";
  };
  action("build", "effect: none, onUnclear: hold", "");
  action("key", "effect: key, keyWindow: 3650d", "");
  action("state", "effect: state", "");
  action("lookup", "effect: lookup",
         "    lookup: [{id: find, get: /find, query: {key: '${{ .key }}'}, outputs: '${{ "
         ".requests.find.response.body }}'}]\n");
  // What it would start hangs on what is read anew at each look.
  out += R"(  if-idle:
    summary: S
    input: {}
    requests:
      - {id: now, get: /now}
      - {id: start, if: .requests.now.response.body.idle, post: /builds, effect: none, onUnclear: hold}
    wait: {every: 30s, until: .requests.now.response.body.idle}
)";
  return out;
}

std::shared_ptr<const pipeline::Rules> rules(const std::string& steps, const std::string& more,
                                             const std::string& limits) {
  lang::Problems problems;
  auto catalogue = std::make_shared<connector::Catalogue>(connector::Catalogue::built_in());
  catalogue->add(connector_text(), "ci.yaml", problems);
  const auto root = lang::read_yaml(
      "sources: {flagger: {type: flagger, auth: [none]}}\n"
      "targets: {ci: {connector: ci, url: \"https://ci.example.com\", auth: none" +
          limits + "}}\nworkflows:\n  w: {on: {source: flagger}" + more + ", steps: [" + steps + "]}\n",
      "t.yaml", problems);
  pipeline::RulesInput input;
  input.sources = root->find("sources");
  input.targets = root->find("targets");
  input.workflows = root->find("workflows");
  auto out = pipeline::Rules::build(input, catalogue, problems);
  for (const lang::Problem& p : problems) {
    if (!p.warning) ADD_FAILURE() << lang::to_text(p);
  }
  return out;
}

pipeline::Expressions& expressions() {
  static evaluator::InProcess interpreter{std::string(lang::prelude())};
  static pipeline::Expressions out(interpreter);
  return out;
}

class WaitingTest : public testing::Test {
 protected:
  void begin(const std::string& steps, const std::string& more = "", const std::string& limits = "") {
    rehearsal_.reset();
    starts_ = looks_ = searches_ = 0;
    begun_.clear();
    looked_at_.clear();
    auto begun = Rehearsal::begin(rules(steps, more, limits), expressions(),
                                  [this](const Sent& s) { return answer(s); }, {});
    ASSERT_TRUE(begun) << begun.error().message;
    rehearsal_ = *std::move(begun);
  }

  // A CI whose builds take `takes_`, and end as `result_` says; the same key is the same build.
  ScriptedAnswer answer(const Sent& sent) {
    ScriptedAnswer out{milliseconds(5), HttpResponse()};
    out.http().status = 200;
    out.http().headers.add("Content-Type", "application/json");
    const bool start = sent.http().method == "POST";
    const std::string target = sent.http().target;
    if (start) {
      ++starts_;
      const std::string key(sent.http().body.empty() ? "" : find_text(json::parse(sent.http().body), "key"));
      begun_.emplace(key, sent.at);
      out.http().body = R"({"id":"b1","state":"running"})";
      if (cut_ > 0) {
        --cut_;
        out.result = Error(Code::kUnknown, "reset");
      }
      return out;
    }
    if (target.find("/find") != std::string::npos) {
      ++searches_;
      out.http().body = begun_.empty() || hidden_ ? "null" : R"({"id":"b1"})";
      return out;
    }
    ++looks_;
    looked_at_.push_back(sent.at);
    if (failing_ > 0) {
      --failing_;
      out.http().status = 503;
      return out;
    }
    if (!retry_after_.empty()) out.http().headers.add("Retry-After", retry_after_);
    const bool done = !begun_.empty() && sent.at >= begun_.begin()->second + takes_;
    out.http().body = json::serialize(json::object{{"id", "b1"},
                                                   {"idle", idle_},
                                                   {"state", done ? "done" : "running"},
                                                   {"result", done ? json::value(result_) : json::value()}});
    return out;
  }
  void accept(const std::string& name = "app") {
    const auto event = rehearsal_->accept(
        {"flagger", "post-rollout", "",
         R"({"name":")" + name + R"(","namespace":"prod","phase":"Succeeded","checksum":"c"})",
         std::nullopt});
    EXPECT_TRUE(event) << event.error().message;
  }
  store::RunDetail detail(std::size_t which = 0) {  // of the newest, and back
    const auto runs = rehearsal_->ask(rehearsal_->store().runs({}, {}));
    EXPECT_TRUE(runs && *runs && (*runs)->size() > which);
    if (!runs || !*runs || (*runs)->size() <= which) return {};
    const auto found = rehearsal_->ask(rehearsal_->store().run((**runs)[which].id));
    EXPECT_TRUE(found && *found);
    return found && *found ? **found : store::RunDetail();
  }
  Step step(std::size_t which = 0) {
    const postlude::Run run = detail(which).run;
    return run.steps.empty() ? Step() : run.steps[0];
  }
  void done(Duration at_most = hours(30)) { EXPECT_TRUE(rehearsal_->run_until_quiet(at_most)); }

  Duration takes_ = minutes(1);
  std::string result_ = "passed";
  std::string retry_after_;  // with each look
  int cut_ = 0;              // so many starts are not answered
  int failing_ = 0;          // so many looks are answered 503
  bool hidden_ = false;      // from lookups
  bool idle_ = true;
  int starts_ = 0, looks_ = 0, searches_ = 0;
  std::map<std::string, Instant> begun_;
  std::vector<Instant> looked_at_;
  std::unique_ptr<Rehearsal> rehearsal_;
};

TEST_F(WaitingTest, LooksUntilItIsOver) {
  begin("{id: b, uses: ci/build}");
  accept();
  rehearsal_->advance(seconds(5));
  EXPECT_EQ(step().state, StepState::kWaiting);
  EXPECT_EQ(step().reason, "the job is still running: polls every 10s, for 1h");
  EXPECT_EQ(step().attempts, 0U) << "a look is no attempt";
  EXPECT_EQ(detail().run.state, RunState::kWaiting);
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(step().outputs, R"({"id":"b1","result":"passed"})");
  EXPECT_EQ(starts_, 1);
  ASSERT_EQ(looks_, 7);  // at once, and every 10 s of that minute
  for (std::size_t i = 1; i < looked_at_.size(); ++i) {
    EXPECT_GE(looked_at_[i] - looked_at_[i - 1], seconds(10));
    EXPECT_LE(looked_at_[i] - looked_at_[i - 1], seconds(11));
  }
}

TEST_F(WaitingTest, TheStepSaysHowOften) {
  begin("{id: b, uses: ci/build, wait: {every: 30s}}");
  accept();
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(looks_, 3);
}

TEST_F(WaitingTest, ARedResultFailsTheStepUnlessAnyIsExpected) {
  result_ = "failed";
  begin("{id: b, uses: ci/build}");
  accept();
  done();
  EXPECT_EQ(step().state, StepState::kFailed);
  EXPECT_EQ(step().reason, "the job failed: build b1 failed");
  EXPECT_EQ(step().because, Because::kJobFailed);
  begin("{id: b, uses: ci/build, expect: any}");
  accept();
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(step().outputs, R"({"id":"b1","result":"failed"})");
}

// Whoever ran it again over there, or has more patience, goes on where the step was.
TEST_F(WaitingTest, ARetryLooksAgainAndStartsNothing) {
  result_ = "failed";
  begin("{id: b, uses: ci/build}");
  accept();
  done();
  ASSERT_EQ(step().state, StepState::kFailed);
  const RunId run = detail().run.id;
  for (const char* state : {"failed", "passed"}) {
    result_ = state;
    const auto retried = rehearsal_->ask(rehearsal_->pipeline().retry(run, false, "amy"));
    ASSERT_TRUE(retried && *retried);
    done();
  }
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(starts_, 1);
}

TEST_F(WaitingTest, ItsTimeIsOverAfterALastLook) {
  takes_ = hours(2);
  begin("{id: b, uses: ci/build, wait: {timeout: 40m, every: 7m}}");
  accept();
  done();
  EXPECT_EQ(step().state, StepState::kFailed);
  EXPECT_EQ(step().reason, "the job did not end within 40m");
  EXPECT_EQ(step().because, Because::kJobNotEnded);
  EXPECT_EQ(looks_, 7);  // at once, five times each 7 min, and when the time was over
  EXPECT_GE(looked_at_.back() - looked_at_.front(), minutes(40));
  EXPECT_LE(looked_at_.back() - looked_at_.front(), minutes(40) + seconds(1));
  // A retry has the whole time again.
  const auto retried = rehearsal_->ask(rehearsal_->pipeline().retry(detail().run.id, false, "amy"));
  ASSERT_TRUE(retried && *retried);
  takes_ = minutes(70);
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(starts_, 1);
}

TEST_F(WaitingTest, EndsWithItsRun) {
  takes_ = hours(2);
  begin("{id: b, uses: ci/build, wait: {timeout: 3h}}", ", timeout: 30m");
  accept();
  done();
  EXPECT_EQ(step().reason, "the run's timeout (30m) is over");
  EXPECT_LE(looked_at_.back() - looked_at_.front(), minutes(30));
}

// Each look that was answered begins the step's retries anew: those that fail now and then use nothing up.
TEST_F(WaitingTest, LooksThatFailAreTriedAgain) {
  takes_ = hours(3);
  begin("{id: b, uses: ci/build, wait: {timeout: 4h, every: 1m}, retry: {attempts: 3, for: 10m}}");
  accept();
  for (int i = 0; i < 20; ++i) {
    rehearsal_->advance(minutes(4));
    failing_ = 2;
  }
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(starts_, 1);
  failing_ = 1'000'000;
  begin("{id: b, uses: ci/build, retry: {attempts: 3}}");
  failing_ = 0;
  accept();
  rehearsal_->advance(seconds(5));
  failing_ = 1'000'000;
  done();
  EXPECT_EQ(step().state, StepState::kFailed);
  EXPECT_NE(step().reason.find("gave up after 3 attempts"), std::string::npos) << step().reason;
}

TEST_F(WaitingTest, WhatFailsAtTheEndOfTheTimeIsNotTriedAgain) {
  takes_ = hours(3);
  begin("{id: b, uses: ci/build, wait: {timeout: 10m}, retry: {backoff: {initial: 1h, max: 2h}, for: 5h}}");
  accept();
  rehearsal_->advance(minutes(9));
  failing_ = 1'000'000;
  done();
  EXPECT_EQ(step().state, StepState::kFailed);
  EXPECT_NE(step().reason.find("503"), std::string::npos);
  EXPECT_NE(step().reason.find("the next poll would be after `wait.timeout`"), std::string::npos)
      << step().reason;
}

TEST_F(WaitingTest, LooksNoSoonerThanItIsAskedTo) {
  retry_after_ = "25";
  begin("{id: b, uses: ci/build}");
  accept();
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(looks_, 4);  // after 0, 25, 50 and 75 s
}

TEST_F(WaitingTest, HoldsNoSlotOfItsTarget) {
  begin("{id: b, uses: ci/build}", ", concurrency: {policy: parallel}", ", limits: {concurrency: 1}");
  for (int i = 0; i < 10; ++i)
    accept("app" + std::to_string(i));
  rehearsal_->advance(seconds(5));
  EXPECT_EQ(starts_, 10);
  done();
}

TEST_F(WaitingTest, StartsOnceWheneverTheProcessDies) {
  for (const char* action : {"key", "lookup"}) {
    begin(std::string("{id: b, uses: ci/") + action + "}");
    accept();
    done();
    const std::uint64_t commits = rehearsal_->memory().commits();
    for (const store::CommitFault fault :
         {store::CommitFault::kCrashBefore, store::CommitFault::kCrashAfter}) {
      for (std::uint64_t at = 3; at <= commits; ++at) {
        SCOPED_TRACE(std::string(action) + " " + std::to_string(at));
        begin(std::string("{id: b, uses: ci/") + action + "}");
        accept();
        rehearsal_->memory().fault = [&](std::uint64_t n) {
          return n == at ? fault : store::CommitFault::kNone;
        };
        int crashes = 0;
        while (!rehearsal_->run_until_quiet(hours(3)) && crashes++ < 3)
          rehearsal_->crash_and_restart(seconds(2));
        EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
        EXPECT_EQ(begun_.size(), 1U);
        EXPECT_LE(starts_, std::string(action) == "key" ? 2 : 1);
      }
    }
  }
}

// What was over while nobody looked is found by the last look, and what was not has had its time.
TEST_F(WaitingTest, GoesOnAfterALongSleep) {
  begin("{id: b, uses: ci/build, wait: {timeout: 10m}}");
  accept();
  rehearsal_->advance(seconds(15));
  rehearsal_->crash_and_restart(hours(5));
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  takes_ = hours(24);
  begin("{id: b, uses: ci/build, wait: {timeout: 10m}}");
  accept();
  rehearsal_->advance(seconds(15));
  rehearsal_->crash_and_restart(hours(5));
  done();
  EXPECT_EQ(step().reason, "the job did not end within 10m");
  EXPECT_EQ(starts_, 1);
}

// Once found it is proved: what an index says later starts no other one.
TEST_F(WaitingTest, WhatALookupFoundIsWaitedFor) {
  cut_ = 1;
  begin("{id: b, uses: ci/lookup}");
  accept();
  rehearsal_->run_until([&] { return looks_ > 0; }, hours(1));
  hidden_ = true;
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(step().outputs, R"({"id":"b1","result":"passed"})");
  EXPECT_EQ(starts_, 1);
  EXPECT_EQ(searches_, 1);
}

// A person knows that it was started, and perhaps as what: only then can it be polled.
TEST_F(WaitingTest, APersonSaysWhatWasStarted) {
  for (const bool told : {true, false}) {
    cut_ = 1;
    begin("{id: b, uses: ci/build}");
    accept();
    rehearsal_->advance(seconds(5));
    ASSERT_TRUE(step().held) << step().reason;
    store::Resume answer{detail().run.id, "b", store::ResumeAs::kDone, "amy", {}};
    if (told) answer.outputs = R"({"id":"b1"})";
    auto resumed = rehearsal_->ask(rehearsal_->pipeline().resume(answer));
    ASSERT_TRUE(resumed && *resumed);
    rehearsal_->advance(seconds(5));
    EXPECT_EQ(step().state, told ? StepState::kWaiting : StepState::kSucceeded) << step().reason;
    done();
    EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
    EXPECT_EQ(step().outputs, told ? R"({"id":"b1","result":"passed"})" : "null");
    EXPECT_EQ(starts_, 1);
    EXPECT_EQ(looks_ > 0, told);
  }
}

TEST_F(WaitingTest, AReplayMeetsWhatWasStartedAndWaitsForIt) {
  struct Row {
    const char* action;
    int starts;
    int searches;
    StepState state;
  };
  for (const Row& row :
       {Row{"lookup", 1, 1, StepState::kSucceeded}, Row{"key", 2, 0, StepState::kSucceeded},
        Row{"state", 2, 0, StepState::kSucceeded}, Row{"build", 1, 0, StepState::kWaiting}}) {
    SCOPED_TRACE(row.action);
    begin(std::string("{id: b, uses: ci/") + row.action + "}");
    accept();
    rehearsal_->advance(minutes(5));
    ASSERT_EQ(step().state, StepState::kSucceeded) << step().reason;
    takes_ = minutes(10);  // it was run again over there
    const auto made = rehearsal_->ask(rehearsal_->pipeline().replay(detail().run.id, false, false, "amy"));
    ASSERT_TRUE(made && *made);
    rehearsal_->run_until_quiet(hours(3));
    EXPECT_EQ(step().state, row.state) << step().reason;
    EXPECT_EQ(step().held, row.state == StepState::kWaiting);
    EXPECT_EQ(starts_, row.starts);
    EXPECT_EQ(searches_, row.searches);
    EXPECT_EQ(begun_.size(), 1U);
    takes_ = minutes(1);
  }
}

TEST_F(WaitingTest, WritesNothingOnceItWaits) {
  idle_ = false;  // somebody else's: nothing is started, and that is over some time
  begin("{id: b, uses: ci/if-idle}");
  accept();
  rehearsal_->advance(minutes(5));
  EXPECT_EQ(step().state, StepState::kWaiting);
  idle_ = true;
  done();
  EXPECT_EQ(step().state, StepState::kSucceeded) << step().reason;
  EXPECT_EQ(starts_, 0);
}

TEST_F(WaitingTest, AShadowRunStartsNothingAndDoesNotWait) {
  begin("{id: b, uses: ci/build}, {id: c, uses: set, with: {values: {of: '${{ .steps.b.outputs.id }}'}}}",
        ", mode: shadow");
  accept();
  done(minutes(1));
  EXPECT_EQ(starts_, 0);
  EXPECT_EQ(step().outputs, R"x({"id":"(shadow)","result":"(shadow)"})x");
  EXPECT_EQ(detail().run.steps[1].outputs, R"x({"of":"(shadow)"})x");
}

TEST_F(WaitingTest, PeopleMayLeaveItOut) {
  takes_ = hours(24);
  for (const char* verb : {"cancel", "skip"}) {
    begin("{id: b, uses: ci/build}");
    accept();
    rehearsal_->advance(minutes(2));
    const RunId run = detail().run.id;
    const auto did = std::string(verb) == "skip"
                         ? rehearsal_->ask(rehearsal_->store().skip(run, "b", "amy", rt::now()))
                         : rehearsal_->ask(rehearsal_->store().cancel(run, "amy", "", rt::now()));
    ASSERT_TRUE(did && *did) << (did ? did->error().message : "");
    const int looks = looks_;
    done(minutes(1));
    EXPECT_EQ(step().state, std::string(verb) == "skip" ? StepState::kSkipped : StepState::kCancelled);
    EXPECT_EQ(looks_, looks);
  }
}

TEST_F(WaitingTest, KeepsTheFirstLookAndTheLastOnes) {
  takes_ = minutes(50);
  begin("{id: b, uses: ci/build}");
  accept();
  done();
  EXPECT_EQ(looks_, 301);
  const store::RunDetail run = detail();
  ASSERT_EQ(run.attempts.size(), 13U);
  EXPECT_EQ(run.attempts.back().number, 301U);
  EXPECT_EQ(run.attempts.front().number, 1U);
  EXPECT_EQ(run.attempts.front().requests.size(), 2U) << "what was started stays";
  std::int64_t requests = 0;
  std::int64_t records = 0;
  const auto count = [&](const char* question, std::int64_t& into) {
    EXPECT_TRUE(
        rehearsal_->memory().db().each(question, {}, [&](const sql::Row& row) { into = row.integer(0); }));
  };
  count("SELECT count(*) FROM requests", requests);
  count("SELECT count(*) FROM audit WHERE action LIKE 'attempt.%'", records);
  EXPECT_EQ(requests, 14);
  EXPECT_EQ(records, 301) << "each attempt has one";
}

TEST_F(WaitingTest, EachElementWaitsForItsOwn) {
  begin("{id: b, forEach: '[1, 2, 3]', uses: ci/build}");
  accept();
  done();
  EXPECT_EQ(starts_, 3);
  EXPECT_EQ(begun_.size(), 3U);
  EXPECT_EQ(step().outputs,
            R"([{"id":"b1","result":"passed"},{"id":"b1","result":"passed"},{"id":"b1","result":"passed"}])");
}

}  // namespace
}  // namespace postlude::rehearsal
