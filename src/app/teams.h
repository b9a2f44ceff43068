#pragma once
// Teams: reads `teams` of the configuration, and joins the workflows of their folders to the others.

#include "app/config.h"

namespace postlude::app {

// `teams` has passed the schema; nullptr: there is none. What `config` says of tokens, targets and workflows
// is there already, and is checked against the teams.
void read_teams(const lang::Node* teams, Config& config, lang::Problems& problems);

// What was read of one team's folder. Each of its workflows becomes one of `config`, on this team's events
// only; it may use this team's targets only. `schema` is config.schema.json.
void add_team_workflows(const engine::Team& team, const std::vector<ConfigText>& texts,
                        const json::value& schema, Config& config, lang::Problems& problems);

}  // namespace postlude::app
