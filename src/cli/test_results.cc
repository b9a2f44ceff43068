#include "cli/test_results.h"

#include <cstdio>

#include "base/printable.h"
#include "base/text.h"
#include "rehearsal/compare.h"
#include "rehearsal/junit.h"

namespace postlude::cli {

namespace {

std::string coloured(std::string_view text, std::string_view colour, bool colours) {
  if (!colours) return std::string(text);
  return "\x1b[" + std::string(colour) + "m" + std::string(text) + "\x1b[0m";
}

std::string indented(std::string_view text, std::string_view by) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) out += std::string(by) + printable(line, Lines::kEscaped) + "\n";
  }
  return out;
}

std::string_view word_of(TestResult result) {
  switch (result) {
    case TestResult::kPassed:
      return "ok";
    case TestResult::kFailed:
      return "FAILED";
    case TestResult::kUpdated:
      return "updated";
  }
  return "";
}

// All that is to be said of a test that did not pass.
std::string details_of(const TestDone& done, bool colours) {
  std::string out;
  for (const std::string& why : done.comparison.why)
    out += indented(why, "    ");
  if (!done.comparison.runs.empty())
    out += "    runs: - expected, + seen\n" + shown_diff(done.comparison.runs, colours);
  if (!done.comparison.requests.empty())
    out += "    requests: - expected, + seen\n" + shown_diff(done.comparison.requests, colours);
  if (!done.trial.notes.empty() && !out.empty()) {
    out += "    what happened:\n";
    for (const std::string& note : done.trial.notes)
      out += indented(note, "      ");
  }
  return out;
}

std::string coverage_text(const TestResults& results) {
  if (results.coverage.empty()) return "";
  std::string out = "\ncoverage\n";
  for (const CoverageDone& one : results.coverage) {
    out += "  " + one.config + "\n";
    for (const rehearsal::WorkflowCoverage& workflow : one.workflows) {
      out += "    " + workflow.workflow + ": " +
             std::to_string(rehearsal::percent(workflow.reached, workflow.all)) + "% (" +
             std::to_string(workflow.reached) + " of " + std::to_string(workflow.all) + ")\n";
      for (const auto& gap : workflow.gaps)
        out += "      " + gap.place.text() + ": " + gap.what + "\n";
    }
  }
  return out + "  all: " + std::to_string(results.covered) + "%\n";
}

std::string summary(const TestResults& results) {
  std::string out = std::to_string(results.passed) + " passed, " + std::to_string(results.failed) + " failed";
  if (results.updated > 0) out += ", " + std::to_string(results.updated) + " updated";
  if (results.broken > 0)
    out += ", " + std::to_string(results.broken) + (results.broken == 1 ? " file" : " files") + " broken";
  return out + "\n";
}

}  // namespace

std::string shown_diff(const std::string& diff, bool colours) {
  std::string out;
  for (const std::string_view raw : split(diff, '\n')) {
    if (raw.empty()) continue;
    const std::string line = printable(raw, Lines::kEscaped);
    const char sign = line.front();
    out += "      ";
    if (sign == '-') {
      out += coloured(line, "31", colours);
    } else if (sign == '+') {
      out += coloured(line, "32", colours);
    } else if (sign == '@') {
      out += coloured(line, "36", colours);
    } else {
      out += line;
    }
    out += "\n";
  }
  return out;
}

std::string text_of(const TestResults& results, bool colours) {
  std::string out;
  for (const TestFileDone& file : results.files) {
    if (file.tests.empty() && file.broken.empty()) continue;  // --filter left nothing of it
    out += file.path + "\n";
    if (!file.broken.empty()) {
      out += "  " + coloured("broken", "31", colours) + "\n" + indented(file.broken, "    ");
      continue;
    }
    for (const TestDone& done : file.tests) {
      const bool passed = done.result == TestResult::kPassed;
      out += "  " + coloured(word_of(done.result), passed ? "32" : "31", colours) + " " +
             printable(done.name, Lines::kBlank);
      if (!passed) out += " (line " + std::to_string(done.place.line) + ")";
      out += "\n";
      if (done.result == TestResult::kFailed) out += details_of(done, colours);
    }
  }
  return out + coverage_text(results) + "\n" + summary(results);
}

json::value value_of(const TestResults& results) {
  json::array tests;
  json::array broken;
  for (const TestFileDone& file : results.files) {
    if (!file.broken.empty()) {
      json::array problems;
      for (const std::string_view line : split(file.broken, '\n')) {
        if (!line.empty()) problems.emplace_back(line);
      }
      broken.push_back(json::object{{"file", file.path}, {"problems", std::move(problems)}});
    }
    for (const TestDone& done : file.tests) {
      const json::value seen = rehearsal::expectation(done.trial.runs, done.trial.requests);
      tests.push_back(json::object{
          {"file", file.path},
          {"line", done.place.line},
          {"name", done.name},
          {"result", done.result == TestResult::kFailed ? "failed" : word_of(done.result)},
          {"seconds", done.seconds},
          {"why", json::array(done.comparison.why.begin(), done.comparison.why.end())},
          {"diff", json::object{{"runs", done.comparison.runs}, {"requests", done.comparison.requests}}},
          {"notes", json::array(done.trial.notes.begin(), done.trial.notes.end())},
          {"seen", seen}});
    }
  }
  json::object out{{"tests", std::move(tests)},
                   {"broken", std::move(broken)},
                   {"passed", results.passed},
                   {"failed", results.failed},
                   {"updated", results.updated}};
  if (results.coverage.empty()) return out;
  json::array workflows;
  for (const CoverageDone& one : results.coverage) {
    for (const rehearsal::WorkflowCoverage& workflow : one.workflows) {
      json::array gaps;
      for (const auto& gap : workflow.gaps)
        gaps.push_back(json::object{{"place", gap.place.text()}, {"what", gap.what}});
      workflows.push_back(json::object{{"config", one.config},
                                       {"workflow", workflow.workflow},
                                       {"percent", rehearsal::percent(workflow.reached, workflow.all)},
                                       {"reached", workflow.reached},
                                       {"all", workflow.all},
                                       {"unreached", std::move(gaps)}});
    }
  }
  out["coverage"] = json::object{{"percent", results.covered}, {"workflows", std::move(workflows)}};
  return out;
}

std::string junit_of(const TestResults& results) {
  std::vector<rehearsal::JunitSuite> suites;
  for (const TestFileDone& file : results.files) {
    rehearsal::JunitSuite suite{file.path, {}};
    if (!file.broken.empty()) suite.cases.push_back({"(the file)", 1, 0, file.broken, true});
    for (const TestDone& done : file.tests) {
      const bool failed = done.result == TestResult::kFailed;
      suite.cases.push_back(
          {done.name, done.place.line, done.seconds, failed ? details_of(done, false) : "", false});
    }
    suites.push_back(std::move(suite));
  }
  return rehearsal::junit(suites);
}

}  // namespace postlude::cli
