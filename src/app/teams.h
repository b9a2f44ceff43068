#pragma once
// Teams: reads `teams` of the configuration, and adds the workflows of their folders to the others.

#include "app/config.h"

namespace postlude::app {

// `teams` must have passed the schema; nullptr: there is none. `config` must already have its tokens, targets
// and workflows; checks them against the teams.
void read_teams(const lang::Node* teams, Config& config, lang::Problems& problems);

// Adds the workflows of a team's folder to `config`. They run on this team's events only, and may use this
// team's targets only. `schema` is config.schema.json.
void add_team_workflows(const engine::Team& team, const std::vector<ConfigText>& texts,
                        const json::value& schema, Config& config, lang::Problems& problems);

}  // namespace postlude::app
