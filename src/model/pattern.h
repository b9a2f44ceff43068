#pragma once
// Pattern: selects events (`on` of a workflow, `accept` of a source), and says why an event does not match.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/event.h"

namespace postlude {

// The fields that patterns match: source, hook, phase, outcome, cluster, namespace, name, team, metadata.{k}
// for each key, and the release's kind. A field that is unknown for this event (`kind` without a cluster) is
// missing.
using Facts = std::map<std::string, std::string, std::less<>>;
Facts facts_of(const Event& event);

// A list of globs in any order. It matches if a positive glob matches, or there is none, and no `!glob`
// matches. A list of only `!glob`s does not match an empty value, because its real value is unknown.
bool globs_match(const std::vector<std::string>& globs, std::string_view value);

// Globs by field. All fields must match. A pattern without fields matches every event but an unchanged
// release.
struct Pattern {
  std::vector<std::pair<std::string, std::vector<std::string>>> fields;
};

// "" if the pattern matches; else the first mismatch in words: "phase is Failed, wanted Succeeded". A release
// that changed nothing matches only if a glob names `unchanged` in `outcome`; a glob such as * does not.
std::string mismatch(const Pattern& pattern, const Facts& facts);

}  // namespace postlude
