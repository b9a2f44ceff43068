#include "app/load.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "app/embedded.h"
#include "app/examine.h"
#include "app/tables.h"
#include "app/teams.h"
#include "base/check.h"
#include "evaluator/child.h"
#include "lang/calendar.h"
#include "lang/expression.h"
#include "lang/yaml.h"
#include "pipeline/constants.h"

namespace postlude::app {

namespace {

// Reads the files that the configuration names, and adds them to it.
class ReferencedFiles {
 public:
  ReferencedFiles(Config& config, std::vector<ConfigText>& texts, std::vector<std::string>& read,
                  lang::Problems& problems)
      : config_(config), texts_(texts), read_(read), problems_(problems) {}

  // `given` takes the place of the configuration's own folder of connectors. Its texts count for the
  // revision.
  std::shared_ptr<const connector::Catalogue> catalogue(const std::string& given) {
    auto out = std::make_shared<connector::Catalogue>(connector::Catalogue::built_in());
    std::string folder = given;
    lang::Place place;
    if (folder.empty() && config_.connectors) {
      place = config_.connectors->place;
      folder = path_beside(place, config_.connectors->scalar);
    }
    if (folder.empty()) return out;
    read_.push_back(folder);
    lang::Problems own;
    const auto texts = load_config({folder}, own);
    for (lang::Problem& problem : own) {
      const bool here = problem.place.line == 0 && place.line > 0;  // the folder itself
      problems_.push_back({here ? place : problem.place,
                           (here ? "the folder of connectors '" + folder + "': " : "") + problem.message});
    }
    const std::size_t before = problems_.size();
    for (const ConfigText& text : texts ? *texts : std::vector<ConfigText>()) {
      out->add(text.text, text.path, problems_);
      texts_.push_back(text);
    }
    // An invalid file may have defined the missing names, so these are not reported.
    const bool wrong = std::any_of(problems_.begin() + static_cast<std::ptrdiff_t>(before), problems_.end(),
                                   [](const lang::Problem& p) { return !p.warning; });
    if (!texts || wrong) config_.unread.insert("connectors/*");
    return out;
  }

  void add_folders(const json::value& schema) {
    for (const auto& [name, written] : config_.team_folders) {
      const std::string folder = path_beside(written.place, written.scalar);
      read_.push_back(folder);
      const auto files = files_of(folder);
      if (!files) {
        std::string message = "the folder '" + folder;
        message += "' of the team '" + name + "': " + files.error().message;
        problems_.push_back({written.place, std::move(message)});
        continue;
      }
      std::vector<ConfigText> own;
      for (const std::string& file : *files) {
        if (auto text = read_text(file, {file, 0, 0}, lang::kYamlBytesMax)) own.push_back(std::move(*text));
      }
      const auto team = std::find_if(config_.teams.begin(), config_.teams.end(),
                                     [&n = name](const engine::Team& t) { return t.name == n; });
      CHECK(team != config_.teams.end());
      add_team_workflows(*team, own, schema, config_, problems_);
    }
  }

  std::string tables() {
    json::object tables;
    for (const auto& [name, node] : config_.data.members) {
      const lang::Node& file = *node.find("file");
      const std::string path = path_beside(file.place, file.scalar);
      read_.push_back(path);
      const auto text = read_text(path, file.place, kTablesMax);
      if (!text) continue;
      add_table(name, *text, tables, problems_);
    }
    std::string text = postlude::to_text(tables);
    if (text.size() > kTablesMax)
      problems_.push_back({config_.data.place, "the tables of 'data' are longer than 4 MiB together"});
    return text;
  }

 private:
  std::optional<ConfigText> read_text(const std::string& path, const lang::Place& place, std::size_t most) {
    auto text = read_file(path, most);
    if (!text) {
      problems_.push_back({place, (place.file == path ? "" : "'" + path + "' ") + text.error().message});
      return std::nullopt;
    }
    texts_.push_back({path, std::move(*text), 0});
    return texts_.back();
  }

