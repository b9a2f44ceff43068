#pragma once
// Audit: `postlude audit verify|export`.

#include "cli/people.h"

namespace postlude::cli {

void add_audit(CLI::App& app, const Wiring& wiring);

}  // namespace postlude::cli
