#pragma once
// Config: an operator's configuration (contract 6): read whole, or refused whole. Pure, except load_config.
//
//   auto texts = load_config({"postlude.yaml", "local/"}, problems);
//   auto config = texts ? read_config(*texts, schema, problems) : std::nullopt;
//   intake, connector and engine then read config->sources, ->targets, ->workflows
//
// load.h does all of this, and reads the files that the configuration names: teams' folders and tables.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/access.h"
#include "app/parts.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/time.h"
#include "engine/team.h"
#include "lang/environment.h"
#include "lang/node.h"

namespace postlude::app {

struct ServerConfig {
  std::string listen = "0.0.0.0:8080";   // for hooks, callbacks, links
  std::string admin = "127.0.0.1:8081";  // for API, UI, metrics; a loopback address unless there is a token
  std::string public_url;                // URL of `listen` for senders; "": unknown; no final slash
  std::string admin_url;                 // URL of `admin` for people; "": unknown; no final slash
  std::vector<std::string> hosts;        // names under which Canaries call us
  bool metrics_on_listen = false;        // /metrics on both listeners
  Duration idle_timeout = std::chrono::seconds(20);  // of a connection between two requests
};

// Whether the API listens on an address that is not loopback.
bool others_reach_admin(const ServerConfig& server);

struct StoreConfig {
  std::string url = "sqlite:postlude.db";
  Duration keep_deliveries = std::chrono::hours(24 * 30);
  Duration keep_runs = std::chrono::hours(24 * 180);
};

using api::Role;

struct TokenConfig {
  std::string name;
  Role role = Role::kViewer;
  std::string team;                // "": may see everything; else only this team's namespaces
  std::vector<SecretRef> secrets;  // any of them is accepted
  lang::Place place;
};

struct EvaluatorConfig {
  Duration time = std::chrono::milliseconds(250);  // CPU time of one expression
  std::uint64_t memory_bytes = 256ULL << 20U;
};

struct LogConfig {
  log::Format format = log::Format::kLogfmt;
  log::Level level = log::Level::kInfo;
};

struct Config {
  ServerConfig server;
  StoreConfig store;
  std::vector<TokenConfig> tokens;
  std::vector<std::string> clusters;  // names
  EvaluatorConfig evaluator;
  LogConfig log;
  // Maps by name, already checked against the schema; empty if nothing was written.
  lang::Node sources;
  lang::Node targets;
  lang::Node workflows;  // includes those of the teams' folders, once they are read
  lang::Node calendars;
  lang::Node data;  // name -> {file}
  std::vector<engine::Team> teams;
  std::vector<std::pair<std::string, lang::Node>> team_folders;  // team -> the path as written
  std::optional<lang::Node> connectors;                          // a folder, as written
  Unread unread;                                                 // only read_parts() fills it
  std::string revision;                                          // hex sha256 of the texts
};

// One file. Files of one `layer` came from one --config; within a layer a name may not repeat. A later layer
// overrides an earlier one: maps are merged; lists, scalars and `auth` are replaced.
struct ConfigText {
  std::string path;  // for messages
  std::string text;
  std::size_t layer = 0;
};

// nullopt exactly if `problems` has an error. `schema` is config.schema.json. Skips a text that other texts
// name as a table (`data`), even if it is in the same folder.
std::optional<Config> read_config(const std::vector<ConfigText>& texts, const json::value& schema,
                                  lang::Problems& problems, const lang::Environment& environment = {});

// As read_config(), but returns what could be read despite errors, so that `check` can find more. nullopt:
// nothing could be read. `environment` gives the values for {env: NAME}.
std::optional<Config> read_parts(const std::vector<ConfigText>& texts, const json::value& schema,
                                 const lang::Environment& environment, lang::EnvironmentOptions options,
                                 lang::Problems& problems);

// Reads the files of one folder as one map of YAML, without checking a schema. nullopt if it added an error
// to `problems`; a null node if all files are empty.
std::optional<lang::Node> join_texts(const std::vector<ConfigText>& texts, lang::Problems& problems);

std::string revision_of(const std::vector<ConfigText>& texts);

// Resolves `path` as the file of `place` means it: relative to that file's folder, unless absolute.
std::string path_beside(const lang::Place& place, std::string_view path);

// Reads files and folders; each path is a layer. Of a folder it reads the .yaml and .yml files in order of
// their names, except those that begin with a dot (internal to a mounted ConfigMap) and *.test.yaml; no
// subfolders.
std::optional<std::vector<ConfigText>> load_config(const std::vector<std::string>& paths,
                                                   lang::Problems& problems);

// Reads a file, up to `most` bytes and one more. kInvalid: it cannot be read, and why.
Result<std::string> read_file(const std::string& path, std::size_t most);

// The configuration files in a folder, sorted by name. kInvalid: it cannot be read, and why.
Result<std::vector<std::string>> files_of(const std::string& folder);

}  // namespace postlude::app
