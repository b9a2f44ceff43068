#include "rehearsal/rehearsal.h"

#include <gtest/gtest.h>

#include "evaluator/in_process.h"
#include "lang/expression.h"
#include "lang/yaml.h"
#include "sql/sql.h"

namespace postlude::rehearsal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kHead = R"(sources:
  flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}], accept: {post-rollout: [{phase: Succeeded}]}}
targets:
  hub: {connector: http, url: "https://hub.example.com", auth: {basic: {username: bot, password: {env: HUB}}}}
  chat: {connector: http, auth: {url: {env: CHAT}}}
)";
constexpr const char* kTwoSteps = R"(workflows:
  w:
    on: {source: flagger}
    timeout: 7d
    steps:
      - {uses: wait, with: {for: 3d}}
      - id: put
        uses: hub/request
        with: {method: PUT, path: "/x/${{ .event.name }}", body: {n: "${{ .event.name | ascii_upcase }}"}}
)";
constexpr const char* kOneStep = R"(workflows:
  w:
    on: {source: flagger}
    steps:
      - {id: put, uses: hub/request, with: {method: PUT, path: /x, body: {a: 1}}}
)";
constexpr const char* kPayload =
    R"({"name":"app","namespace":"prod","phase":"Succeeded","checksum":"c1","metadata":{"version":"1.2.3"}})";

// One for all tests: what jq has compiled is kept.
pipeline::Expressions& expressions() {
  static evaluator::InProcess interpreter{std::string(lang::prelude())};
  static pipeline::Expressions out(interpreter);
  return out;
}

std::shared_ptr<const pipeline::Rules> rules(const std::string& workflows) {
  static const auto catalogue =
      std::make_shared<const connector::Catalogue>(connector::Catalogue::built_in());
  lang::Problems problems;
  const auto root = lang::read_yaml(kHead + workflows, "r.yaml", problems);
  if (!root) return nullptr;
  pipeline::RulesInput input;
  input.sources = root->find("sources");
  input.targets = root->find("targets");
  input.workflows = root->find("workflows");
  engine::Team shop;
  shop.name = "shop";
  shop.namespaces = {"prod*"};
  input.teams.push_back(std::move(shop));
  auto out = pipeline::Rules::build(input, catalogue, problems);
  for (const lang::Problem& p : problems)
    ADD_FAILURE() << lang::to_text(p);
  return out;
}

HttpResponse response(int status, std::string body = "{}") {
  HttpResponse out;
  out.status = status;
  out.headers.add("Content-Type", "application/json");
  out.body = std::move(body);
  return out;
}

std::string text_of(const Sent& sent) {
  const auto shown = std::get<HttpRequest>(sent.shown());
  std::string out = to_rfc3339(sent.at) + " " + std::to_string(sent.number) + " " + sent.target + " " +
                    sent.attempt + " " + sent.request + " " + sent.effect + " " + shown.method + " " +
                    shown.target;
  for (const Header& h : shown.headers.list)
    out += " " + h.name + ":" + h.value;
  return out + " " + shown.body + "\n";
}

class RehearsalTest : public testing::Test {
 protected:
  void begin(const std::string& workflows, Options options = {}) {
    rehearsal_.reset();
    auto begun = Rehearsal::begin(
        rules(workflows), expressions(), [this](const Sent& s) { return answer(s); }, options);
    ASSERT_TRUE(begun) << begun.error().message;
    rehearsal_ = *std::move(begun);
  }
  ScriptedAnswer answer(const Sent& sent) {
    history_ += text_of(sent);
    sent_.push_back(sent);
    if (answers_.empty()) return {milliseconds(20), response(200)};
    ScriptedAnswer out = answers_.front();
    answers_.erase(answers_.begin());
    return out;
  }
  EventId accept(const char* payload = kPayload) {
    auto event = rehearsal_->accept({"flagger", "post-rollout", "", payload, std::nullopt});
    EXPECT_TRUE(event) << event.error().message;
    return event ? *event : EventId{};
  }
  postlude::Run only_run() {
    const auto runs = rehearsal_->ask(rehearsal_->store().runs({}, {}));
    EXPECT_TRUE(runs && *runs && (*runs)->size() == 1);
    if (!runs || !*runs || (*runs)->empty()) return {};
    const auto detail = rehearsal_->ask(rehearsal_->store().run((*runs)->front().id));
    EXPECT_TRUE(detail && *detail);
    return detail && *detail ? (*detail)->run : postlude::Run();
  }

  std::vector<ScriptedAnswer> answers_;
  std::vector<Sent> sent_;
  std::string history_;
  std::unique_ptr<Rehearsal> rehearsal_;
};

