// `postlude test`: workflow tests, offline.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "app/embedded.h"
#include "base/check.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/played.h"
#include "cli/terminal.h"
#include "cli/test_results.h"
#include "lang/yaml.h"
#include "rehearsal/update.h"
#include "rt/loop.h"

namespace postlude::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesMax = 10'000;

// A configuration, with what the tests of it share.
struct Tested {
  std::unique_ptr<Played> played;
  std::unique_ptr<rehearsal::Coverage> coverage;  // nullptr: the configuration is wrong
};

bool is_test_file(const std::string& name) {
  return name.ends_with(".test.yaml") || name.ends_with(".test.yml");
}

// The test files of a folder and its folders; hidden ones are left out.
Result<std::vector<std::string>> test_files_of(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code unknown;
    if (name.starts_with('.')) {
      at.disable_recursion_pending();
    } else if (is_test_file(name) && !fs::is_directory(at->path(), unknown)) {
      found.push_back(at->path().lexically_normal().string());
    }
    if (found.size() > kFilesMax)
      return Error(Code::kInvalid, folder + ": more than " + std::to_string(kFilesMax) + " test files");
  }
  if (error) return Error(Code::kInvalid, folder + ": cannot be read: " + error.message());
  if (found.empty()) return Error(Code::kInvalid, folder + ": no *.test.yaml in this folder");
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::vector<std::string>> find_files(const std::vector<std::string>& paths) {
  std::vector<std::string> all;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::exists(path, error)) return Error(Code::kInvalid, path + ": no such file or folder");
    if (!fs::is_directory(path, error)) {
      all.push_back(path);
      continue;
    }
    TRY(const std::vector<std::string> found, test_files_of(path));
    all.insert(all.end(), found.begin(), found.end());
  }
  std::vector<std::string> once;
  for (const std::string& path : all) {
    if (std::find(once.begin(), once.end(), path) == once.end()) once.push_back(path);
  }
  return once;
}

Status write_file(const std::string& path, const std::string& text) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "wbe"), close);
  const bool written = file && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
                       std::fflush(file.get()) == 0;
  if (!written) {
    return Error(Code::kInvalid,
                 path + ": cannot be written: " + std::error_code(errno, std::generic_category()).message());
  }
  return ok();
}

double seconds(Duration d) {
  return static_cast<double>(d.count()) / 1e6;
}

// `test postlude.yaml`: what a configuration has, and no tests.
bool is_configuration(const std::string& text) {
  lang::Problems ignored;
  const auto root = lang::read_yaml(text, "", ignored);
  return root && root->is_map() && root->find("tests") == nullptr &&
         (root->find("workflows") != nullptr || root->find("sources") != nullptr ||
          root->find("targets") != nullptr);
}

class Tests {
 public:
  explicit Tests(const TestChoice& choice) : choice_(choice) {
    (void)app::catalogue_with(choice.connectors, catalogue_problems_);
    auto schema = parse_json(app::embedded("test.schema.json"));
    CHECK(schema.has_value());
    schema_ = std::move(*schema);
  }

  // Of the folder of connectors.
  const lang::Problems& problems() const { return catalogue_problems_; }

  void run(const std::string& path) {
    TestFileDone done;
    done.path = path;
    lang::Problems problems;
    auto text = app::read_file(path, lang::kYamlBytesMax);
    if (!text) problems.push_back({{path, 0, 0}, text.error().message});
    if (text && is_configuration(*text)) {
      problems.push_back(
          {{path, 0, 0}, "a configuration, and no file of tests: run `postlude check " + path + "`"});
    }
    const auto file = text && problems.empty()
                          ? rehearsal::read_tests(std::move(*text), path, schema_, problems)
                          : std::nullopt;
    Tested* tested = file ? &config_of(file->config) : nullptr;
    if (tested != nullptr && !tested->played->loaded) {
      problems.push_back({file->config_place, "the configuration has errors:"});
      problems.insert(problems.end(), tested->played->problems.begin(), tested->played->problems.end());
    } else if (tested != nullptr) {
      rehearsal::check_names(*file, *tested->played->loaded->rules, problems);
    }
    if (lang::any_error(problems)) {
      for (const lang::Problem& problem : problems) {
        if (!problem.warning) done.broken += lang::to_text(problem) + "\n";
      }
    } else {
      run_tests(*file, *tested, done);
    }
    results_.files.push_back(std::move(done));
  }

  TestResults results() {
    for (const TestFileDone& file : results_.files) {
      results_.broken += file.broken.empty() ? 0 : 1;
      for (const TestDone& done : file.tests) {
        results_.passed += done.result == TestResult::kPassed ? 1 : 0;
        results_.failed += done.result == TestResult::kFailed ? 1 : 0;
        results_.updated += done.result == TestResult::kUpdated ? 1 : 0;
      }
    }
    if (choice_.coverage || choice_.coverage_min) add_coverage();
    return std::move(results_);
  }

