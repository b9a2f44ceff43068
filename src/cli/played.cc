#include "cli/played.h"

#include "base/log.h"

namespace postlude::cli {

std::unique_ptr<Played> played(const std::vector<std::string>& paths, const std::string& connectors) {
  log::configure(log::Format::kLogfmt, log::Level{0xFF});
  auto out = std::make_unique<Played>();
  out->loaded = app::load(paths, connectors, out->problems, nullptr, app::Purpose::kCheck);
  if (!out->loaded) return out;
  evaluator::Options options = app::evaluator_options(out->loaded->config.evaluator);
  options.children = 1;  // one thing is asked at a time
  out->evaluator = std::make_unique<evaluator::Blocking>(std::move(options));
  out->expressions = std::make_unique<pipeline::Expressions>(*out->evaluator);
  return out;
}

}  // namespace postlude::cli
