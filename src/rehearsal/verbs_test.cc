// What people say to runs, and time in which they hold them: what is done again, what is not, and when.
#include "unit/rehearsal/desk.h"

namespace postlude::rehearsal {
namespace {

class VerbsTest : public DeskTest {
 protected:
  const postlude::Run& only_run() {
    runs_ = all_runs();
    EXPECT_EQ(runs_.size(), 1U);
    return runs_.at(0);
  }
  const Step& step(const std::string& name) {
    for (const Step& s : only_run().steps) {
      if (s.name == name && !s.element_of) return s;
    }
    ADD_FAILURE() << "no step " << name;
    return runs_.at(0).steps.at(0);
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const Arrival& arrival : arrivals_)
      out.push_back(arrival.text);
    return out;
  }
  Status retry(bool stale = false) {
    const auto done = rehearsal_->ask(rehearsal_->store().retry(only_run().id, stale, "amy", rt::now()));
    return done ? *done : Status(Error(Code::kUnknown, "it did not end"));
  }
  Status skip(const std::string& name) {
    const auto done = rehearsal_->ask(rehearsal_->store().skip(only_run().id, name, "amy", rt::now()));
    return done ? *done : Status(Error(Code::kUnknown, "it did not end"));
  }
  void answer(const std::string& name, AnswerKind kind) {
    const auto done = rehearsal_->ask(
        rehearsal_->store().answer(only_run().id, step(name).index, Answer{kind, "amy", "{}", rt::now()}));
    ASSERT_TRUE(done && *done) << (*done).error().message;
  }
  std::vector<postlude::Run> runs_;
};

using Texts = std::vector<std::string>;

// Releases of other canaries are neither older nor newer, whatever their runs queue behind.
TEST_F(VerbsTest, OnlyTheSameCanarysReleaseSupersedes) {
  for (const char* concurrency : {"{key: '\"x\"', policy: parallel}", "{policy: parallel}"}) {
    first_ = ScriptedAnswer{milliseconds(5), HttpResponse()};
    first_->http().status = 503;
    first_->http().headers.add("Retry-After", "60");
    begin(rules("", "{id: do, uses: desk/note, with: {text: '${{ .event.name }}'}}", concurrency));
    accept("older");
    ASSERT_TRUE(rehearsal_->run_until([&] { return arrivals_.size() == 1; }, minutes(1)));
    accept("newer");
    EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
    EXPECT_EQ(texts(), (Texts{"older", "newer", "older"})) << concurrency;
    for (const postlude::Run& run : all_runs())
      EXPECT_EQ(run.steps[0].state, StepState::kSucceeded) << run.steps[0].reason;
  }
}

// The same canary's does, though its runs queue behind different keys.
TEST_F(VerbsTest, TheSameCanarysReleaseSupersedesWhateverItsKey) {
  first_ = ScriptedAnswer{milliseconds(5), HttpResponse()};
  first_->http().status = 503;
  first_->http().headers.add("Retry-After", "60");
  begin(rules("", "{id: do, uses: desk/note, with: {text: '${{ .event.id }}'}}",
              "{key: .event.id, policy: parallel}"));
  accept("app");
  ASSERT_TRUE(rehearsal_->run_until([&] { return arrivals_.size() == 1; }, minutes(1)));
  rehearsal_->advance(seconds(1));
  const auto event = rehearsal_->accept(
      {"flagger", "post-rollout", "",
       R"({"name":"app","namespace":"prod","phase":"Succeeded","checksum":"d"})", std::nullopt});
  ASSERT_TRUE(event);
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  EXPECT_EQ(arrivals_.size(), 2U) << "the older one came again after the newer one";
}

// A look at the run's timeout is no end of a wait.
TEST_F(VerbsTest, AWaitBesideAnApprovalLastsAsLongAsItSays) {
  begin(rules(
      "",
      "{id: ask, uses: approval, needs: [], with: {message: Is it well}}, {id: rest, uses: wait, needs: [], "
      "with: "
      "{for: 2h}}, {id: do, uses: desk/note, needs: [rest], with: {text: x}}], timeout: 30m, finally: ["));
  accept("app");
  rehearsal_->advance(minutes(119));
  EXPECT_EQ(step("rest").state, StepState::kWaiting) << step("rest").reason;
  EXPECT_TRUE(arrivals_.empty());
  rehearsal_->advance(minutes(2));
  EXPECT_EQ(step("rest").state, StepState::kSucceeded);
  EXPECT_EQ(arrivals_.size(), 1U);
}

// What was accepted reaches its step, though nobody looked before the run's time was over.
TEST_F(VerbsTest, ACallbackThatCameInTimeIsTakenAfterIt) {
  for (const bool dies : {false, true}) {
    SCOPED_TRACE(dies);
    begin(rules("",
                "{id: done, uses: callback, with: {timeout: 2h}}, {id: do, uses: desk/note, with: {text: "
                "x}}], timeout: "
                "10m, finally: ["));
    accept("app");
    ASSERT_TRUE(rehearsal_->run_until([&] { return step("done").state == StepState::kWaiting; }, minutes(1)));
    if (dies) {
      rehearsal_->advance(minutes(9));
      const auto run = only_run().id;
      const auto at = step("done").index;
      // The answer is on disk, and the process dies before anybody has looked.
      const auto kept = rehearsal_->ask(
          rehearsal_->store().answer(run, at, Answer{AnswerKind::kCallback, "ci", "{\"ok\":1}", rt::now()}));
      ASSERT_TRUE(kept && *kept);
      rehearsal_->crash_and_restart(hours(1));
    }
    EXPECT_TRUE(rehearsal_->run_until_quiet(hours(2)));
    EXPECT_EQ(step("done").state, dies ? StepState::kSucceeded : StepState::kFailed) << step("done").reason;
    EXPECT_EQ(only_run().state, RunState::kFailed);
  }
}

// What people hold back has its time all the same.
TEST_F(VerbsTest, APauseIsNoPartOfARunsTimeout) {
  for (const char* kind : {"all", "workflow", "source", "target"}) {
    SCOPED_TRACE(kind);
    begin(rules(
        "",
        "{id: rest, uses: wait, with: {for: 2m}}, {id: do, uses: desk/note, with: {text: x}}], timeout: "
        "10m, finally: ["));
    accept("before");
    rehearsal_->advance(minutes(1));
    const std::string name = std::string_view(kind) == "all"        ? ""
                             : std::string_view(kind) == "workflow" ? "w"
                             : std::string_view(kind) == "source"   ? "flagger"
                                                                    : "desk";
    const auto paused = rehearsal_->ask(rehearsal_->store().pause({kind, name, rt::now(), "amy", ""}));
    ASSERT_TRUE(paused && *paused);
    rehearsal_->advance(hours(1));
    accept("meanwhile");
    rehearsal_->advance(hours(1));
    EXPECT_TRUE(arrivals_.empty());
    const auto freed = rehearsal_->ask(rehearsal_->store().unpause(kind, name, "amy", rt::now()));
    ASSERT_TRUE(freed && *freed);
    EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
    EXPECT_EQ(arrivals_.size(), 2U);
    for (const postlude::Run& run : all_runs())
      EXPECT_EQ(run.state, RunState::kSucceeded) << run.reason;
  }
}

// However an `if` names the element, each is asked.
TEST_F(VerbsTest, AnIfThatNamesTheElementIsAskedForEach) {
  for (const char* condition : {".item > 1", "$item > 1", ". as $c | $c.item > 1", "[.item] | any(. > 1)"}) {
    begin(rules("", std::string("{id: each, uses: desk/note, forEach: '[1, 2, 3]', if: '") + condition +
                        "', with: {text: 'no. ${{ .item }}'}}"));
    accept("app");
    EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
    Texts sent = texts();
    std::sort(sent.begin(), sent.end());
    EXPECT_EQ(sent, (Texts{"no. 2", "no. 3"})) << condition;
  }
}

// A list that has failed is left out with what failed of it: nothing of it is sent again.
TEST_F(VerbsTest, AFailedListIsSkippedWhole) {
  first_ = ScriptedAnswer{milliseconds(5), HttpResponse()};
  first_->http().status = 400;
  begin(rules(
      "",
      "{id: each, uses: desk/note, forEach: '[1, 2]', with: {text: 'no. ${{ .item }}'}}, {id: then, uses: "
      "desk/note, with: {text: then}}"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  ASSERT_EQ(only_run().state, RunState::kFailed);
  ASSERT_EQ(arrivals_.size(), 2U);
  ASSERT_TRUE(skip("each"));
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  EXPECT_EQ(arrivals_.size(), 3U);
  EXPECT_EQ(arrivals_.back().text, "then");
  EXPECT_EQ(step("each").state, StepState::kSkipped);
  for (const Step& s : only_run().steps)
    EXPECT_EQ(s.because, s.state == StepState::kSkipped ? Because::kPersonSkipped : Because::kOther);
  EXPECT_EQ(only_run().state, RunState::kSucceeded) << only_run().reason;
}

// What said no because something had failed is asked anew once that is done again.
TEST_F(VerbsTest, ARetryAsksAnewWhatLookedAtTheFailure) {
  first_ = ScriptedAnswer{milliseconds(5), HttpResponse()};
  first_->http().status = 400;
  begin(rules(
      "",
      "{id: do, uses: desk/note, with: {text: do}}, {id: after, uses: desk/note, needs: [do], if: 'always "
      "and .steps.do"
      ".state == \"succeeded\"', with: {text: after}}, {id: other, uses: desk/note, if: 'always and "
      ".event.name == \"x\"', needs: [], with: {text: other}}], finally: [{id: good, uses: desk/note, if: "
      "success, with: {text: good}}, {id: bad, uses: desk/note, if: failure, with: {text: bad}}"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  EXPECT_EQ(texts(), (Texts{"do", "bad"}));
  EXPECT_EQ(only_run().state, RunState::kFailed);
  ASSERT_TRUE(retry());
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  EXPECT_EQ(texts(), (Texts{"do", "bad", "do", "after", "good"}));
  EXPECT_EQ(step("other").state, StepState::kSkipped);
  EXPECT_EQ(only_run().state, RunState::kSucceeded) << only_run().reason;
}

// What a retry would go on with was never computed.
TEST_F(VerbsTest, ARunWithoutItsValuesCannotBeRetried) {
  begin(rules("", "{id: do, uses: desk/note, with: {text: do}}", "{key: 'error(\"no\")', policy: queue}"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  ASSERT_EQ(only_run().state, RunState::kFailed);
  EXPECT_TRUE(only_run().uncomputed);
  EXPECT_EQ(retry().error().code, Code::kConflict);
  EXPECT_TRUE(arrivals_.empty());
}

// Nobody is asked again what their silence has settled.
TEST_F(VerbsTest, ARetryLeavesAnApprovalThatWasSkippedInTime) {
  first_ = ScriptedAnswer{milliseconds(5), HttpResponse()};
  first_->http().status = 400;
  begin(rules(
      "",
      "{id: ask, uses: approval, with: {message: Is it well, timeout: 1h, onTimeout: skip}}, {id: do, uses: "
      "desk/note, with: {text: do}}"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(3)));
  ASSERT_EQ(only_run().state, RunState::kFailed);
  ASSERT_TRUE(retry());
  rehearsal_->advance(minutes(1));
  EXPECT_EQ(step("ask").state, StepState::kSkipped);
  EXPECT_EQ(step("ask").because, Because::kUnanswered);
  EXPECT_EQ(only_run().state, RunState::kSucceeded) << only_run().reason;
}

// An element of a replay sends what it sent before, under the key it had.
TEST_F(VerbsTest, AReplaySendsElementsAsTheyWere) {
  begin(rules("",
              "{id: each, uses: desk/note, forEach: '[1, 2]', with: {text: '${{ .item }} at ${{ now }}'}}"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  ASSERT_EQ(arrivals_.size(), 2U);
  rehearsal_->advance(hours(1));
  const auto made = rehearsal_->ask(rehearsal_->pipeline().replay(only_run().id, false, false, "amy"));
  ASSERT_TRUE(made && *made);
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  ASSERT_EQ(arrivals_.size(), 4U);
  std::map<std::string, std::string> before{{arrivals_[0].key, arrivals_[0].text},
                                            {arrivals_[1].key, arrivals_[1].text}};
  for (const std::size_t i : {2U, 3U})
    EXPECT_EQ(before[arrivals_[i].key], arrivals_[i].text);
}

// What a key stands for was made, and nobody knows what it yielded: the next use does not make another by
// itself.
TEST_F(VerbsTest, WhatAKeyStandsForIsNotMadeTwiceInSilence) {
  first_ = ScriptedAnswer{milliseconds(5), HttpResponse()};
  first_->http().status = 500;
  begin(rules("", "{id: do, uses: desk/ticket, key: x}"));
  const auto resume = [&](store::ResumeAs as) {
    RunId held;
    for (const postlude::Run& run : all_runs())
      held = run.steps[0].held ? run.id : held;
    const auto done = rehearsal_->ask(rehearsal_->pipeline().resume({held, "do", as, "amy", {}}));
    ASSERT_TRUE(done && *done);
    EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  };
  accept("a");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  resume(store::ResumeAs::kDone);
  accept("b");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  EXPECT_EQ(arrivals_.size(), 1U);
  const postlude::Run next = all_runs().at(0);
  EXPECT_TRUE(next.steps[0].held) << next.steps[0].reason;
  EXPECT_NE(next.steps[0].reason.find("the key 'x' was used before"), std::string::npos)
      << next.steps[0].reason;
  answers_ = R"({"id":"t2"})";
  resume(store::ResumeAs::kRepeat);  // a person's word for another one
  accept("c");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  std::vector<std::string> requests;
  for (const Arrival& arrival : arrivals_)
    requests.push_back(arrival.request);
  EXPECT_EQ(requests, (std::vector<std::string>{"do", "do", "update.change"}));
  for (const postlude::Run& run : all_runs())
    EXPECT_EQ(run.state, RunState::kSucceeded) << run.steps[0].reason;
}

// Nor where it was proved and the step failed after that; the same step goes on from there.
TEST_F(VerbsTest, AFailureBehindTheProofIsNoFirstUseOfTheKey) {
  begin(rules("", "{id: do, uses: desk/ticket, key: x}"));
  accept("a");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  ASSERT_EQ(only_run().state, RunState::kFailed);  // there is no id in the answer
  const RunId failed = only_run().id;
  accept("b");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  EXPECT_TRUE(all_runs().at(0).steps[0].held) << all_runs().at(0).steps[0].reason;
  const auto skipped = rehearsal_->ask(rehearsal_->store().skip(all_runs().at(0).id, "do", "amy", rt::now()));
  ASSERT_TRUE(skipped && *skipped);
  const auto again = rehearsal_->ask(rehearsal_->store().retry(failed, false, "amy", rt::now()));
  ASSERT_TRUE(again && *again);
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  EXPECT_EQ(all_runs().at(1).state, RunState::kFailed);  // what was answered is known, and holds no id
  EXPECT_EQ(arrivals_.size(), 1U);
}

// An announcement of which nobody knows whether it was made keeps nothing waiting once its wait is over.
TEST_F(VerbsTest, AHeldAnnouncementEndsWithItsWait) {
  breaks_ = 1;
  begin(rules("",
              "{id: ask, uses: approval, with: {message: Is it well}, announce: {uses: desk/none, onUnclear: "
              "hold}}"));
  accept("app");
  rehearsal_->advance(minutes(5));
  EXPECT_EQ(arrivals_.size(), 1U);
  EXPECT_EQ(only_run().state, RunState::kWaiting);
  answer("ask", AnswerKind::kApproved);
  rehearsal_->advance(minutes(5));
  EXPECT_EQ(only_run().state, RunState::kSucceeded) << only_run().reason;
}

}  // namespace
}  // namespace postlude::rehearsal