// Whoever evaluates an expression, here or in jq: it yields no more than it may.
TEST_F(RehearsalTest, AValueIsBoundedWhereverItIsEvaluated) {
  constexpr const char* kCopy = R"(workflows:
  w:
    on: {source: flagger}
    steps:
      - {id: get, uses: hub/request, with: {method: GET, path: /x}}
      - {id: copy, uses: set, with: {values: {x: "${{ VALUE }}"}}}
)";
  struct Row {
    std::size_t bytes;
    const char* value;  // of the second step
    const char* reason;
  };
  constexpr std::size_t kMax = 1U << 20U;
  const std::string too_much = "yielded more than 1024KiB: take only what is needed of it";
  for (const Row& row : {Row{kMax - 2, ".steps.get.outputs.body", ""}, Row{kMax - 1, "1", ".response.body: "},
                         Row{kMax - 2, ".steps.get.outputs", ".steps.get.outputs: "},
                         Row{kMax - 2, ".steps.get.outputs | .", ".steps.get.outputs | .: "}}) {
    SCOPED_TRACE(row.value);
    std::string text = kCopy;
    text.replace(text.find("VALUE"), 5, row.value);
    begin(text);
    answers_ = {{milliseconds(20), response(200, "\"" + std::string(row.bytes, 'x') + "\"")}};
    accept();
    EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
    const postlude::Run run = only_run();
    const bool fits = *row.reason == '\0';
    EXPECT_EQ(run.state, fits ? RunState::kSucceeded : RunState::kFailed) << run.reason;
    if (fits) continue;
    EXPECT_NE(run.reason.find(row.reason + too_much), std::string::npos) << run.reason;
  }
}

// A list that yields too much fails with what fits, says why, and the run can still tell people.
TEST_F(RehearsalTest, ARunKeepsNoMoreThanItMay) {
  begin(R"(workflows:
  w:
    on: {source: flagger}
    steps:
      - {id: get, forEach: "[range(20)]", uses: hub/request, with: {method: GET, path: "/${{ .item }}"}}
      - {id: late, uses: set, with: {values: {x: "1"}}}
    onFailure:
      - {uses: hub/request, with: {method: PUT, path: /told, body: "${{ .failure.reason }}"}}
)");
  const std::string body = "\"" + std::string(1'000'000, 'x') + "\"";
  answers_ = std::vector<ScriptedAnswer>(20, ScriptedAnswer{milliseconds(20), response(200, body)});
  accept();
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const postlude::Run run = only_run();
  EXPECT_EQ(run.state, RunState::kFailed);
  EXPECT_LE(values_of(run), kRunValuesMax + 100'000);
  const auto fitted = std::count_if(run.steps.begin(), run.steps.end(), [](const Step& s) {
    return s.element_of && s.state == StepState::kSucceeded;
  });
  EXPECT_EQ(fitted, 16);
  EXPECT_NE(run.reason.find(
                "4 of 20 elements failed: no room for its input and outputs (976KiB): what a run keeps"),
            std::string::npos)
      << run.reason;
  ASSERT_EQ(sent_.size(), 21U);
  EXPECT_NE(sent_.back().request.find("request"), std::string::npos);
  EXPECT_NE(std::get<HttpRequest>(sent_.back().shown()).body.find("no room for its input and outputs"),
            std::string::npos);
}

TEST_F(RehearsalTest, WaitsForThreeDaysAtOnce) {
  begin(kTwoSteps);
  accept();
  EXPECT_FALSE(rehearsal_->run_until_quiet(hours(24)));
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(only_run().state, RunState::kWaiting);
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(24 * 30)));
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].at, Options().start + hours(72));
  EXPECT_EQ(only_run().state, RunState::kSucceeded);
  EXPECT_EQ(rt::now() - Options().start, hours(72) + milliseconds(20));
}

TEST_F(RehearsalTest, ShowsRequestsAsTheyGoOutLessTheSecrets) {
  begin(kTwoSteps);
  accept();
  rehearsal_->run_until_quiet(hours(24 * 30));
  ASSERT_EQ(sent_.size(), 1U);
  const auto shown = std::get<HttpRequest>(sent_[0].shown());
  EXPECT_EQ(sent_[0].target, "hub");
  EXPECT_EQ(sent_[0].effect, "state");
  EXPECT_EQ(shown.method, "PUT");
  EXPECT_EQ(shown.target, "https://hub.example.com/x/app");
  EXPECT_EQ(shown.body, R"({"n":"APP"})");
  EXPECT_EQ(shown.headers.get("Authorization"), "Basic ***");
  EXPECT_EQ(sent_[0].http().headers.get("Authorization"), "Basic Ym90OioqKg==");
}

