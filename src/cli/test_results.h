#pragma once
// Test results: the results of workflow tests, and their output.

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
  rehearsal::TrialResult trial;
  rehearsal::Comparison comparison;
};

struct TestFileDone {
  std::string path;
  std::string broken;  // errors of the file or its configuration, one per line; "": it was run
  std::vector<TestDone> tests;
};

struct CoverageDone {
  std::string config;  // its files and folders
  std::vector<rehearsal::WorkflowCoverage> workflows;
};

struct TestResults {
  std::vector<TestFileDone> files;
  std::vector<CoverageDone> coverage;  // empty: not requested
  std::size_t passed = 0, failed = 0, updated = 0, broken = 0;
  int covered = 100;  // percent
};

// For people; `colours`: use the terminal's.
std::string text_of(const TestResults& results, bool colours);
json::value value_of(const TestResults& results);
std::string junit_of(const TestResults& results);

// Indents a difference, or other text of several lines, below a heading.
std::string shown_diff(const std::string& diff, bool colours);

}  // namespace postlude::cli
