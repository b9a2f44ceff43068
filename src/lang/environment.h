#pragma once
// Environment: replaces plain values by variables of the environment: `url: {env: JIRA_URL, default: …}`.

#include <functional>
#include <optional>
#include <string>

#include "lang/node.h"

namespace postlude::lang {

// The value of a variable; nullopt: it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Replaces {env: NAME} and {env: NAME, default: V} by the variable's value wherever the schema expects a
// plain value; not where it expects a secret, not where the schema is silent, and not below the keys in
// `except`. The value is typed as if it were written there. A variable that is not set and has no default is
// a problem. With `unset_is_warning` it is a warning, and the schema's example takes its place, so that the
// rest can be checked.
struct EnvironmentOptions {
  bool unset_is_warning = false;
};
void put_environment(Node& root, const json::value& schema, const Environment& environment,
                     EnvironmentOptions options, Problems& problems);

// Whether it is {env: NAME}, with or without `default`.
bool is_environment(const Node& node);

}  // namespace postlude::lang
