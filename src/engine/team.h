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
  std::vector<std::string> targets;     // what the workflows in its folder may use
  lang::Node notify;                    // {uses, with}: how `team/notify` reaches it; null: it cannot
  lang::Place place;

  bool owns(std::string_view cluster, std::string_view name_space) const;
};

// The first team, in the order of the configuration, that owns the namespace; nullptr: none does.
const Team* team_of(const std::vector<Team>& teams, std::string_view cluster, std::string_view name_space);

// Whether a namespace is thinkable that both own. Judged by ASCII, which namespaces are made of.
bool overlap(const Team& a, const Team& b);

}  // namespace postlude::engine
