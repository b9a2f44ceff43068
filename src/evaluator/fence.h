#pragma once
// Fence: what an evaluator may still ask of the kernel: memory, time, its socket, and to read time zones.

#include <string>

namespace postlude::evaluator {

// For the rest of this process: no other file is opened for reading, none for writing, no socket is made,
// nothing is started, no other process is seen or signalled; whoever tries gets EPERM or EACCES. "" or what
// this kernel could not do; the rest holds all the same.
std::string raise_fence();

}  // namespace postlude::evaluator
