#pragma once
// Team: a set of namespaces with its workflows, targets and people (contract 6).

#include <string>
#include <string_view>
#include <vector>

#include "lang/node.h"

namespace postlude::engine {

struct Team {
  std::string name;
  std::vector<std::string> namespaces;  // globs, one of which must match
  std::vector<std::string> clusters;    // globs; empty: any cluster, and none
  std::vector<std::string> targets;     // targets that the workflows in its folder may use
  lang::Node notify;                    // {uses, with} for `team/notify`; null: not configured
  lang::Place place;

  bool owns(std::string_view cluster, std::string_view name_space) const;
};

// The first team, in configuration order, that owns the namespace; nullptr: none.
const Team* team_of(const std::vector<Team>& teams, std::string_view cluster, std::string_view name_space);

// Whether some namespace could match both teams. Considers ASCII only, as namespaces are ASCII.
bool overlap(const Team& a, const Team& b);

}  // namespace postlude::engine
