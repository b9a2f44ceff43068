#pragma once
// Junit: results of tests as the XML that CI systems read.

#include <string>
#include <vector>

namespace postlude::rehearsal {

struct JunitCase {
  std::string name;
  int line = 0;
  double seconds = 0;
  std::string failure;  // what a person would be shown; "": it passed
  bool broken = false;  // the test itself: an error, no failure
};
struct JunitSuite {
  std::string name;  // the file
  std::vector<JunitCase> cases;
};

std::string junit(const std::vector<JunitSuite>& suites);

}  // namespace postlude::rehearsal
