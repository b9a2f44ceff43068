#include "app/load.h"

#include <algorithm>
#include <tuple>

#include "app/embedded.h"
#include "app/tables.h"
#include "app/teams.h"
#include "base/check.h"
#include "evaluator/child.h"
#include "lang/calendar.h"
#include "lang/expression.h"
#include "lang/yaml.h"

namespace postlude::app {

namespace {

// What else the configuration names: read from the disk, and joined to it.
class Further {
 public:
  Further(Config& config, std::vector<ConfigText>& texts, std::vector<std::string>& read,
          lang::Problems& problems)
      : config_(config), texts_(texts), read_(read), problems_(problems) {}

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

std::optional<Loaded> load_from(const std::vector<std::string>& paths, const connector::Catalogue& catalogue,
                                lang::Problems& problems, std::vector<std::string>& read) {
  const std::size_t before = problems.size();
  auto texts = load_config(paths, problems);
  if (!texts) return std::nullopt;
  static const auto schema = parse_json(embedded("config.schema.json"));
  CHECK(schema.has_value());
  auto config = read_config(*texts, *schema, problems);
  if (!config) return std::nullopt;

  Loaded loaded;
  Further further(*config, *texts, read, problems);
  further.add_folders(*schema);
  loaded.data = std::make_shared<const std::string>(further.tables());
  loaded.calendars = lang::read_calendars(config->calendars, problems);
  config->revision = revision_of(*texts);
  loaded.config = std::move(*config);

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
  input.public_url = loaded.config.server.public_url;
  input.admin_url = loaded.config.server.admin_url;
  input.revision = loaded.config.revision;
  loaded.rules = pipeline::Rules::build(input, catalogue, problems);
  const bool wrong = std::any_of(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(),
                                 [](const lang::Problem& p) { return !p.warning; });
  if (wrong) return std::nullopt;
  return loaded;
}

}  // namespace

std::optional<Loaded> load(const std::vector<std::string>& paths, const connector::Catalogue& catalogue,
                           lang::Problems& problems, std::vector<std::string>* read) {
  std::vector<std::string> depends_on = paths;
  auto loaded = load_from(paths, catalogue, problems, depends_on);
  if (read != nullptr) *read = std::move(depends_on);
  return loaded;
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
                                   std::shared_ptr<const pipeline::Rules> rules, lang::Problems& problems) {
  AWAIT(Status checked, expressions.check(rules->expressions(), problems));
  co_return checked;
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
  for (const lang::Problem& p : problems) {
    out += lang::to_text(p);
    out += '\n';
  }
  return out;
}

}  // namespace postlude::app
