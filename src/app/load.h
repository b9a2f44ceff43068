#pragma once
// Load: reads the configuration at the command line's paths and builds its rules, or reports all errors with
// their places.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/config.h"
#include "evaluator/evaluator.h"
#include "pipeline/expressions.h"
#include "pipeline/rules.h"

namespace postlude::app {

// The purpose: for `check`, errors that only concern running (a variable that is not set) are warnings.
enum class Purpose : std::uint8_t { kRun, kCheck };

struct Loaded {
  Config config;
  Calendars calendars;
  std::shared_ptr<const std::string> data;  // the tables as a JSON object: name -> table
  std::shared_ptr<const pipeline::Rules> rules;
};

// The built-in connectors and those of a folder of YAML files, which replace built-in ones by name; "": no
// folder.
connector::Catalogue catalogue_with(const std::string& folder, lang::Problems& problems);

// nullopt exactly if `problems` has an error. Does not compile expressions with jq: see check_expressions.
// `connectors`: a folder used in place of the configuration's own; "": none. Adds the files and folders that
// the result depends on to `read`, if given.
std::optional<Loaded> load(const std::vector<std::string>& paths, const std::string& connectors,
                           lang::Problems& problems, std::vector<std::string>* read = nullptr,
                           Purpose purpose = Purpose::kRun);

// For `check`: returns what could be read despite errors; use its rules only to find more errors. nullopt:
// nothing could be read. Adds the texts of expressions whose errors `problems` already has to `spoken_of`.
std::optional<Loaded> load_in_part(const std::vector<std::string>& paths, const std::string& connectors,
                                   lang::Problems& problems, std::set<std::string>& spoken_of);

// Compiles every expression that needs jq, except those in `spoken_of`, and evaluates the constant ones;
// appends the errors.
rt::Task<Status> check_expressions(pipeline::Expressions& expressions,
                                   std::shared_ptr<const pipeline::Rules> rules, lang::Problems& problems,
                                   std::set<std::string> spoken_of = {});

// Logs the proxies that requests use, if any.
void log_proxies(const pipeline::Rules& rules);

// The command line of an evaluator: this binary.
evaluator::Options evaluator_options(const EvaluatorConfig& config);

// All problems, one per line, in the order of their places.
std::string report(lang::Problems problems);

}  // namespace postlude::app