TEST_F(RehearsalTest, HidesAUrlThatIsASecret) {
  begin(
      "workflows:\n  w: {on: {source: flagger}, steps: [{uses: chat/request, with: {method: POST, path: /a, "
      "body: {}}}]}\n");
  accept();
  rehearsal_->run_until_quiet(hours(1));
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(std::get<HttpRequest>(sent_[0].shown()).target, "***/a");
}

TEST_F(RehearsalTest, TriesAgainLaterAndLater) {
  begin(kOneStep);
  for (int i = 0; i < 3; ++i)
    answers_.push_back({seconds(1), Error(Code::kUnavailable, "refused")});
  accept();
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(24)));
  EXPECT_EQ(only_run().state, RunState::kSucceeded);
  ASSERT_EQ(sent_.size(), 4U);
  for (std::size_t i = 1; i < sent_.size(); ++i) {
    EXPECT_GE(sent_[i].at - sent_[i - 1].at, seconds(1)) << i;
    EXPECT_NE(sent_[i].attempt, sent_[i - 1].attempt);
  }
}

TEST_F(RehearsalTest, GivesUpOnAnAnswerThatTakesTooLong) {
  begin(kOneStep);
  answers_.push_back({minutes(5), response(200)});
  accept();
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(24)));
  const postlude::Run run = only_run();
  const auto detail = rehearsal_->ask(rehearsal_->store().run(run.id));
  ASSERT_TRUE(detail && *detail);
  ASSERT_GE((*detail)->attempts.size(), 2U);
  const auto& first =
      (*detail)->attempts[0].outcome == "unclear" ? (*detail)->attempts[0] : (*detail)->attempts.back();
  EXPECT_EQ(first.outcome, "unclear");
  EXPECT_NE(first.why.find("no complete answer within 30s"), std::string::npos) << first.why;
  EXPECT_EQ(run.state, RunState::kSucceeded);  // a state may be sent again
}

TEST_F(RehearsalTest, RefusesEventsThatNobodyWouldTake) {
  begin(kOneStep);
  const auto code = [&](const char* source, const char* payload) {
    const auto event = rehearsal_->accept({source, "post-rollout", "", payload, std::nullopt});
    return event ? std::string("taken") : event.error().message;
  };
  EXPECT_EQ(code("fluxer", kPayload), "there is no source 'fluxer'");
  EXPECT_NE(code("flagger", "[]").find("object"), std::string::npos);
  EXPECT_NE(code("flagger", R"({"name":"app","namespace":"prod","phase":"Failed"})").find("not accepted by"),
            std::string::npos);
  EXPECT_EQ(code("flagger", kPayload), "taken");
  EXPECT_EQ(code("flagger", kPayload), "taken");  // no duplicates here
}

TEST_F(RehearsalTest, SaysWhoseAnEventIs) {
  begin(kOneStep);
  const EventId id = accept();
  const auto detail = rehearsal_->ask(rehearsal_->store().event(id));
  ASSERT_TRUE(detail && *detail);
  EXPECT_EQ((*detail)->event.team, "shop");
  EXPECT_EQ((*detail)->event.outcome, "promoted");
  EXPECT_EQ((*detail)->event.received_at, Options().start);
}

TEST_F(RehearsalTest, TakesTheWholeRoadOfACall) {
  begin(kOneStep);
  std::vector<int> answers;
  const auto call = [&](const char* token) {
    HttpRequest request;
    request.method = "POST";
    request.target = "/hooks/flagger/post-rollout";
    request.headers.add("Content-Type", "application/json");
    request.headers.add("Authorization", std::string("Bearer ") + token);
    request.body = kPayload;
    rehearsal_->receive(std::move(request),
                        [&](const auto& answer) { answers.push_back(answer ? answer->status : 0); });
  };
  call("***");
  call("wrong");
  EXPECT_TRUE(rehearsal_->run_until_quiet(minutes(1)));
  call("***");
  EXPECT_TRUE(rehearsal_->run_until_quiet(minutes(1)));
  EXPECT_EQ(answers, (std::vector<int>{403, 202, 200}));
  EXPECT_EQ(sent_.size(), 1U);

  call("***");
  rehearsal_->crash_and_restart();
  EXPECT_EQ(answers.back(), 0);
}

