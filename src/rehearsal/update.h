#pragma once
// Update: a test file with other expectations, and all else as its author wrote it.

#include <string>
#include <vector>

#include "rehearsal/test_file.h"

namespace postlude::rehearsal {

struct NewExpectation {
  std::size_t test = 0;  // index in the file
  json::value expect;
};

// kInvalid: an `expect` stands where it cannot be replaced without touching its neighbours; says which. What
// is returned has been read again: it is the old file but for these.
Result<std::string> with_expectations(const TestFile& file, const std::vector<NewExpectation>& expectations,
                                      const json::value& schema);

}  // namespace postlude::rehearsal
