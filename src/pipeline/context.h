#pragma once
// Context: what the expressions of a step see, and how values are kept and shown.

#include <optional>
#include <string>
#include <string_view>

#include "connector/target.h"
#include "pipeline/expressions.h"
#include "pipeline/rules.h"
#include "store/store.h"

namespace postlude::pipeline {

// Builds the expression context of a step: `.event`, `.run`, `.workflow`, `.vars`, `.steps`, `.item`,
// `.data`, `.failure`, `.step` and `.status`. `secret`: the store's, for links and callback URLs.
json::object step_context(const store::Work& work, const BoundWorkflow& bound, const Rules& rules,
                          std::string_view secret);

// Explains the result of a condition as JSON {expression, values, result}; long values are cut.
json::object trace_of(const lang::Expression& condition, const json::value& context,
                      const lang::Evaluated& answer, const connector::Masker& masker);

// A value in a reason: masked, and at most 80 bytes of that.
std::string shown_value(std::string_view value, const connector::Masker& masker);

// Parses JSON that the store keeps; `otherwise` if the text is empty.
json::value parsed(const std::string& text, json::value otherwise);

// The outcome "retry later", if one of the values has no result because no evaluator was available; else
// nullopt.
std::optional<Outcome> later(const Values& values);

// Cuts a reason to 4,000 bytes, because step, attempt and audit each store it.
std::string bounded(std::string_view why);

// Follows a stored text that was cut.
constexpr std::string_view kCutMark = "… (cut)";

}  // namespace postlude::pipeline
