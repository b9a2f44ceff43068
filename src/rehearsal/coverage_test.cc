#include "rehearsal/coverage.h"

#include "unit/rehearsal/desk.h"

namespace postlude::rehearsal {
namespace {

std::vector<std::string> gaps_of(const std::shared_ptr<const pipeline::Rules>& rules, const Step& step) {
  TrialResult trial;
  store::RunBrief brief;
  brief.run.workflow = "w";
  brief.run.steps = {step};
  trial.details.push_back(std::move(brief));
  Coverage coverage(rules);
  coverage.add(trial);
  std::vector<std::string> out;
  for (const WorkflowCoverage& workflow : coverage.report()) {
    for (const WorkflowCoverage::Gap& gap : workflow.gaps)
      out.push_back(gap.what);
  }
  return out;
}

// Whether a time was over is told by why the step ended, not by words that anybody may have written.
TEST(CoverageTest, TellsAnAnswerFromSilence) {
  const auto with =
      rules("", "{id: ask, uses: approval, with: {message: m, timeout: 1h, onTimeout: approve}}");
  Step step;
  step.state = StepState::kSucceeded;
  step.started_at = instant(1);
  step.outputs = R"({"approved":true,"by":"amy","comment":"nobody approved within reason"})";
  EXPECT_EQ(gaps_of(with, step), (std::vector<std::string>{"the time of step 'ask' is never over"}));
  step.because = Because::kUnanswered;
  EXPECT_EQ(gaps_of(with, step), std::vector<std::string>());
}

}  // namespace
}  // namespace postlude::rehearsal
