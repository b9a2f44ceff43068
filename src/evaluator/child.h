#pragma once
// Child: the process in which jq runs: this binary, started again by the evaluator.

#include <string_view>

namespace postlude::evaluator {

// main() calls run_child() first of all if argv[1] is this word.
constexpr std::string_view kChildWord = "evaluator-child";

// Answers frames on descriptor 0 until it is closed. Never returns to code that runs atexit handlers.
[[noreturn]] void run_child();

}  // namespace postlude::evaluator
