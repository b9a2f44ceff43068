#pragma once
// Trial: plays one test of a test file in a world of its own, and compares the result with the test's
// expectations.

#include <string>
#include <vector>

#include "rehearsal/compare.h"

namespace postlude::rehearsal {

struct TrialResult {
  std::vector<SeenRun> runs;  // in the order of the configuration
  std::vector<Message> requests;
  std::vector<std::string> errors;  // it did not end as it should: the test's answers need mending
  bool cut_short = false;           // a request had no response, so what would follow is unknown
  std::vector<std::string> waits;   // runs that have not ended, and what they are waiting for
  std::vector<std::string> notes;   // explanations: reasons of failures, and why workflows did not run
  // For coverage.
  std::vector<store::RunBrief> details;
  std::vector<store::Planned> plan;
};

TrialResult play(const Test& test, const std::shared_ptr<const pipeline::Rules>& rules,
                 pipeline::Expressions& expressions);

struct Comparison {
  std::vector<std::string> why;  // empty: it passed
  std::string runs;              // differences
  std::string requests;
  bool passed() const { return why.empty() && runs.empty() && requests.empty(); }
};
Comparison judge(const Test& test, const TrialResult& trial);

}  // namespace postlude::rehearsal
