#include "app/load.h"

#include <algorithm>
#include <tuple>

#include "app/embedded.h"
#include "base/check.h"
#include "evaluator/child.h"
#include "lang/expression.h"

namespace postlude::app {

std::optional<Loaded> load(const std::vector<std::string>& paths, const connector::Catalogue& catalogue,
                           lang::Problems& problems) {
  const auto texts = load_config(paths, problems);
  if (!texts) return std::nullopt;
  static const auto schema = parse_json(embedded("config.schema.json"));
  CHECK(schema.has_value());
  auto config = read_config(*texts, *schema, problems);
  if (!config) return std::nullopt;

  pipeline::RulesInput input;
  input.sources = &config->sources;
  input.targets = &config->targets;
  input.workflows = &config->workflows;
  input.clusters = config->clusters;
  input.revision = config->revision;
  auto rules = pipeline::Rules::build(input, catalogue, problems);
  if (rules == nullptr) return std::nullopt;
  return Loaded{std::move(*config), std::move(rules)};
}

connector::Catalogue catalogue_with(const std::string& folder, lang::Problems& problems) {
  connector::Catalogue catalogue = connector::Catalogue::built_in();
  if (folder.empty()) return catalogue;
  const auto texts = load_config({folder}, problems);
  if (!texts) return catalogue;
  for (const ConfigText& text : *texts)
    catalogue.add(text.text, text.path, problems);
  return catalogue;
}

rt::Task<Status> check_expressions(pipeline::Expressions& expressions,
                                   std::shared_ptr<const pipeline::Rules> rules, lang::Problems& problems) {
  AWAIT(Status checked, expressions.check(rules->expressions(), problems));
  co_return checked;
}

evaluator::Options evaluator_options(const EvaluatorConfig& config) {
  evaluator::Options options;
  options.time = config.time;
  options.memory_bytes = config.memory_bytes;
  options.command = {"/proc/self/exe", std::string(evaluator::kChildWord)};
  options.prelude = lang::prelude();
  return options;
}

std::string report(lang::Problems problems) {
  const auto place = [](const lang::Problem& p) {
    return std::tie(p.place.file, p.place.line, p.place.column);
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const lang::Problem& a, const lang::Problem& b) { return place(a) < place(b); });
  std::string out;
  for (const lang::Problem& p : problems) {
    out += lang::to_text(p);
    out += '\n';
  }
  return out;
}

}  // namespace postlude::app
