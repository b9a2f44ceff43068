#pragma once
// Moved steps: `runs replay` takes a workflow's text of today, whose idempotency keys are made of its steps'
// ids and, without those, of their order. A step that moved would meet the effect of another one, or none.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace postlude::engine {

// `then` and `now` are pinned texts of the workflow, `acted` the steps of `then`, by index, whose effects
// happened, or may have. "" if each of them has its key in `now` as well, or is gone; else what is wrong and
// what to do, for people. What a step asks for may have changed: it is the same step under the same id, and
// without ids in its place among the steps of its action, as long as these are as many as before.
std::string moved_steps(std::string_view then, const std::set<std::uint32_t>& acted, std::string_view now);

}  // namespace postlude::engine
