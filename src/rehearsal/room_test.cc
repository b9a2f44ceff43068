// What a run keeps, where it comes to the end of it.
#include "rehearsal/simulate.h"
#include "unit/rehearsal/desk.h"

namespace postlude::rehearsal {
namespace {

using RoomTest = DeskTest;

// What does not fit is not sent.
TEST_F(RoomTest, AnInputThatDoesNotFitIsNotSent) {
  begin(rules(", limits: {concurrency: 1}",
              R"({forEach: "[range(300)]", uses: desk/note, with: {text: '${{ .vars.big }}'}})",
              R"({policy: parallel}, vars: {big: '${{ "x" * 60000 }}'})"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].state, RunState::kFailed);
  EXPECT_EQ(arrivals_.size(), 278U);
  EXPECT_NE(runs[0].reason.find("22 of 300 elements failed: no room for its input (58KiB)"),
            std::string::npos)
      << runs[0].reason;
}

// Built-in actions begin all at once: what is over is seen when it is recorded.
TEST_F(RoomTest, AnInputThatWasFollowedByOthersIsNotKept) {
  begin(rules(
      "", R"({forEach: "[range(20)]", uses: assert, with: {that: true, message: '${{ "x" * 1000000 }}'}})"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_LE(values_of(runs[0]), kRunValuesMax + 100'000);
  EXPECT_NE(runs[0].reason.find("4 of 20 elements failed: no room for its input and outputs (976KiB)"),
            std::string::npos)
      << runs[0].reason;
}

// It stands in the step, in the attempt and in the audit.
TEST_F(RoomTest, AReasonIsCut) {
  begin(rules("", R"({uses: assert, with: {that: false, message: '${{ "é" * 50000 }}'}})"));
  accept("app");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(1)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  std::string wanted;
  for (int i = 0; i < 2'000; ++i)
    wanted += "é";
  EXPECT_EQ(runs[0].steps[0].reason, wanted + "… (cut)");
}

// What a daemon leaves out of what it tells of a run is no difference.
TEST_F(RoomTest, ARunOfWhichNotAllIsToldIsNotCompared) {
  const auto change_of = [](const std::string& exchange) {
    auto then = event_history(*parse_json(R"({"id":"evt_1","source":"flagger","hook":"post-rollout",
      "receivedAt":"2026-01-01T00:00:00Z","namespace":"prod","name":"app","phase":"Succeeded","planned":true,
      "payload":{"name":"app","namespace":"prod","phase":"Succeeded","checksum":"c"}})"));
    auto run = run_history(*parse_json(R"({"id":"run_1","workflow":"w","state":"succeeded",
      "createdAt":"2026-01-01T00:00:00Z","steps":[{"id":"do","uses":"desk/note","state":"succeeded",
      "attempts":[{"requests":[{"method":"PUT","url":"https://desk.example.com/do","result":"succeeded",)" +
                                       exchange + "}]}]}]}"));
    EXPECT_TRUE(then && run);
    then->runs = {*run};
    const auto change =
        simulate(*then, rules("", "{id: do, uses: desk/note, with: {text: a}}"), expressions(), "");
    EXPECT_EQ(change.runs.size(), 1U) << change.error;
    return change.runs.empty() ? RunChange() : change.runs[0];
  };
  const std::string answer = R"("response":{"status":200,"headers":{},"body":{},"text":"{}"})";
  EXPECT_EQ(change_of(R"("headers":{},"body":{"text":"b"},)" + answer).change, Change::kDifferent);
  const RunChange left_out = change_of(R"("headers":null,"body":null,"response":null,"leftOut":true)");
  EXPECT_EQ(left_out.change, Change::kSkipped);
  ASSERT_FALSE(left_out.notes.empty());
  EXPECT_EQ(left_out.notes[0], "skipped: the run sent more requests than the daemon shows of one run");
}

// -- a run's time is over while a step waits for its target

class OverdueTest : public DeskTest {
 protected:
  static double lasted(const postlude::Run& run) { return to_seconds(*run.finished_at - run.created_at); }
};

TEST_F(OverdueTest, AStepThatWaitsForTheRateEndsWithItsRun) {
  begin(rules(", limits: {rate: 1/h}", "{uses: desk/note, with: {text: a}}",
              "{policy: parallel}, timeout: 10m"));
  for (const char* name : {"one", "two", "three"})
    accept(name);
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(5)));
  auto runs = all_runs();
  ASSERT_EQ(runs.size(), 3U);
  std::erase_if(runs, [](const postlude::Run& run) { return run.state == RunState::kSucceeded; });
  ASSERT_EQ(runs.size(), 2U);
  for (const postlude::Run& run : runs) {
    EXPECT_EQ(run.state, RunState::kFailed);
    EXPECT_NE(run.reason.find("the run's timeout (10m) is over"), std::string::npos) << run.reason;
    EXPECT_NEAR(lasted(run), 600, 1);
  }
  EXPECT_EQ(arrivals_.size(), 1U);
  // What was claimed to be ended took nothing of the rate, and gives nothing back.
  accept("four");
  accept("five");
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(5)));
  EXPECT_EQ(arrivals_.size(), 1U) << "not before the hour is over";
}

TEST_F(OverdueTest, AStepThatWaitsForRoomEndsWithItsRun) {
  takes_ = seconds(25);
  begin(rules(", limits: {concurrency: 1}", "{uses: desk/note, with: {text: a}}",
              "{policy: parallel}, timeout: 1m, finally: [{uses: desk/note, with: {text: last}}]"));
  for (int i = 0; i < 20; ++i)
    accept("app" + std::to_string(i));
  EXPECT_TRUE(rehearsal_->run_until_quiet(hours(5)));
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 20U);
  for (const postlude::Run& run : runs) {
    const Step& step = run.steps[0];
    EXPECT_LE(to_seconds(*step.finished_at - run.created_at), 60 + 25);
    // Room is still there for one at a time, whoever was ended meanwhile.
    EXPECT_TRUE(step.state == StepState::kSucceeded || step.attempts == 1U) << step.attempts;
  }
  for (std::size_t i = 1; i < arrivals_.size(); ++i)
    EXPECT_GE(arrivals_[i].at, arrivals_[i - 1].until);
}

// Its time is given back when the pause ends.
TEST_F(OverdueTest, AStepOfAPausedTargetDoesNot) {
  begin(rules("", "{uses: desk/note, with: {text: a}}", "{policy: parallel}, timeout: 10m"));
  store::Pause pause;
  pause.kind = "target";
  pause.name = "desk";
  pause.at = rt::now();
  ASSERT_TRUE(rehearsal_->ask(rehearsal_->store().pause(pause)));
  accept("app");
  EXPECT_FALSE(rehearsal_->run_until_quiet(hours(5))) << "it is still to come";
  const auto runs = all_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_FALSE(terminal(runs[0].state));
}

}  // namespace
}  // namespace postlude::rehearsal
