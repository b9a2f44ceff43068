#pragma once
// Test results: what came of workflow tests, and how it is shown.

#include <memory>
#include <string>
#include <vector>

#include "cli/show.h"
#include "rehearsal/coverage.h"

namespace postlude::cli {

enum class TestResult : std::uint8_t { kPassed = 1, kFailed, kUpdated };

struct TestDone {
  std::string name;
  lang::Place place;
  TestResult result = TestResult::kPassed;
  double seconds = 0;
  rehearsal::Seen seen;
  rehearsal::Verdict verdict;
};

struct TestFileDone {
  std::string path;
  std::string broken;  // what is wrong with the file or its configuration, a line each; "": it was run
  std::vector<TestDone> tests;
};

struct CoverageDone {
  std::string config;  // its files and folders
  std::vector<rehearsal::WorkflowCoverage> workflows;
};

struct TestResults {
  std::vector<TestFileDone> files;
  std::vector<CoverageDone> coverage;  // empty: nobody asked
  std::size_t passed = 0, failed = 0, updated = 0, broken = 0;
  int covered = 100;  // percent
};

// For people; `colours`: the terminal's.
std::string text_of(const TestResults& results, bool colours);
json::value value_of(const TestResults& results);
std::string junit_of(const TestResults& results);

// A difference, or any text of several lines, as it stands below a heading.
std::string shown_diff(const std::string& diff, bool colours);

}  // namespace postlude::cli