  Config& config_;
  std::vector<ConfigText>& texts_;
  std::vector<std::string>& read_;
  lang::Problems& problems_;
};

std::optional<std::string> environment_value(const std::string& name) {
  // nothing in this process changes the environment
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

// `http_proxy` and `HTTP_PROXY` are one; the first that says something counts.
std::string of_either_case(const std::string& name) {
  std::string upper = name;
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  for (const std::string& one : {name, upper}) {
    if (auto value = environment_value(one); value && !value->empty()) return *value;
  }
  return "";
}

std::shared_ptr<const connector::Proxies> proxies_of_environment() {
  connector::Proxies proxies;
  proxies.http = connector::proxy_url(of_either_case("http_proxy"));
  proxies.https = connector::proxy_url(of_either_case("https_proxy"));
  proxies.none = of_either_case("no_proxy");
  if (proxies.http.empty() && proxies.https.empty()) return nullptr;
  // The API of the cluster that this runs in.
  if (const std::string host = of_either_case("kubernetes_service_host"); !host.empty())
    proxies.none += "," + host;
  return std::make_shared<const connector::Proxies>(std::move(proxies));
}

pipeline::RulesInput input_of(const Loaded& loaded) {
  pipeline::RulesInput input;
  input.sources = &loaded.config.sources;
  input.targets = &loaded.config.targets;
  input.workflows = &loaded.config.workflows;
  input.clusters = loaded.config.clusters;
  input.teams = loaded.config.teams;
  input.calendars = loaded.calendars;
  input.data = loaded.data;
  input.public_url = loaded.config.server.public_url;
  input.admin_url = loaded.config.server.admin_url;
  input.revision = loaded.config.revision;
  input.unread = loaded.config.unread;
  // A cluster that is not declared is already reported.
  for (const auto& [name, source] : loaded.config.sources.members) {
    if (const lang::Node* one = source.find("cluster")) input.clusters.push_back(one->scalar);
    const lang::Node* many = source.find("clusters");
    for (std::size_t i = 0; many != nullptr && i < many->members.size(); ++i)
      input.clusters.push_back(many->members[i].first.scalar);
  }
  // The errors of a calendar are already reported; do not report it as missing.
  for (const auto& [name, calendar] : loaded.config.calendars.members)
    input.unread.insert("calendars/" + name.scalar);
  input.proxies = proxies_of_environment();
  return input;
}

std::optional<Loaded> load_from(const std::vector<std::string>& paths, const std::string& connectors,
                                Purpose purpose, lang::Problems& problems, std::vector<std::string>& read,
                                std::set<std::string>& spoken_of) {
  auto texts = load_config(paths, problems);
  if (!texts) return std::nullopt;
  static const auto kSchema = parse_json(embedded("config.schema.json"));
  CHECK(kSchema.has_value());
  lang::EnvironmentOptions options;
  options.unset_is_warning = purpose == Purpose::kCheck;
  auto config = read_parts(*texts, *kSchema, environment_value, options, problems);
  if (!config) return std::nullopt;

  Loaded loaded;
  ReferencedFiles referenced(*config, *texts, read, problems);
  auto catalogue = referenced.catalogue(connectors);
  referenced.add_folders(*kSchema);
  loaded.data = std::make_shared<const std::string>(referenced.tables());
  loaded.calendars = lang::read_calendars(config->calendars, problems);
  config->revision = revision_of(*texts);
  loaded.config = std::move(*config);

  loaded.rules = pipeline::Rules::read(input_of(loaded), std::move(catalogue), problems);
  examine(*loaded.rules, loaded.config, problems, spoken_of);
  return loaded;
}

}  // namespace

std::optional<Loaded> load(const std::vector<std::string>& paths, const std::string& connectors,
                           lang::Problems& problems, std::vector<std::string>* read, Purpose purpose) {
  std::vector<std::string> depends_on = paths;
  std::set<std::string> spoken_of;
  lang::Problems own;
  auto loaded = load_from(paths, connectors, purpose, own, depends_on, spoken_of);
  if (any_error(own)) loaded.reset();
  problems.insert(problems.end(), own.begin(), own.end());
  if (read != nullptr) *read = std::move(depends_on);
  return loaded;
}

std::optional<Loaded> load_in_part(const std::vector<std::string>& paths, const std::string& connectors,
                                   lang::Problems& problems, std::set<std::string>& spoken_of) {
  std::vector<std::string> depends_on;
  return load_from(paths, connectors, Purpose::kCheck, problems, depends_on, spoken_of);
}

connector::Catalogue catalogue_with(const std::string& folder, lang::Problems& problems) {
  connector::Catalogue catalogue = connector::Catalogue::built_in();
  if (folder.empty()) return catalogue;
  const auto texts = load_config({folder}, problems);
  if (!texts) return catalogue;
  for (const ConfigText& text : *texts)
    catalogue.add(text.text, text.path, problems);
  return catalogue;
}

rt::Task<Status> check_expressions(pipeline::Expressions& expressions,
                                   std::shared_ptr<const pipeline::Rules> rules, lang::Problems& problems,
                                   std::set<std::string> spoken_of) {
  std::vector<lang::Expression> asked = rules->expressions();
  std::erase_if(asked, [&](const lang::Expression& e) { return spoken_of.contains(e.text); });
  AWAIT_TRY([[maybe_unused]] const Done compiled, expressions.check(asked, problems));
  std::set<std::string> wrong;
  for (const lang::Problem& problem : problems) {
    if (!problem.warning) wrong.insert(problem.place.text());
  }
  std::erase_if(asked, [&](const lang::Expression& e) { return wrong.contains(e.place.text()); });
  AWAIT(Status constants,
        pipeline::check_constants(expressions, std::move(rules), std::move(asked), problems));
  co_return constants;
}

void log_proxies(const pipeline::Rules& rules) {
  const connector::Masker masker;  // hides a URL's user and password
  const connector::Proxies* environment = nullptr;
  for (const connector::Target& target : rules.targets()) {
    environment = target.proxies.get();
    if (!target.proxy.empty())
      log::info("a target has a proxy", {{"target", target.name}, {"proxy", masker.mask(target.proxy)}});
  }
  if (environment == nullptr) return;
  log::info("requests use the proxy of the environment", {{"http_proxy", masker.mask(environment->http)},
                                                          {"https_proxy", masker.mask(environment->https)},
                                                          {"no_proxy", environment->none}});
}

evaluator::Options evaluator_options(const EvaluatorConfig& config) {
  evaluator::Options options;
  options.time = config.time;
  // By the clock on the wall, of a child that may have to share its processor.
  options.standstill = std::max(options.standstill, 4 * config.time);
  options.memory_bytes = config.memory_bytes;
  options.command = {"/proc/self/exe", std::string(evaluator::kChildWord)};
  options.prelude = lang::prelude();
  return options;
}

std::string report(lang::Problems problems) {
  const auto place = [](const lang::Problem& p) {
    return std::tie(p.place.file, p.place.line, p.place.column);
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const lang::Problem& a, const lang::Problem& b) { return place(a) < place(b); });
  std::string out;
  std::string last;
  for (const lang::Problem& p : problems) {
    std::string line = lang::to_text(p) + "\n";
    if (line == last) continue;  // an alias is the same mistake in the same place
    out += line;
    last = std::move(line);
  }
  return out;
}

}  // namespace postlude::app