 private:
  Tested& config_of(const std::vector<std::string>& paths) {
    const std::string names = join(paths, ", ");
    const auto known = configs_.find(names);
    if (known != configs_.end()) return *known->second;
    auto tested = std::make_unique<Tested>();
    tested->played = played(paths, choice_.connectors);
    if (const auto& loaded = tested->played->loaded)
      tested->coverage = std::make_unique<rehearsal::Coverage>(loaded->rules);
    return *configs_.emplace(names, std::move(tested)).first->second;
  }

  bool chosen(const std::string& name) const {
    return choice_.filter.empty() || name.find(choice_.filter) != std::string::npos ||
           glob_match(choice_.filter, name);
  }

  void run_tests(const rehearsal::TestFile& file, Tested& tested, TestFileDone& done) {
    std::vector<rehearsal::NewExpectation> updates;
    std::vector<std::size_t> updated;  // indexes in done.tests
    for (std::size_t i = 0; i < file.tests.size(); ++i) {
      const rehearsal::Test& test = file.tests[i];
      if (!chosen(test.name)) continue;
      const Duration began = rt::steady_now();
      TestDone one{test.name, test.place, TestResult::kPassed, 0, {}, {}};
      one.trial = rehearsal::play(test, tested.played->loaded->rules, *tested.played->expressions);
      one.comparison = rehearsal::judge(test, one.trial);
      one.seconds = seconds(rt::steady_now() - began);
      if (!one.comparison.passed()) one.result = TestResult::kFailed;
      tested.coverage->add(one.trial);
      if (!one.comparison.passed() && choice_.update && one.trial.errors.empty()) {
        updates.push_back({i, rehearsal::expectation(one.trial.runs, one.trial.requests)});
        updated.push_back(done.tests.size());
      }
      one.trial.details.clear();
      done.tests.push_back(std::move(one));
    }
    if (!updates.empty()) update(file, updates, updated, done);
  }

  void update(const rehearsal::TestFile& file, const std::vector<rehearsal::NewExpectation>& updates,
              const std::vector<std::size_t>& updated, TestFileDone& done) {
    const auto text = rehearsal::with_expectations(file, updates, schema_);
    const Status written = text ? write_file(file.path, *text) : Status(text.error());
    for (const std::size_t i : updated) {
      if (written) {
        done.tests[i].result = TestResult::kUpdated;
      } else {
        done.tests[i].comparison.why.push_back("not updated: " + written.error().message);
      }
    }
  }

  void add_coverage() {
    std::size_t reached = 0;
    std::size_t all = 0;
    for (const auto& [names, tested] : configs_) {
      if (!tested->coverage) continue;
      results_.coverage.push_back({names, tested->coverage->report()});
      for (const rehearsal::WorkflowCoverage& workflow : results_.coverage.back().workflows) {
        reached += workflow.reached;
        all += workflow.all;
      }
    }
    results_.covered = rehearsal::percent(reached, all);
  }

  const TestChoice& choice_;
  lang::Problems catalogue_problems_;
  json::value schema_;
  std::map<std::string, std::unique_ptr<Tested>> configs_;
  TestResults results_;
};

void print(const TestResults& results, Output output) {
  // nothing in this process changes the environment
  const bool colours = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  if (output == Output::kTable) return print_coloured(text_of(results, colours));
  if (output == Output::kTable) return print_coloured(text_of(results, colours));
  const std::string text =
      output == Output::kJson ? to_pretty(value_of(results)) + "\n" : yaml_of(value_of(results));
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

int test(const TestChoice& choice) {
  const auto files = find_files(choice.paths);
  if (!files) {
    std::fprintf(stderr, "%s\n", files.error().message.c_str());
    return kUsedWrongly;
  }
  Tests tests(choice);
  if (lang::any_error(tests.problems())) {
    std::fputs(app::report(tests.problems()).c_str(), stderr);
    return kUsedWrongly;
  }
  for (const std::string& file : *files)
    tests.run(file);
  const TestResults results = tests.results();
  print(results, choice.output);
  if (!choice.junit.empty()) {
    if (const Status written = write_file(choice.junit, junit_of(results)); !written) {
      std::fprintf(stderr, "%s\n", written.error().message.c_str());
      return kUsedWrongly;
    }
  }
  if (results.broken > 0) return kUsedWrongly;
  if (results.passed + results.failed + results.updated == 0) {
    std::fprintf(stderr, "no test matches --filter '%s'\n", choice.filter.c_str());
    return kUsedWrongly;
  }
  if (results.failed > 0) return kFoundWrong;
  if (choice.coverage_min && results.covered < *choice.coverage_min) {
    std::fprintf(stderr, "tests reach %d%% of the steps and branches; required: %d%%\n", results.covered,
                 *choice.coverage_min);
    return kFoundWrong;
  }
  return kFine;
}

}  // namespace postlude::cli
