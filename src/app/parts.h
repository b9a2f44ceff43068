#pragma once
// Parts: removes the parts of a configuration that its schema refuses, so that the rest is read and its
// errors are reported in the same round.

#include <set>
#include <string>

#include "lang/node.h"

namespace postlude::app {

// The removed parts, such as "targets/jira" or "sources/flagger/auth"; "targets/*": all targets. Report
// nothing more about them.
using Unread = std::set<std::string, std::less<>>;

// Appends what the schema refuses and removes it from `root`. `complete`: nothing was removed before, so a
// missing part is an error. false: nothing is left to read.
bool take_valid(lang::Node& root, const json::value& schema, bool complete, Unread& unread,
                lang::Problems& problems);

}  // namespace postlude::app
