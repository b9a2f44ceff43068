#pragma once
// Config: what an operator wrote (contract 6), read whole or refused whole. Pure, but for load_config.
//
//   auto texts = load_config({"postlude.yaml", "local/"}, problems);
//   auto config = texts ? read_config(*texts, schema, problems) : std::nullopt;
//   intake, connector and engine then read config->sources, ->targets, ->workflows
//
// load.h does all of it, with the files that the configuration names: teams' folders and tables.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/parts.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/time.h"
#include "engine/team.h"
#include "lang/environment.h"
#include "lang/node.h"

namespace postlude::app {

struct ServerConfig {
  std::string listen = "0.0.0.0:8080";   // hooks, callbacks, links
  std::string admin = "127.0.0.1:8081";  // API, UI, metrics; a loopback address unless there is a token
  std::string public_url;                // as senders see `listen`; "" unknown; no slash at its end
  std::string admin_url;                 // as people see `admin`; "" unknown; no slash at its end
  std::vector<std::string> hosts;        // by which Canaries call us
  bool metrics_on_listen = false;        // /metrics on both listeners
  Duration idle_timeout = std::chrono::seconds(20);  // of a connection between two requests
};

// The API's listener is not on a loopback address.
bool others_reach_admin(const ServerConfig& server);

struct StoreConfig {
  std::string url = "sqlite:postlude.db";
  Duration keep_deliveries = std::chrono::hours(24 * 30);
  Duration keep_runs = std::chrono::hours(24 * 180);
};

enum class Role : std::uint8_t { kViewer = 1, kOperator, kAdmin };
std::string_view to_text(Role role);

struct Token {
  std::string name;
  Role role = Role::kViewer;
  std::string team;                // "": sees all; else what happens in this team's namespaces
  std::vector<SecretRef> secrets;  // any one of them is accepted
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
  std::vector<Token> tokens;
  std::vector<std::string> clusters;  // names
  EvaluatorConfig evaluator;
  LogConfig log;
  // Maps by name, checked against the schema; empty maps where nothing was written.
  lang::Node sources;
  lang::Node targets;
  lang::Node workflows;  // those of the teams' folders as well, once they are read
  lang::Node calendars;
  lang::Node data;  // name -> {file}
  std::vector<engine::Team> teams;
  std::vector<std::pair<std::string, lang::Node>> team_folders;  // team -> the path as it was written
  std::optional<lang::Node> connectors;                          // a folder, as it was written
  Unread unread;                                                 // empty, but in what read_parts() made
  std::string revision;                                          // hex sha256 of the texts
};

// One file. Those of one `layer` came from one --config: in them a name must not stand twice. A later layer
// overrides an earlier one: maps are merged, lists, scalars and `auth` replaced.
struct ConfigText {
  std::string path;  // as messages name it
  std::string text;
  std::size_t layer = 0;
};

// nullopt exactly if `problems` has an error. `schema` is config.schema.json. A text that the others name as
// a table (`data`) is no configuration, though it lies beside them.
std::optional<Config> read_config(const std::vector<ConfigText>& texts, const json::value& schema,
                                  lang::Problems& problems, const lang::Environment& environment = {});

// The same, whatever is wrong: what could be read, for `check`, which goes on to find more. nullopt: nothing.
// `environment` answers for {env: NAME}.
std::optional<Config> read_parts(const std::vector<ConfigText>& texts, const json::value& schema,
                                 const lang::Environment& environment, lang::EnvironmentOptions options,
                                 lang::Problems& problems);

// One folder's files, read as one map: YAML, joined, without a look at any schema. nullopt where `problems`
// got an error; a null node where all of them are empty.
std::optional<lang::Node> join_texts(const std::vector<ConfigText>& texts, lang::Problems& problems);

std::string revision_of(const std::vector<ConfigText>& texts);

// `path` as the file of `place` means it: beside itself, unless it is absolute.
std::string path_beside(const lang::Place& place, std::string_view path);

// Reads files and folders; each path is a layer. Of a folder: its .yaml and .yml files by name, without those
// that begin with a dot (a mounted ConfigMap's own) and without *.test.yaml; no folders within it.
std::optional<std::vector<ConfigText>> load_config(const std::vector<std::string>& paths,
                                                   lang::Problems& problems);

// A whole file, up to one byte more than `most`. kInvalid says why it cannot be read.
Result<std::string> read_file(const std::string& path, std::size_t most);

// The files of a folder that are configuration, by name. kInvalid says why it cannot be read.
Result<std::vector<std::string>> files_of(const std::string& folder);

}  // namespace postlude::app
