#pragma once
// Update: replaces expectations in a test file and keeps everything else as written.

#include <string>
#include <vector>

#include "rehearsal/test_file.h"

namespace postlude::rehearsal {

struct NewExpectation {
  std::size_t test = 0;  // index in the file
  json::value expect;
};

// kInvalid: an `expect` cannot be replaced without changing its neighbours; names it. The result was read
// again to verify that only these differ.
Result<std::string> with_expectations(const TestFile& file, const std::vector<NewExpectation>& expectations,
                                      const json::value& schema);

}  // namespace postlude::rehearsal
