#pragma once
// ConfigState: which configuration is in force, and what was wrong with the one that was refused last: what
// GET /api/v1/config shows. Whoever reads configurations keeps it.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace postlude::api {

struct ConfigState {
  std::string revision;  // in force
  Instant loaded_at;
  std::vector<std::string> files;          // what it was read from: files and folders
  std::vector<std::string> warnings;       // file:line:column: what
  std::vector<std::string> needs_restart;  // keys whose new values wait for a restart

  struct Refused {
    Instant at;
    std::vector<std::string> problems;  // file:line:column: what
  };
  std::optional<Refused> refused;  // newer than what is in force
};

json::object view_of(const ConfigState& state);

}  // namespace postlude::api
