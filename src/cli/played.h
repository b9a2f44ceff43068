#pragma once
// Played: a configuration whose workflows are played, with children of its own for their expressions.

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

// What the workflows would log is silenced from here on: it is shown otherwise.
std::unique_ptr<Played> played(const std::vector<std::string>& paths, const std::string& connectors);

}  // namespace postlude::cli
