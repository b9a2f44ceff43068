#include "app/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "app/teams.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/loopback.h"
#include "base/text.h"
#include "lang/schema.h"
#include "lang/secrets.h"
#include "lang/yaml.h"

namespace postlude::app {

using lang::Node;
using lang::Problems;

namespace {

constexpr std::uint64_t kMemoryMin = 32ULL << 20U;

Node* find_member(Node& map, std::string_view key) {
  for (auto& [name, value] : map.members) {
    if (name.scalar == key) return &value;
  }
  return nullptr;
}

// YAML 1.1 printers turn a workflow's `on` into `true`.
void read_true_as_on(Node& root) {
  Node* workflows = find_member(root, "workflows");
  if (workflows == nullptr) return;
  for (auto& [name, workflow] : workflows->members) {
    if (workflow.find("on") != nullptr) continue;
    for (auto& [key, value] : workflow.members) {
      if (key.plain && key.scalar == "true") key.scalar = "on";
    }
  }
}

void twice(const Node& again, const Node& first, const std::string& within, Problems& problems) {
  problems.push_back({again.place, "'" + again.scalar + "'" + within + " is also in " + first.place.text() +
                                       ": a name may be in only one file of a folder"});
}

// Files of one folder share sections, never a name in them.
void join_files(Node& into, Node file, Problems& problems) {
  for (auto& [key, value] : file.members) {
    auto section = std::find_if(into.members.begin(), into.members.end(),
                                [&name = key.scalar](const auto& m) { return m.first.scalar == name; });
    if (section == into.members.end()) {
      into.members.emplace_back(std::move(key), std::move(value));
      continue;
    }
    if (value.is_null()) continue;
    if (section->second.is_null()) {
      section->second = std::move(value);
      continue;
    }
    if (!section->second.is_map() || !value.is_map()) {
      twice(key, section->first, "", problems);
      into.members.erase(section);  // which of the two is meant nobody knows
      continue;
    }
    for (auto& [name, inner] : value.members) {
      const auto known =
          std::find_if(section->second.members.begin(), section->second.members.end(),
                       [&text = name.scalar](const auto& m) { return m.first.scalar == text; });
      if (known != section->second.members.end()) {
        twice(name, known->first, " in '" + key.scalar + "'", problems);
      } else {
        section->second.members.emplace_back(std::move(name), std::move(inner));
      }
    }
  }
}

// Credentials are one of several kinds: merging two kinds would make neither.
void override_with(Node& base, Node over) {
  for (auto& [key, value] : over.members) {
    Node* known = find_member(base, key.scalar);
    if (known == nullptr) {
      base.members.emplace_back(std::move(key), std::move(value));
    } else if (known->is_map() && value.is_map() && key.scalar != "auth" && !lang::is_environment(*known) &&
               !lang::is_environment(value)) {
      override_with(*known, std::move(value));
    } else {
      *known = std::move(value);
    }
  }
}

struct Read {
  std::size_t text = 0;  // which of them
  Node root;
};

struct ReadTexts {
  std::vector<Read> read;
  bool whole = true;  // each could be read, if not without mistakes
  bool clean = true;  // … and without
};

// Keys that begin with x- are whatever their writer likes: a place for anchors.
void drop_own_keys(Node& root) {
  std::erase_if(root.members, [](const auto& member) { return member.first.scalar.starts_with("x-"); });
}

// Whether a text that could not be read says `file: PATH` of that file, as a table is named.
bool may_name(const ConfigText& broken, const ConfigText& other) {
  const std::string_view text = broken.text;
  const std::string_view name =
      std::string_view(other.path).substr(other.path.rfind('/') + 1);  // npos + 1: all of it
  for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const std::size_t line = text.rfind('\n', at) + 1;
    if (text.substr(line, at - line).find("file") != std::string_view::npos) return true;
  }
  return false;
}

ReadTexts read_texts(const std::vector<ConfigText>& texts, Problems& problems) {
  ReadTexts out;
  std::vector<Read>& read = out.read;
  std::vector<bool> broken(texts.size());
  std::vector<Problems> found(texts.size());
  std::set<std::string> tables;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::optional<Node> root = lang::read_yaml(texts[i].text, texts[i].path, found[i]);
    broken[i] = !root.has_value();
    if (!root || root->is_null()) continue;
    drop_own_keys(*root);
    const Node* data = root->find("data");
    if (data != nullptr) {
      for (const auto& [name, table] : data->members) {
        const std::string_view file = table.text("file");
        if (!file.empty()) tables.insert(path_beside(table.place, file));
      }
    }
    read.push_back({i, std::move(*root)});
  }
  const auto is_table = [&](std::size_t text) {
    if (tables.count(path_beside({}, texts[text].path)) != 0) return true;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (broken[i] && i != text && may_name(texts[i], texts[text])) return true;
    }
    return false;
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (is_table(i)) continue;
    out.whole = out.whole && !broken[i];
    out.clean = out.clean && !any_error(found[i]);
    problems.insert(problems.end(), found[i].begin(), found[i].end());
  }
  std::erase_if(read, [&](const Read& one) { return is_table(one.text); });
  return out;
}

