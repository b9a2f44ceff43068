#pragma once
// SqlForm: a statement with expressions as its parameters. Only for this folder.

#include <optional>
#include <string>

#include "connector/form.h"

namespace postlude::connector {

struct SqlForm final : Form {
  const Kind& kind() const override;
  Result<Ask> build(const Target& target, const Values& values) const override;

  bool execute = false;
  std::string statement;
  std::optional<Slice> params;
  std::size_t rows_max = 100;
};

}  // namespace postlude::connector
