#pragma once
// Coverage: which steps and branches of a configuration's workflows its tests have reached, and which not.

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

  void add(const Seen& seen);
  // In the order of the configuration. Counted: that a workflow runs; its `if` true and false; of each step
  // that it runs, its `if` true and false, and, where it waits with a time limit that it gives itself, that
  // the time is over. Where what it starts may end red and fail it, also that.
  std::vector<WorkflowCoverage> report() const;

 private:
  void add_run(const Run& run);

  std::shared_ptr<const pipeline::Rules> rules_;
  std::map<std::string, std::set<std::string>, std::less<>> reached_;  // by workflow
};

}  // namespace postlude::rehearsal