struct Layers {
  std::map<std::size_t, Node> nodes;  // each of the files that came with one --config
  bool whole = true;
  bool clean = true;
};

Layers layers_of(const std::vector<ConfigText>& texts, Problems& problems) {
  ReadTexts read = read_texts(texts, problems);
  Layers layers;
  layers.whole = read.whole;
  layers.clean = read.clean;
  for (Read& one : read.read) {
    if (!one.root.is_map()) {
      problems.push_back({one.root.place, "the configuration is " +
                                              std::string(one.root.is_list() ? "a list" : "text") +
                                              "; expected a map"});
      layers.whole = false;
      continue;
    }
    read_true_as_on(one.root);
    const auto [layer, is_new] = layers.nodes.try_emplace(texts[one.text].layer, one.root);
    if (!is_new) join_files(layer->second, std::move(one.root), problems);
  }
  return layers;
}

// `layers`: also which files are in it.
std::optional<Node> merge(const std::vector<ConfigText>& texts, Problems& problems, Layers& layers) {
  layers = layers_of(texts, problems);
  if (layers.nodes.empty()) {
    if (layers.whole)
      problems.push_back({{texts.empty() ? std::string() : texts[0].path, texts.empty() ? 0 : 1, 1},
                          "the configuration is empty"});
    return std::nullopt;
  }
  Node merged = std::move(layers.nodes.begin()->second);
  for (auto at = std::next(layers.nodes.begin()); at != layers.nodes.end(); ++at)
    override_with(merged, std::move(at->second));
  return merged;
}

