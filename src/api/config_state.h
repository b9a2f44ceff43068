#pragma once
// ConfigState: the configuration in force, and the errors of the one that was refused last: the content of
// GET /api/v1/config. The reader of configurations maintains it.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace postlude::api {

struct ConfigState {
  std::string revision;  // in force
  Instant loaded_at;
  std::vector<std::string> files;          // the files and folders that it was read from
  std::vector<std::string> warnings;       // file:line:column: message
  std::vector<std::string> needs_restart;  // keys whose new values take effect at a restart

  struct Refused {
    Instant at;
    std::vector<std::string> problems;  // file:line:column: message
  };
  std::optional<Refused> refused;  // newer than the one in force
};

json::object view_of(const ConfigState& state);

}  // namespace postlude::api
