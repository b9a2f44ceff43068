#pragma once
// Junit: writes test results as XML for CI systems.

#include <string>
#include <vector>

namespace postlude::rehearsal {

struct JunitCase {
  std::string name;
  int line = 0;
  double seconds = 0;
  std::string failure;  // the text shown to people; "": the test passed
  bool broken = false;  // an error of the test itself, and no failure
};
struct JunitSuite {
  std::string name;  // path of the file
  std::vector<JunitCase> cases;
};

std::string junit(const std::vector<JunitSuite>& suites);

}  // namespace postlude::rehearsal
