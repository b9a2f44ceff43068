#pragma once
// Constants: finds expressions that depend on nothing and that fail, or yield the wrong kind of value, each
// time: `${{ 1 + "a" }}`, `if: 1 + 1`, `concurrency: {key: null}`.

#include "pipeline/expressions.h"
#include "pipeline/rules.h"

namespace postlude::pipeline {

// Evaluates those of `asked` that are constant, and appends what is wrong with them. Call after
// Expressions::check() found nothing wrong with them.
rt::Task<Status> check_constants(Expressions& expressions, std::shared_ptr<const Rules> rules,
                                 std::vector<lang::Expression> asked, lang::Problems& problems);

}  // namespace postlude::pipeline
