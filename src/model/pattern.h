#pragma once
// Pattern: which events are meant (`on` of a workflow, `accept` of a source), and why one is not.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/event.h"

namespace postlude {

// What patterns look at: source, hook, phase, outcome, cluster, namespace, name, team, metadata.{k} for each
// key, and the release's kind. A field that is not known of this event (`kind` without a cluster) is missing.
using Facts = std::map<std::string, std::string, std::less<>>;
Facts facts_of(const Event& event);

// A list of globs: some positive one matches, or there is none, and no `!glob` does; in whatever order. What
// is empty is missed out by a list of `!glob`s alone: nobody knows what it is.
bool globs_match(const std::vector<std::string>& globs, std::string_view value);

// Fields with globs: those of each field must match; no field at all matches everything but an unchanged
// release.
struct Pattern {
  std::vector<std::pair<std::string, std::vector<std::string>>> fields;
};

// "" when it matches; else the first thing that does not, in words: "phase is Failed, wanted Succeeded".
// A release that changed nothing is matched only where `outcome` names it: a glob such as * does not.
std::string mismatch(const Pattern& pattern, const Facts& facts);

}  // namespace postlude
