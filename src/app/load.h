#pragma once
// Load: from the paths on the command line to a configuration and the rules bound from it, with everything
// that is wrong, each at its place.

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

// What for: a mistake that only concerns running (a variable that is not set) is a warning of `check`.
enum class Purpose : std::uint8_t { kRun, kCheck };

struct Loaded {
  Config config;
  Calendars calendars;
  std::shared_ptr<const std::string> data;  // the tables, a JSON object: name -> table
  std::shared_ptr<const pipeline::Rules> rules;
};

// The connectors of this binary, and those of a folder of YAML files, which override them by name; "": none.
connector::Catalogue catalogue_with(const std::string& folder, lang::Problems& problems);

// nullopt exactly if `problems` has an error. jq's own opinion of the expressions is not asked: see
// check_expressions. `connectors`: a folder that takes the place of the configuration's own; "": none.
// `read`, where it is given, gets the files and folders on which the answer depends.
std::optional<Loaded> load(const std::vector<std::string>& paths, const std::string& connectors,
                           lang::Problems& problems, std::vector<std::string>* read = nullptr,
                           Purpose purpose = Purpose::kRun);

// For `check`: what could be read, whatever is wrong; its rules may be used for nothing but to find more.
// nullopt: nothing could. `spoken_of` gets the texts of expressions of which `problems` says enough.
std::optional<Loaded> load_in_part(const std::vector<std::string>& paths, const std::string& connectors,
                                   lang::Problems& problems, std::set<std::string>& spoken_of);

// Compiles every expression that needs jq, but those in `spoken_of`; appends what is wrong.
rt::Task<Status> check_expressions(pipeline::Expressions& expressions,
                                   std::shared_ptr<const pipeline::Rules> rules, lang::Problems& problems,
                                   std::set<std::string> spoken_of = {});

// Says in the log which proxies requests go through, where there are any.
void log_proxies(const pipeline::Rules& rules);

// How an evaluator is started: this binary again.
evaluator::Options evaluator_options(const EvaluatorConfig& config);

// All problems, one a line, in the order of their places.
std::string report(lang::Problems problems);

}  // namespace postlude::app
