#pragma once
// Load: from the paths on the command line to a configuration and the rules bound from it, with everything
// that is wrong, each at its place.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "evaluator/evaluator.h"
#include "pipeline/expressions.h"
#include "pipeline/rules.h"

namespace postlude::app {

struct Loaded {
  Config config;
  Calendars calendars;
  std::shared_ptr<const std::string> data;  // the tables, a JSON object: name -> table
  std::shared_ptr<const pipeline::Rules> rules;
};

// The connectors of this binary, and those of a folder of YAML files, which override them by name; "": none.
connector::Catalogue catalogue_with(const std::string& folder, lang::Problems& problems);

// nullopt exactly if `problems` has an error. jq's own opinion of the expressions is not asked: see
// check_expressions. `read`, where it is given, gets the files and folders on which the answer depends.
// The rules refer to the catalogue.
std::optional<Loaded> load(const std::vector<std::string>& paths, const connector::Catalogue& catalogue,
                           lang::Problems& problems, std::vector<std::string>* read = nullptr);

// Compiles every expression that needs jq; appends what is wrong.
rt::Task<Status> check_expressions(pipeline::Expressions& expressions,
                                   std::shared_ptr<const pipeline::Rules> rules, lang::Problems& problems);

// How an evaluator is started: this binary again.
evaluator::Options evaluator_options(const EvaluatorConfig& config);

// All problems, one a line, in the order of their places.
std::string report(lang::Problems problems);

}  // namespace postlude::app
