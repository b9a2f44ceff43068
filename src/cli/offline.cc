// Commands that need no daemon.

#include <cstdio>
#include <set>

#include "app/embedded.h"
#include "app/load.h"
#include "app/secrets.h"
#include "base/check.h"
#include "base/text.h"
#include "cli/commands.h"
#include "connector/written.h"
#include "kube/credentials.h"
#include "lang/schema_for_editors.h"
#include "pipeline/edges.h"
#include "rt/group.h"

namespace postlude::cli {

namespace {

rt::Task<> ask_jq(rt::Loop& loop, evaluator::Evaluator& evaluator, pipeline::Expressions& expressions,
                  std::shared_ptr<const pipeline::Rules> rules, std::set<std::string> spoken_of,
                  lang::Problems& problems) {
  AWAIT(const Status checked,
        app::check_expressions(expressions, std::move(rules), problems, std::move(spoken_of)));
  if (!checked) problems.push_back({{}, "the expressions could not be checked: " + checked.error().message});
  AWAIT_DONE(evaluator.stop());
  loop.stop();
}

void check_with_jq(const app::Loaded& loaded, std::set<std::string> spoken_of, lang::Problems& problems) {
  rt::Loop loop;
  evaluator::Evaluator evaluator(loop, app::evaluator_options(loaded.config.evaluator));
  pipeline::Expressions expressions(evaluator);
  rt::Group group(loop, "check");
  group.start(ask_jq(loop, evaluator, expressions, loaded.rules, std::move(spoken_of), problems));
  loop.run();
  group.abandon();
}

lang::Place place_of(const lang::Node& map, std::string_view name) {
  for (const auto& [key, value] : map.members) {
    if (key.scalar == name) return key.place;
  }
  return {};
}

void check_secrets(const app::Loaded& loaded, lang::Problems& problems) {
  const SecretLookup lookup = app::secret_lookup();
  const auto look = [&](const SecretRef& ref, const lang::Place& place, const std::string& whose) {
    const auto found = lookup(ref);
    if (!found) {
      problems.push_back({place, whose + ": " + found.error().message});
    } else if (found->size() < connector::Masker::kMaskedMin) {
      problems.push_back(
          {place, whose + ": the secret in " + to_text(ref) + " is too short for a secret, and is not masked",
           true});
    }
  };
  const kube::Surroundings around = app::surroundings();
  for (const connector::Target& target : loaded.rules->targets()) {
    for (const SecretRef& ref : target.auth.sign)
      look(ref, target.place, "target '" + target.name + "'");
    if (connector::of_cluster(target.auth)) {
      const Status read = kube::look_at(pipeline::cluster_of(target.auth), around);
      if (!read) problems.push_back({target.place, "target '" + target.name + "': " + read.error().message});
    }
    for (const SecretRef& ref : target.auth.secrets) {
      look(ref, target.place, "target '" + target.name + "'");
      const auto found = target.auth.kind == connector::Auth::Kind::kUrl ? lookup(ref) : std::string();
      if (target.auth.kind != connector::Auth::Kind::kUrl || !found) continue;
      const auto url = connector::secret_url(target, *found);
      if (!url) problems.push_back({target.place, url.error().message});
    }
  }
  for (const auto& source : loaded.rules->sources().list()) {
    for (const SecretRef& ref : source->secrets())
      look(ref, place_of(loaded.config.sources, source->name()), "source '" + source->name() + "'");
  }
  for (const app::TokenConfig& token : loaded.config.tokens) {
    for (const SecretRef& ref : token.secrets)
      look(ref, token.place, "token '" + token.name + "'");
  }
}

std::optional<connector::Catalogue> catalogue_or_complain(const std::string& folder) {
  lang::Problems problems;
  auto catalogue = app::catalogue_with(folder, problems);
  if (!lang::any_error(problems)) return catalogue;
  std::fputs(app::report(std::move(problems)).c_str(), stderr);
  return std::nullopt;
}

void print(Output output, const json::value& value, const std::string& table) {
  const std::string text = output == Output::kJson   ? to_pretty(value) + "\n"
                           : output == Output::kYaml ? yaml_of(value)
                                                     : table;
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

int check(const std::vector<std::string>& paths, const std::string& connectors, bool secrets) {
  lang::Problems problems;
  std::set<std::string> spoken_of;
  const auto loaded = app::load_in_part(paths, connectors, problems, spoken_of);
  if (loaded) {
    check_with_jq(*loaded, std::move(spoken_of), problems);
    if (secrets) check_secrets(*loaded, problems);
  }
  const bool wrong = !loaded || lang::any_error(problems);
  const std::string text = app::report(std::move(problems));
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (wrong) return kFoundWrong;
  std::printf("ok: %zu sources, %zu targets, %zu workflows\n", loaded->rules->sources().list().size(),
              loaded->config.targets.members.size(), loaded->rules->workflows().size());
  return kFine;
}

int schema(const std::string& kind) {
  std::string_view text;
  if (kind == "config") text = app::embedded("config.schema.json");
  if (kind == "test") text = app::embedded("test.schema.json");
  if (kind == "connector") text = connector::connector_schema();
  if (text.empty()) {
    std::fprintf(stderr, "unknown schema '%s'; use config, test or connector\n", kind.c_str());
    return kUsedWrongly;
  }
  const auto parsed = parse_json(text);
  CHECK(parsed);
  const std::string shown = to_pretty(lang::for_editors(*parsed)) + "\n";
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  return kFine;
}

int connectors_list(const std::string& connectors, Output output) {
  const auto catalogue = catalogue_or_complain(connectors);
  if (!catalogue) return kFoundWrong;
  json::array items;
  std::vector<std::vector<std::string>> rows;
  for (const std::string& name : catalogue->names()) {
    const connector::Connector* found = catalogue->find(name);
    std::vector<std::string> actions;
    if (const connector::Written* written = connector::written(name)) actions = written->action_names();
    for (const auto& action : found->actions())
      actions.push_back(action->name());
    const std::string& summary = found->summary();
    items.push_back(json::object{
        {"name", name}, {"summary", summary}, {"actions", json::array(actions.begin(), actions.end())}});
    rows.push_back({name, join(actions, " "), summary});
  }
  print(output, json::object{{"items", items}, {"next", nullptr}},
        table_of({"NAME", "ACTIONS", "SUMMARY"}, rows));
  return kFine;
}

namespace {

json::value view_of(const connector::Waiting* waiting) {
  if (waiting == nullptr) return nullptr;
  json::object view{{"every", to_text(waiting->every())}, {"until", waiting->asks()[0].text}};
  view["success"] = waiting->may_fail() ? json::value(waiting->asks()[1].text) : json::value(nullptr);
  return view;
}

json::value view_of(const connector::WrittenAction& action, const std::string& connector, std::string& text) {
  json::object properties;
  text += "\n" + connector + "/" + std::string(action.name) + "\n  " + std::string(action.summary) + "\n";
  for (const connector::WrittenInput& input : action.inputs) {
    json::object one{{"type", input.type}, {"description", input.what}};
    if (!input.otherwise.empty()) one["default"] = input.otherwise;
    properties[input.name] = std::move(one);
    text += "  with." + std::string(input.name) + ": " + std::string(input.what) + " (" +
            std::string(input.type) + (input.otherwise.empty() ? "" : "; default: ") +
            std::string(input.otherwise) + ")\n";
  }
  text += "  outputs: " + join(action.outputs, ", ") + "\n  effects: " + join(action.effects, ", ") +
          "\n  waits: no; a `callback` step does, and an action of a connector with `wait:`\n";
  return json::object{{"name", action.name},
                      {"summary", action.summary},
                      {"input", json::object{{"properties", std::move(properties)}}},
                      {"outputs", json::array(action.outputs.begin(), action.outputs.end())},
                      {"effects", json::array(action.effects.begin(), action.effects.end())},
                      {"wait", nullptr}};
}

int show_written(const connector::Written& connector, Output output) {
  const std::string name(connector.name);
  json::array actions;
  std::string text = name + ": " + std::string(connector.shown) +
                     "\nauth: " + (connector.bare ? "any" : join(connector.auth, ", ")) + "\n";
  for (const connector::WrittenAction& action : connector.actions)
    actions.push_back(view_of(action, name, text));
  print(output, json::object{{"name", name}, {"summary", connector.shown}, {"actions", std::move(actions)}},
        text);
  return kFine;
}

bool signed_calls(const connector::Action& action) {
  const auto calls = action.calls();
  return std::any_of(calls.begin(), calls.end(), [](const auto& call) { return call.signs(); });
}

}  // namespace

int connectors_show(const std::string& connectors, const std::string& name, Output output) {
  const auto catalogue = catalogue_or_complain(connectors);
  if (!catalogue) return kFoundWrong;
  if (const connector::Written* written = connector::written(name)) return show_written(*written, output);
  const connector::Connector* found = catalogue->find(name);
  if (found == nullptr) {
    const std::vector<std::string> names = catalogue->names();
    std::fprintf(stderr, "there is no connector '%s'; there is %s\n", name.c_str(),
                 join(names, ", ").c_str());
    return kFoundWrong;
  }
  json::array actions;
  std::string text = found->name() + ": " + found->summary() + "\nauth: " + join(found->auth(), ", ") + "\n";
  for (const auto& action : found->actions()) {
    json::object view{{"name", action->name()},
                      {"summary", action->summary()},
                      {"input", action->input()},
                      {"outputs", json::array(action->output_names().begin(), action->output_names().end())},
                      {"takesKey", action->update() != nullptr},
                      {"wait", view_of(action->waiting())},
                      {"signed", signed_calls(*action)},
                      {"verified", action->verified()}};
    text += "\n" + found->name() + "/" + action->name() +
            (action->edition().empty() ? "" : " (" + action->edition() + ")") + "\n  " + action->summary() +
            "\n";
    const json::value* properties = find(action->input(), "properties");
    if (properties != nullptr && properties->is_object()) {
      for (const auto& property : properties->get_object()) {
        text += "  with." + std::string(property.key()) + ": " +
                std::string(find_text(property.value(), "description")) + "\n";
      }
    }
    text += "  outputs: " + join(action->output_names(), ", ") + "\n";
    text += "  effects:";
    for (const connector::Call& one : action->plan().calls())
      text += " " + one.id() + "=" + std::string(to_text(one.effect()));
    if (action->update() != nullptr) {  // a step may have `key`
      text += "\n  update:";
      for (const connector::Call& one : action->update()->calls())
        text += " " + one.id() + "=" + std::string(to_text(one.effect()));
    }
    if (action->waiting() != nullptr) {  // a step may have `wait` and `expect`
      text += "\n  waits: looks every " + to_text(action->waiting()->every()) + " until " +
              action->waiting()->asks().front().text;
    }
    if (signed_calls(*action)) text += "\n  signed, with the target's `auth: {sign: S}`";
    text += "\n  verified: " + to_text(action->verified()) + "\n";
    actions.push_back(std::move(view));
  }
  print(output,
        json::object{{"name", found->name()},
                     {"summary", found->summary()},
                     {"auth", json::array(found->auth().begin(), found->auth().end())},
                     {"actions", actions}},
        text);
  return kFine;
}

}  // namespace postlude::cli
