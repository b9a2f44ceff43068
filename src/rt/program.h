#pragma once
// Program: runs a program of the user's once, within bounds, and gives back what it wrote.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace postlude::rt {

struct Program {
  std::vector<std::string> command;      // looked for in PATH unless it has a slash
  std::vector<std::string> environment;  // NAME=value; the whole of it
  Duration timeout{};
  std::size_t output_bytes_max = 64U << 10U;
};

struct ProgramEnd {
  int status = 0;  // its exit code
  std::string output;
  std::string errors;  // the first of what it wrote to standard error, as much as `output` may have
};

// Blocks until it has ended: call it by Aside. It has no input, and goes with all that it started.
//   kNotFound     there is no such program, or it may not be run
//   kUnavailable  it did not end in time, was killed, wrote too much, or cannot be started now
Result<ProgramEnd> run_program(const Program& program);

}  // namespace postlude::rt
