#pragma once
// Trial: plays one test of a test file in a world of its own, and says what was seen and what is wrong with
// it.

#include <string>
#include <vector>

#include "rehearsal/compare.h"

namespace postlude::rehearsal {

struct Seen {
  std::vector<SeenRun> runs;  // in the order of the configuration
  std::vector<Message> requests;
  std::vector<std::string> errors;  // it did not come to an end as it should: the answers have to be mended
  bool cut_short = false;           // a request had no response: what would have followed is not known
  std::vector<std::string> waits;   // runs that have not ended, and what they wait for
  std::vector<std::string> notes;   // why things are as they are: reasons of failures
  // For coverage.
  std::vector<store::RunBrief> details;
  std::vector<store::Planned> plan;
};

Seen play(const Test& test, const std::shared_ptr<const pipeline::Rules>& rules,
          pipeline::Expressions& expressions);

struct Verdict {
  std::vector<std::string> why;  // empty: it passed
  std::string runs;              // differences
  std::string requests;
  bool passed() const { return why.empty() && runs.empty() && requests.empty(); }
};
Verdict judge(const Test& test, const Seen& seen);

}  // namespace postlude::rehearsal
