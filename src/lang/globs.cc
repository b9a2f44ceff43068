#include "lang/globs.h"

#include <algorithm>

#include "base/text.h"

namespace postlude::lang {

namespace {

void read_field(std::string name, const Node& value, GlobFields& into, Problems& problems) {
  std::vector<std::string> globs;
  const auto take = [&](const Node& node) {
    if (node.is_scalar()) {
      globs.push_back(node.scalar);
    } else {
      problems.push_back({node.place, "'" + name + "' takes a glob or a list of globs"});
    }
  };
  if (value.is_list()) {
    if (value.items.empty())
      problems.push_back({value.place, "'" + name + "' lists nothing, so nothing would match"});
    for (const Node& item : value.items)
      take(item);
  } else {
    take(value);
  }
  if (!globs.empty()) into.emplace_back(std::move(name), std::move(globs));
}

}  // namespace

GlobFields read_globs(const Node& map, const std::vector<std::string>& allowed, Problems& problems) {
  GlobFields fields;
  if (!map.is_map()) {
    problems.push_back({map.place, "a pattern is a map, say {phase: Succeeded}"});
    return fields;
  }
  for (const auto& [key, value] : map.members) {
    if (std::find(allowed.begin(), allowed.end(), key.scalar) == allowed.end()) {
      const std::string near = nearest(key.scalar, allowed);
      problems.push_back({key.place, "unknown field '" + cut(key.scalar, 60) + "'; " +
                                         (near.empty() ? "known are " + join(allowed, ", ")
                                                       : "did you mean '" + near + "'?")});
    } else if (key.scalar != "metadata") {
      read_field(key.scalar, value, fields, problems);
    } else if (!value.is_map()) {
      problems.push_back({value.place, "'metadata' takes a map, say {environment: production}"});
    } else {
      for (const auto& [name, globs] : value.members)
        read_field("metadata." + name.scalar, globs, fields, problems);
    }
  }
  return fields;
}

}  // namespace postlude::lang