// HOST:PORT taken apart. The schema has seen its form.
struct Address {
  std::string host;
  unsigned port = 0;
};
std::optional<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Address address{std::string(text.substr(0, colon)), 0};
  for (const char c : text.substr(colon + 1))
    address.port = address.port * 10 + static_cast<unsigned>(c - '0');
  if (address.port > 65535) return std::nullopt;
  std::array<unsigned char, 16> bytes{};
  if (address.host.starts_with('[')) {
    address.host = address.host.substr(1, address.host.size() - 2);
    if (inet_pton(AF_INET6, address.host.c_str(), bytes.data()) != 1) return std::nullopt;
  } else if (address.host.find_first_not_of("0123456789.") == std::string::npos &&
             inet_pton(AF_INET, address.host.c_str(), bytes.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

bool is_any(const Address& address) {
  return address.host == "0.0.0.0" || address.host == "::";
}

}  // namespace

bool others_reach_admin(const ServerConfig& server) {
  const std::optional<Address> admin = parse_address(server.admin);
  return !admin || !is_loopback(admin->host);
}

namespace {

class ConfigReader {
 public:
  ConfigReader(const Node& root, const Unread& unread, Problems& problems)
      : root_(root), unread_(unread), problems_(problems) {}

  Config read();

 private:
  const Node* section(std::string_view name) const { return root_.find(name); }
  void problem(const Node& node, std::string message) {
    problems_.push_back({node.place, std::move(message)});
  }

  static void text(const Node* map, std::string_view key, std::string& into) {
    const Node* node = map == nullptr ? nullptr : map->find(key);
    if (node != nullptr) into = node->scalar;
  }
  void duration(const Node* map, std::string_view key, Duration least, Duration most, Duration& into);
  void read_server(ServerConfig& server, bool has_token);
  void read_store(StoreConfig& store);
  void read_access(std::vector<TokenConfig>& tokens);
  void read_evaluator(EvaluatorConfig& evaluator);
  void read_log(LogConfig& log);
  void check_sources(const std::vector<std::string>& clusters);
  void check_cluster(const Node& name, const Node& source, const std::vector<std::string>& clusters);

  const Node& root_;
  const Unread& unread_;
  Problems& problems_;
  std::set<std::string> without_proof_;  // sources of which nothing more is to be said
};

void ConfigReader::duration(const Node* map, std::string_view key, Duration least, Duration most,
                            Duration& into) {
  const Node* node = map == nullptr ? nullptr : map->find(key);
  if (node == nullptr) return;
  const auto parsed = parse_duration(node->scalar);
  CHECK(parsed.has_value());  // the schema's format
  into = *parsed;
  if (into < least || into > most) {
    problem(*node, "'" + std::string(key) + "' is '" + node->scalar + "'; expected between " +
                       postlude::to_text(least) + " and " + postlude::to_text(most));
  }
}

void ConfigReader::read_server(ServerConfig& server, bool has_token) {
  const Node* map = section("server");
  if (map == nullptr) return;
  text(map, "listen", server.listen);
  text(map, "admin", server.admin);
  text(map, "publicUrl", server.public_url);
  text(map, "adminUrl", server.admin_url);
  for (std::string* place : {&server.listen, &server.admin}) {
    if (place->starts_with(':')) place->insert(0, "0.0.0.0");
  }
  for (std::string* url : {&server.public_url, &server.admin_url}) {
    while (url->ends_with('/'))
      url->pop_back();
  }
  if (const Node* hosts = map->find("hosts")) {
    for (const Node& host : hosts->items)
      server.hosts.push_back(lower(host.scalar));
  }
  server.metrics_on_listen = map->text("metrics") == "listen";
  duration(map, "idleTimeout", std::chrono::seconds(1), std::chrono::hours(1), server.idle_timeout);

  const auto address = [&](std::string_view key, const std::string& written) {
    std::optional<Address> parsed = parse_address(written);
    if (!parsed) {
      problem(*map->find(key), "'" + std::string(key) + "' is '" + written +
                                   "'; expected an IP address or host name, and a port up to 65535");
    }
    return parsed;
  };
  const std::optional<Address> listen = address("listen", server.listen);
  const std::optional<Address> admin = address("admin", server.admin);
  if (!listen || !admin) return;
  if (listen->port == admin->port && listen->port != 0 &&
      (listen->host == admin->host || is_any(*listen) || is_any(*admin))) {
    const Node* at = map->find("admin") != nullptr ? map->find("admin") : map->find("listen");
    problem(*at, "'listen' is " + server.listen + " and 'admin' is " + server.admin + "; expected two ports");
  } else if (!has_token && !is_loopback(admin->host)) {
    problem(*map->find("admin"), "'admin' is '" + server.admin +
                                     "', which others can reach, and 'access' has no token; "
                                     "add one, or write 127.0.0.1:" +
                                     std::to_string(admin->port));
  }
}

void ConfigReader::read_store(StoreConfig& store) {
  const Node* map = section("store");
  if (map == nullptr) return;
  text(map, "url", store.url);
  if (!store.url.starts_with("sqlite:")) {
    problem(*map->find("url"),
            "a PostgreSQL store is not built yet in this version of Postlude: write sqlite:PATH");
  }
  const std::string path = store.url.substr(std::min(store.url.size(), std::string_view("sqlite:").size()));
  if (path == ":memory:" || path.starts_with("file:"))
    problem(*map->find("url"), "the store must be a file, so that it survives a restart: write sqlite:PATH");
  if (path.find_first_of("?#") != std::string::npos) {
    problem(*map->find("url"),
            "the store's url takes no parameters, and '?' and '#' may not be in its path: write sqlite:PATH");
  }
  const Node* retention = map->find("retention");
  constexpr Duration kLeast = std::chrono::minutes(1);
  constexpr Duration kMost = std::chrono::hours(24 * 3650);
  duration(retention, "deliveries", kLeast, kMost, store.keep_deliveries);
  duration(retention, "runs", kLeast, kMost, store.keep_runs);
}

void ConfigReader::read_access(std::vector<TokenConfig>& tokens) {
  const Node* map = section("access");
  const Node* list = map == nullptr ? nullptr : map->find("tokens");
  if (list == nullptr) return;
  for (const Node& node : list->items) {
    TokenConfig token;
    token.name = node.text("name");
    token.place = node.place;
    token.team = node.text("team");
    if (node.text("role") == "operator") token.role = Role::kOperator;
    if (node.text("role") == "admin") token.role = Role::kAdmin;
    token.secrets = lang::read_secrets(*node.find("secret"), problems_);
    const auto same = std::find_if(tokens.begin(), tokens.end(),
                                   [&](const TokenConfig& t) { return t.name == token.name; });
    if (same != tokens.end()) {
      problem(*node.find("name"),
              "two tokens are named '" + token.name + "'; the first is in " + same->place.text());
    }
    tokens.push_back(std::move(token));
  }
}

void ConfigReader::read_evaluator(EvaluatorConfig& evaluator) {
  const Node* map = section("evaluator");
  duration(map, "time", std::chrono::milliseconds(1), std::chrono::minutes(1), evaluator.time);
  const Node* memory = map == nullptr ? nullptr : map->find("memory");
  if (memory == nullptr) return;
  const auto parsed = parse_size(memory->scalar);
  CHECK(parsed.has_value());  // the schema's format
  evaluator.memory_bytes = *parsed;
  if (evaluator.memory_bytes < kMemoryMin)
    problem(*memory, "'memory' is '" + memory->scalar + "'; expected at least 32MiB");
}

void ConfigReader::read_log(LogConfig& log) {
  const Node* map = section("log");
  if (map == nullptr) return;
  if (map->text("format") == "json") log.format = log::Format::kJson;
  const std::string_view level = map->text("level");
  if (level == "debug") log.level = log::Level::kDebug;
  if (level == "warn") log.level = log::Level::kWarn;
  if (level == "error") log.level = log::Level::kError;
}

void ConfigReader::check_cluster(const Node& name, const Node& source,
                                 const std::vector<std::string>& clusters) {
  if (std::find(clusters.begin(), clusters.end(), name.scalar) != clusters.end()) return;
  if (unread_.contains("clusters/" + name.scalar) || unread_.contains("clusters/*")) return;
  const std::string near = nearest(name.scalar, clusters);
  problem(name,
          "the source '" + source.scalar + "' names the cluster '" + name.scalar +
              "', which 'clusters' does not have; " +
              (near.empty() ? "add it there: " + name.scalar + ": {}" : "did you mean '" + near + "'?"));
}

void ConfigReader::check_sources(const std::vector<std::string>& clusters) {
  const Node* sources = section("sources");
  if (sources == nullptr) return;
  for (const auto& [name, source] : sources->members) {
    const Node* one = source.find("cluster");
    const Node* many = source.find("clusters");
    if (one != nullptr && many != nullptr) {
      problem(*one, "the source '" + name.scalar + "' has both 'cluster' and 'clusters': keep one");
      continue;
    }
    if (one != nullptr) check_cluster(*one, name, clusters);
    bool all_have_proof = many != nullptr && !many->members.empty();
    if (many != nullptr) {
      for (const auto& [cluster, more] : many->members) {
        check_cluster(cluster, name, clusters);
        if (more.find("auth") == nullptr) all_have_proof = false;
      }
    }
    const bool unread = unread_.contains("sources/" + name.scalar + "/auth") ||
                        unread_.contains("sources/" + name.scalar + "/clusters");
    if (source.find("auth") != nullptr || all_have_proof) continue;
    without_proof_.insert(name.scalar);
    if (!unread)
      problem(name, "the source '" + name.scalar + "' needs 'auth': a proof, a list of proofs, or none");
  }
}

Config ConfigReader::read() {
  Config config;
  config.unread = unread_;
  if (const Node* connectors = section("connectors")) config.connectors = *connectors;
  read_access(config.tokens);
  const bool unread = unread_.contains("access/*") || unread_.contains("access/tokens");
  read_server(config.server, !config.tokens.empty() || unread);
  read_store(config.store);
  read_evaluator(config.evaluator);
  read_log(config.log);
  if (const Node* clusters = section("clusters")) {
    for (const auto& [name, cluster] : clusters->members)
      config.clusters.push_back(name.scalar);
  }
  check_sources(config.clusters);
  for (const auto& [name, into] :
       {std::pair{"sources", &config.sources}, std::pair{"targets", &config.targets},
        std::pair{"workflows", &config.workflows}, std::pair{"calendars", &config.calendars},
        std::pair{"data", &config.data}}) {
    const Node* map = section(name);
    if (map != nullptr) *into = *map;
    into->kind = Node::Kind::kMap;
  }
  for (const std::string& name : without_proof_) {
    std::erase_if(config.sources.members, [&](const auto& member) { return member.first.scalar == name; });
    config.unread.insert("sources/" + name);
  }
  read_teams(section("teams"), config, problems_);
  return config;
}

}  // namespace

std::optional<Config> read_config(const std::vector<ConfigText>& texts, const json::value& schema,
                                  Problems& problems, const lang::Environment& environment) {
  auto config = read_parts(texts, schema, environment, {}, problems);
  if (any_error(problems)) return std::nullopt;
  return config;
}

std::optional<Config> read_parts(const std::vector<ConfigText>& texts, const json::value& schema,
                                 const lang::Environment& environment, lang::EnvironmentOptions options,
                                 Problems& problems) {
  Layers layers;
  std::optional<Node> root = merge(texts, problems, layers);
  if (!root) return std::nullopt;
  lang::put_environment(*root, schema, environment, options, problems);
  Unread unread;
  // Others may refer to parts of a file that could not be read, so nothing more is reported then.
  if (!take_valid(*root, schema, layers.clean, unread, problems) || !layers.whole) return std::nullopt;
  Config config = ConfigReader(*root, unread, problems).read();
  config.revision = revision_of(texts);
  return config;
}

std::optional<Node> join_texts(const std::vector<ConfigText>& texts, Problems& problems) {
  Layers layers = layers_of(texts, problems);
  if (!layers.whole) return std::nullopt;
  return layers.nodes.empty() ? Node() : std::move(layers.nodes.begin()->second);
}

std::string revision_of(const std::vector<ConfigText>& texts) {
  std::string all;
  for (const ConfigText& text : texts) {
    all += std::to_string(text.layer) + ":" + std::to_string(text.text.size()) + ":" + text.text;
  }
  return to_hex(sha256(all));
}

}  // namespace postlude::app
