#include "sim/settings.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "lang/yaml.h"
#include "lib/source_folder.h"

namespace postlude::sim {

namespace {

// A file of tests/sim/flows.
std::string text_of(const std::string& name) {
  const std::string path = source_path("tests/sim/flows/" + name + ".yaml");
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.empty()) {
    std::fprintf(stderr, "%s cannot be read\n", path.c_str());
    std::abort();
  }
  return text;
}

std::string filled(std::string_view text, std::string_view flow, std::size_t revision) {
  std::string out(text);
  const auto fill = [&](std::string_view open, std::string_view end, const auto& value) {
    for (std::size_t at = out.find(open); at != std::string::npos; at = out.find(open, at)) {
      const std::size_t close = end.empty() ? at + open.size() : out.find(end, at);
      const std::string with = value(out.substr(at + open.size(), close - at - open.size()));
      out.replace(at, close + end.size() - at, with);
      at += with.size();
    }
  };
  const auto by = [&](const std::string& step) {
    return "\"${{ .event.id }}/" + std::string(flow) + "/" + step + "\"";
  };
  fill("$BY(", ")", by);
  fill("$EACH(", ")", [&](const std::string& step) {
    return "\"${{ .event.id }}/" + std::string(flow) + "/" + step + "/${{ .item }}\"";
  });
  fill("$REV", "", [&](const std::string&) { return std::to_string(revision + 1); });
  fill("$THEN", "", [&](const std::string&) { return std::string(revision == 0 ? "fail" : "skip"); });
  return out;
}

std::vector<Flow> make_flows() {
  using std::chrono::minutes;
  std::vector<Flow> out;
  const auto add = [&](const std::string& name) -> Flow& {
    Flow flow;
    flow.name = name;
    flow.text = text_of(name);
    out.push_back(std::move(flow));
    return out.back();
  };
  add("line");
  add("dag");
  add("each");
  add("people");
  add("call");
  add("newest").failures = true;
  add("parallel");
  add("shadow");
  add("long").max_age = minutes(10);
  add("doubt");
  add("brief").failures = true;
  add("card");
  add("job");
  add("hooked").post_rollout = false;
  return out;
}

const Flow* flow_named(std::string_view name) {
  for (const Flow& flow : flows()) {
    if (flow.name == name) return &flow;
  }
  std::fprintf(stderr, "no workflow %s\n", std::string(name).c_str());
  std::abort();
}

// Few workflows in each, so that a seed stays small.
const std::vector<std::vector<std::string>> kSets{
    {"line"},
    {"card"},
    {"card", "people"},
    {"dag"},
    {"each"},
    {"people"},
    {"call"},
    {"newest"},
    {"parallel", "shadow"},
    {"long"},
    {"doubt"},
    {"brief", "hooked"},
    {"newest", "call"},
    {"line", "people"},
    {"dag", "parallel"},
    {"each", "hooked"},
    {"doubt", "shadow"},
    {"long", "newest"},
    {"job"},
    {"job", "shadow"},
};

std::shared_ptr<const connector::Catalogue> catalogue() {
  static const auto out = [] {
    connector::Catalogue made = connector::Catalogue::built_in();
    lang::Problems problems;
    made.add(text_of("connector"), "connector.yaml", problems);
    for (const lang::Problem& p : problems)
      std::fprintf(stderr, "%s\n", lang::to_text(p).c_str());
    if (!problems.empty()) std::abort();
    return std::make_shared<const connector::Catalogue>(std::move(made));
  }();
  return out;
}

std::shared_ptr<const pipeline::Rules> build(const std::vector<const Flow*>& of, std::size_t revision) {
  std::string text = text_of("head");
  for (const Flow* flow : of)
    text += filled(flow->text, flow->name, revision);
  lang::Problems problems;
  const auto root = lang::read_yaml(text, "sim-config.yaml", problems);
  std::shared_ptr<const pipeline::Rules> rules;
  if (root) {
    pipeline::RulesInput input;
    input.sources = root->find("sources");
    input.targets = root->find("targets");
    input.workflows = root->find("workflows");
    input.public_url = "https://postlude.example.com";
    input.admin_url = "https://admin.example.com";
    input.revision = std::to_string(revision + 1);
    rules = pipeline::Rules::build(input, catalogue(), problems);
  }
  if (rules == nullptr) {
    for (const lang::Problem& p : problems)
      std::fprintf(stderr, "%s\n", lang::to_text(p).c_str());
    std::abort();
  }
  return rules;
}

}  // namespace

const std::vector<Flow>& flows() {
  static const std::vector<Flow> out = make_flows();
  return out;
}

std::size_t settings_count() {
  return kSets.size();
}

const Setting& setting(std::size_t which) {
  static std::map<std::size_t, Setting> made;
  const auto found = made.find(which);
  if (found != made.end()) return found->second;
  Setting out;
  for (const std::string& name : kSets[which])
    out.flows.push_back(flow_named(name));
  for (std::size_t revision = 0; revision < kRevisions; ++revision)
    out.revisions.push_back(build(out.flows, revision));
  return made.emplace(which, std::move(out)).first->second;
}

}  // namespace postlude::sim
