#pragma once
// Parts: takes out of a configuration what its schema refuses, so that the rest can be read and what is wrong
// there is said in the same round.

#include <set>
#include <string>

#include "lang/node.h"

namespace postlude::app {

// "targets/jira", "sources/flagger/auth": what was taken out, and of which nothing more is to be said;
// "targets/*": all of them.
using Unread = std::set<std::string, std::less<>>;

// Appends what the schema refuses, and takes that out of `root`. `complete`: nothing was left out of it
// before; else what is missing is no fault of it. false: nothing is left to be read.
bool take_valid(lang::Node& root, const json::value& schema, bool complete, Unread& unread,
                lang::Problems& problems);

}  // namespace postlude::app
