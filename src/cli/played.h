#pragma once
// Played: a configuration for playing its workflows, with children of its own that evaluate their
// expressions.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/load.h"
#include "evaluator/blocking.h"

namespace postlude::cli {

struct Played {
  std::optional<app::Loaded> loaded;  // nullopt exactly if there is an error among `problems`
  lang::Problems problems;
  std::unique_ptr<evaluator::Blocking> evaluator;
  std::unique_ptr<pipeline::Expressions> expressions;
};

// Silences the log of the played workflows; their events are shown in another form.
std::unique_ptr<Played> played(const std::vector<std::string>& paths, const std::string& connectors);

}  // namespace postlude::cli
