#pragma once
// Coverage: which steps and branches of the workflows the tests have reached.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "rehearsal/trial.h"

namespace postlude::rehearsal {

struct WorkflowCoverage {
  struct Gap {
    lang::Place place;
    std::string what;  // "step 'version' never ran"
  };
  std::string workflow;
  std::size_t reached = 0;
  std::size_t all = 0;
  std::vector<Gap> gaps;
};
int percent(std::size_t reached, std::size_t all);  // rounded down: 100 means all

class Coverage {
 public:
  explicit Coverage(std::shared_ptr<const pipeline::Rules> rules) : rules_(std::move(rules)) {}

  void add(const TrialResult& trial);
  // In the order of the configuration. Counts: a workflow runs; its `if` is true, and false; for each step of
  // it, its `if` is true, and false; for a step that waits with a time limit of its own, the timeout; for a
  // step whose job can fail, that failure.
  std::vector<WorkflowCoverage> report() const;

 private:
  void add_run(const Run& run);

  std::shared_ptr<const pipeline::Rules> rules_;
  std::map<std::string, std::set<std::string>, std::less<>> reached_;  // by workflow
};

}  // namespace postlude::rehearsal