TEST_F(RehearsalTest, GoesOnAfterACrashAtAnyCommit) {
  begin(kOneStep);
  accept();
  ASSERT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const std::uint64_t commits = rehearsal_->memory().commits();
  ASSERT_GE(commits, 5U);
  for (const store::CommitFault fault : {store::CommitFault::kCrashBefore, store::CommitFault::kCrashAfter}) {
    for (std::uint64_t at = 2; at <= commits; ++at) {
      sent_.clear();
      begin(kOneStep);
      rehearsal_->memory().fault = [&](std::uint64_t n) {
        return n == at ? fault : store::CommitFault::kNone;
      };
      auto event = rehearsal_->accept({"flagger", "post-rollout", "", kPayload, std::nullopt});
      const bool lost = !event && fault == store::CommitFault::kCrashBefore;
      int crashes = 0;
      while (!rehearsal_->run_until_quiet(hours(1)) && crashes < 3) {
        ASSERT_TRUE(rehearsal_->crashed());
        ++crashes;
        rehearsal_->crash_and_restart(seconds(2));
      }
      EXPECT_EQ(crashes, 1) << at;
      if (lost) {
        EXPECT_TRUE(sent_.empty());
        continue;
      }
      EXPECT_EQ(only_run().state, RunState::kSucceeded) << at;
      EXPECT_GE(sent_.size(), 1U);
      EXPECT_LE(sent_.size(), 2U);
      for (const Sent& sent : sent_)
        EXPECT_EQ(sent.http().body, R"({"a":1})");
    }
  }
}

TEST_F(RehearsalTest, LosesNothingToAFullDisk) {
  begin(kOneStep);
  rehearsal_->memory().fault = [](std::uint64_t n) {  // it takes the event, and nothing else
    return n > 2 && rt::now() < Options().start + minutes(10) ? store::CommitFault::kFull
                                                              : store::CommitFault::kNone;
  };
  accept();
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(24)));
  EXPECT_EQ(only_run().state, RunState::kSucceeded);
  EXPECT_GE(sent_.at(0).at, Options().start + minutes(10));
}

TEST_F(RehearsalTest, LetsTheWorldGoOnWhileTheProcessIsDown) {
  begin(kOneStep);
  int reached = 0;
  int missed = 0;
  for (int i = 1; i <= 4; ++i) {
    rehearsal_->clock().after(seconds(10 * i), [&] {
      HttpRequest request;
      request.method = "POST";
      request.target = "/hooks/flagger/post-rollout";
      rehearsal_->receive(std::move(request), [&](const auto& answer) { answer ? ++reached : ++missed; });
    });
  }
  rehearsal_->advance(seconds(15));
  rehearsal_->crash_and_restart(seconds(20));
  rehearsal_->advance(seconds(10));
  EXPECT_EQ(reached, 2);
  EXPECT_EQ(missed, 2);
}

// The same seed makes the same history, byte for byte, with crashes and refusals and all.
TEST_F(RehearsalTest, RepeatsItself) {
  const auto play = [this](std::uint64_t seed) {
    history_.clear();
    Options options;
    options.seed = seed;
    begin(std::string(kTwoSteps) +
              std::string(kOneStep).substr(std::string("workflows:\n").size()).replace(2, 1, "v"),
          options);
    int commits = 0;
    rehearsal_->memory().latency = [] { return milliseconds(3); };
    rehearsal_->memory().fault = [&](std::uint64_t n) {
      return ++commits == 9
                 ? (n % 2 == 0 ? store::CommitFault::kCrashBefore : store::CommitFault::kCrashAfter)
                 : store::CommitFault::kNone;
    };
    for (int i = 0; i < 8; ++i)
      answers_.push_back({milliseconds(10), Error(Code::kUnavailable, "refused")});
    for (const char* name : {"a", "b", "c"}) {
      rehearsal_->clock().after(seconds(1), [this, name] {
        HttpRequest request;
        request.method = "POST";
        request.target = "/hooks/flagger/post-rollout";
        request.headers.add("Content-Type", "application/json");
        request.headers.add("Authorization", "Bearer ***");
        request.body = std::string(R"({"name":")") + name + R"(","namespace":"prod","phase":"Succeeded"})";
        rehearsal_->receive(std::move(request), [this, name](const auto& answer) {
          history_ +=
              std::string(name) + " " + (answer ? std::to_string(answer->status) + answer->body : "lost");
        });
      });
    }
    rehearsal_->advance(seconds(2));
    for (int i = 0; i < 4; ++i) {
      if (rehearsal_->crashed()) rehearsal_->crash_and_restart(seconds(1));
      rehearsal_->run_until_quiet(hours(24 * 8));
    }
    const Status asked = rehearsal_->memory().db().each(
        "SELECT seq, at, actor, action, subject, detail FROM audit ORDER BY seq", {}, [&](const auto& row) {
          for (int column = 0; column < 6; ++column)
            history_ += row.text(column) + (column < 5 ? " " : "\n");
        });
    EXPECT_TRUE(asked);
    return history_;
  };
  const std::string first = play(7);
  EXPECT_EQ(play(7), first);
  EXPECT_NE(play(8), first);
  EXPECT_GT(sent_.size(), 10U);
}

}  // namespace
}  // namespace postlude::rehearsal
