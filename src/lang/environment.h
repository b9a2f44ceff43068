#pragma once
// Environment: plain values of a configuration that stand in variables: `url: {env: JIRA_URL, default: …}`.

#include <functional>
#include <optional>
#include <string>

#include "lang/node.h"

namespace postlude::lang {

// A variable's value; nullopt: it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Puts the variables' values in place of {env: NAME} and {env: NAME, default: V} wherever the schema wants a
// plain value: never where it wants a secret, nor where it is silent, nor below `except` (keys). A value is
// typed as if it had been written there. One that is not set and has no default is a problem: a warning if
// `unset_is_warning`, and then the rest is checked with what the schema gives as an example.
struct EnvironmentOptions {
  bool unset_is_warning = false;
};
void put_environment(Node& root, const json::value& schema, const Environment& environment,
                     EnvironmentOptions options, Problems& problems);

// {env: NAME}, perhaps with `default`.
bool is_environment(const Node& node);

}  // namespace postlude::lang
