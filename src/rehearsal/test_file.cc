#include "rehearsal/test_file.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/check.h"
#include "base/text.h"
#include "connector/kind.h"
#include "connector/sql_kind.h"
#include "lang/schema.h"
#include "lang/yaml.h"

namespace postlude::rehearsal {

namespace {

using lang::Node;
using lang::Place;
using lang::Problems;

// A member of both forms of a value: with its places, and with its types.
struct TestValue {
  const Node* node;
  const json::value* json;

  TestValue operator[](std::string_view key) const {
    const Node* inner = node == nullptr ? nullptr : node->find(key);
    return {inner, inner == nullptr || json == nullptr ? nullptr : find(*json, key)};
  }
  explicit operator bool() const { return node != nullptr; }
  std::string text(std::string_view otherwise = "") const {
    return node == nullptr ? std::string(otherwise) : node->scalar;
  }
  Place place() const { return node == nullptr ? Place() : node->place; }
  template <class Visit>
  void each(Visit visit) const {
    if (node == nullptr) return;
    const json::array& items = json->as_array();
    for (std::size_t i = 0; i < node->items.size(); ++i)
      visit(TestValue{&node->items[i], &items[i]});
  }
};

class TestReader {
 public:
  explicit TestReader(Problems& problems) : problems_(problems) {}

  Test test(const TestValue& value) {
    Test out;
    out.place = value.place();
    out.name = value["name"].text();
    out.now = time(value["now"], Options().start);
    out.event = event(value["event"]);
    out.source_place = value["event"]["source"].place();
    for (const auto& [key, into] :
         {std::pair{"hook", &out.hook_place}, std::pair{"cluster", &out.cluster_place}}) {
      const TestValue written = value["event"][key];
      *into = written ? written.place() : out.source_place;
    }
    value["responses"].each([&](const TestValue& one) { out.responses.push_back(response(one)); });
    value["approvals"].each([&](const TestValue& one) { out.replies.push_back(approval(one)); });
    value["callbacks"].each([&](const TestValue& one) { out.replies.push_back(callback(one)); });
    const TestValue expect = value["expect"];
    if (const TestValue runs = expect["runs"]) {
      out.runs.emplace();
      runs.each([&](const TestValue& one) { out.runs->push_back(run(one)); });
    }
    if (const TestValue requests = expect["requests"]) {
      out.requests.emplace();
      requests.each([&](const TestValue& one) { out.requests->push_back({one.place(), message(one)}); });
    }
    return out;
  }

 private:
  Instant time(const TestValue& value, Instant otherwise) {
    if (!value) return otherwise;
    const auto parsed = parse_rfc3339(value.text());
    if (!parsed) problems_.push_back({value.place(), parsed.error().message});
    return parsed ? *parsed : otherwise;
  }

  Given event(const TestValue& value) {
    Given out;
    out.source = value["source"].text();
    out.hook = value["hook"].text("post-rollout");
    out.cluster = value["cluster"].text();
    json::value payload = *value["payload"].json;
    const TestValue more = value["metadata"];
    if (more && out.source == "postlude") {
      out.metadata = to_text(*more.json);
    } else if (more) {
      json::value& metadata = payload.as_object()["metadata"];
      if (!metadata.is_object()) metadata.emplace_object();
      for (const auto& member : more.json->as_object())
        metadata.as_object()[member.key()] = member.value();
    }
    told(value, payload, out);
    out.payload = to_text(payload);
    if (const TestValue at = value["receivedAt"]) out.received_at = time(at, Instant());
    return out;
  }

  // The cluster's report after the call.
  void told(const TestValue& value, const json::value& payload, Given& out) {
    for (const auto& [key, into] : {std::pair{"release", &out.release}, std::pair{"canary", &out.canary}}) {
      const TestValue facts = value[key];
      if (!facts || facts.json->is_null()) continue;
      if (out.source == "postlude")
        problems_.push_back({facts.place(), std::string("an event of our own has no '") + key + "'"});
      *into = to_text(*facts.json);
    }
    if (const TestValue outcome = value["outcome"]) {
      out.outcome = outcome.json->is_null() ? "" : outcome.text();
    } else if (value["release"]["kind"].text() == "unchanged" && find_text(payload, "phase") == "Succeeded") {
      out.outcome = "unchanged";
    }
  }

  static Duration duration(const TestValue& value) {
    if (!value) return Duration(0);
    const auto parsed = parse_duration(value.text());
    return parsed ? *parsed : Duration(0);  // the schema has said so
  }

  static Headers headers(const TestValue& value) {
    Headers out;
    if (!value) return out;
    for (const auto& member : value.json->as_object())
      out.add(std::string_view(member.key()), std::string(view(member.value().as_string())));
    return out;
  }

  void other_kind(const TestValue& value, std::string_view key, std::string_view why) {
    problems_.push_back(
        {value.place(), "'" + std::string(key) + "' is not for this request: " + std::string(why)});
  }

  static json::value database_answer(const TestValue& value) {
    json::object answer;
    for (const char* key : {"rows", "count", "error"}) {
      if (const TestValue member = value[key]) answer[key] = *member.json;
    }
    return answer;
  }

  Response response(const TestValue& value) {
    Response out;
    out.place = value.place();
    out.written = value["request"].text();
    out.target = value["target"].text();
    const std::size_t space = out.written.find(' ');
    out.method = out.written.substr(0, space);
    const bool sql = connector::sql_kind().has_verb(out.method);
    const std::string rest = space == std::string::npos ? "" : out.written.substr(space + 1);
    if (sql) {
      out.statement = connector::statement_line(rest);
    } else {
      out.path = rest;
    }
    if (const std::size_t question = out.path.find('?'); question != std::string::npos) {
      out.query = read_query(std::string_view(out.path).substr(question + 1));
      out.path.resize(question);
    }
    connector::ReplyText answer;
    if (value["status"]) answer.status = static_cast<int>(value["status"].json->to_number<int>());
    answer.headers = headers(value["headers"]);
    if (const TestValue body = value["body"]) answer.body = *body.json;
    if (sql) answer.body = database_answer(value);
    for (const char* key : {"status", "headers", "body"}) {
      if (sql && value[key]) other_kind(value[key], key, "a database answers `rows`, `count` or `error`");
    }
    for (const char* key : {"rows", "count", "error"}) {
      if (!sql && value[key])
        other_kind(value[key], key, "it answers QUERY and EXECUTE, the requests to databases");
    }
    out.answer = connector::kind_of_verb(out.method).reply_of(std::move(answer));
    const std::string fault = value["fault"].text();
    if (fault == "refused") out.fault = NoAnswer::kRefused;
    if (fault == "reset") out.fault = NoAnswer::kReset;
    if (fault == "timeout") out.fault = NoAnswer::kTimeout;
    if (out.fault) {
      for (const char* key : {"status", "headers", "body", "rows", "count", "error"}) {
        if (value[key])
          problems_.push_back(
              {value[key].place(),
               std::string("'") + key + "' belongs to an answer; with `fault: " + fault + "` there is none"});
      }
    }
    out.delay = duration(value["delay"]);
    out.repeat = value["repeat"].text() == "true";
    return out;
  }

  static GivenAnswer approval(const TestValue& value) {
    GivenAnswer out;
    out.place = value.place();
    out.step = value["step"].text();
    out.kind = value["answer"].text() == "approve" ? AnswerKind::kApproved : AnswerKind::kRejected;
    out.by = value["by"].text("test");
    out.body = json::serialize(json::object{{"comment", ""}});
    out.after = duration(value["after"]);
    return out;
  }

  static GivenAnswer callback(const TestValue& value) {
    GivenAnswer out;
    out.place = value.place();
    out.step = value["step"].text();
    out.kind = AnswerKind::kCallback;
    out.by = "test";
    out.body = value["body"] ? to_text(*value["body"].json) : "null";
    out.after = duration(value["after"]);
    return out;
  }

  static ExpectedRun run(const TestValue& value) {
    ExpectedRun out;
    out.place = value["workflow"].place();
    out.workflow = value["workflow"].text();
    out.state = value["state"].text();
    if (const TestValue steps = value["steps"]) {
      for (const auto& [key, state] : steps.node->members) {
        out.steps.emplace_back(key.scalar, state.scalar);
        out.step_places.push_back(key.place);
      }
    }
    return out;
  }

  Message message(const TestValue& value) {
    Message out;
    out.target = value["target"].text();
    out.method = value["method"].text();
    if (connector::sql_kind().has_verb(out.method)) {
      out.statement = connector::statement_line(value["statement"].text());
      out.body = json::object{{"statement", out.statement}, {"params", json::array()}};
      if (const TestValue params = value["params"]) out.body->as_object()["params"] = *params.json;
      if (out.statement.empty())
        problems_.push_back({value.place(), "a request to a database needs 'statement'"});
      for (const char* key : {"path", "query", "headers", "body"}) {
        if (value[key]) other_kind(value[key], key, "a request to a database has `statement` and `params`");
      }
      return out;
    }
    if (!value["path"]) problems_.push_back({value.place(), "a request over HTTP needs 'path'"});
    for (const char* key : {"statement", "params"}) {
      if (value[key])
        other_kind(value[key], key, "it belongs to QUERY and EXECUTE, the requests to databases");
    }
    out.path = value["path"].text();
    if (const TestValue query = value["query"]) out.query = query.json->as_object();
    out.headers = headers(value["headers"]).list;
    if (const TestValue body = value["body"]) out.body = *body.json;
    return out;
  }

  Problems& problems_;
};

void refuse_same_names(const TestFile& file, Problems& problems) {
  std::map<std::string, int> lines;
  for (const Test& test : file.tests) {
    const auto [first, is_new] = lines.try_emplace(test.name, test.place.line);
    if (is_new) continue;
    problems.push_back({test.place, "another test is called '" + test.name + "'; it is in line " +
                                        std::to_string(first->second)});
  }
}

std::string beside(const std::string& file, const std::string& written) {
  const std::filesystem::path path(written);
  if (path.is_absolute()) return written;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  const std::string joined = (folder / path).lexically_normal().string();
  return joined.empty() ? "." : joined;
}

// The hook and the cluster are the source's. Where it has several clusters, a call comes from one of them.
void check_origin(const Test& test, const std::vector<std::string>& hooks, std::vector<std::string> clusters,
                  Problems& problems) {
  const Given& event = test.event;
  const std::string source = "the source '" + event.source + "' has ";
  if (std::find(hooks.begin(), hooks.end(), event.hook) == hooks.end()) {
    problems.push_back(
        {test.hook_place, source + "no hook '" + event.hook + "'" + did_you_mean(event.hook, hooks)});
  }
  std::erase(clusters, "");
  std::sort(clusters.begin(), clusters.end());
  clusters.erase(std::unique(clusters.begin(), clusters.end()), clusters.end());
  if (event.cluster.empty()) {
    if (clusters.size() < 2 || event.source == "postlude") return;
    problems.push_back(
        {test.cluster_place, source + "the clusters " + join(clusters, ", ") + ": say 'cluster'"});
  } else if (std::find(clusters.begin(), clusters.end(), event.cluster) == clusters.end()) {
    problems.push_back({test.cluster_place, source + "no cluster '" + event.cluster + "'" +
                                                did_you_mean(event.cluster, clusters)});
  }
}

// One of `names`, or a problem with the nearest of them.
void check_one(const std::string& what, const std::string& name, const std::vector<std::string>& names,
               const Place& place, Problems& problems) {
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  problems.push_back(
      {place, "the configuration has no " + what + " '" + name + "'" + did_you_mean(name, names)});
}

std::vector<std::string> step_names(const engine::Workflow& workflow, bool numbers) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < workflow.steps.size(); ++i) {
    if (numbers || !workflow.steps[i].name.empty()) names.push_back(step_label(workflow.steps[i].name, i));
  }
  return names;
}

}  // namespace

std::string step_label(std::string_view id, std::size_t index) {
  return id.empty() ? std::to_string(index + 1) : std::string(id);
}

json::object read_query(std::string_view query) {
  json::object out;
  for (const std::string_view pair : split(query, '&')) {
    if (pair.empty()) continue;
    const std::size_t sign = pair.find('=');
    const auto decoded = [](std::string_view text) {
      return percent_decode(text).value_or(std::string(text));
    };
    const std::string name = decoded(pair.substr(0, sign));
    const std::string value = sign == std::string_view::npos ? "" : decoded(pair.substr(sign + 1));
    json::value* known = out.if_contains(name);
    if (known == nullptr) {
      out[name] = value;
    } else if (known->is_array()) {
      known->as_array().emplace_back(value);
    } else {
      *known = json::array{*known, value};
    }
  }
  return out;
}

std::optional<TestFile> read_tests(std::string text, const std::string& path, const json::value& schema,
                                   Problems& problems) {
  const std::size_t before = problems.size();
  const auto wrong = [&] {
    return std::any_of(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(),
                       [](const lang::Problem& p) { return !p.warning; });
  };
  const auto root = lang::read_yaml(text, path, problems);
  if (!root || wrong()) return std::nullopt;
  lang::check_against(*root, schema, problems);
  if (wrong()) return std::nullopt;

  const json::value typed = lang::typed(*root, schema);
  const TestValue whole{&*root, &typed};
  TestFile file;
  file.path = path;
  const TestValue config = whole["config"];
  file.config_place = config ? config.place() : root->place;
  if (config && config.node->is_list()) {
    for (const Node& item : config.node->items)
      file.config.push_back(beside(path, item.scalar));
  } else {
    file.config.push_back(beside(path, config.text(".")));
  }
  TestReader reader(problems);
  whole["tests"].each([&](const TestValue& one) { file.tests.push_back(reader.test(one)); });
  refuse_same_names(file, problems);
  if (wrong()) return std::nullopt;
  file.text = std::move(text);
  return file;
}

void check_names(const TestFile& file, const pipeline::Rules& rules, Problems& problems) {
  std::vector<std::string> sources{"postlude"};
  std::vector<std::string> clusters;
  for (const auto& source : rules.sources().list()) {
    sources.push_back(source->name());
    for (std::string& cluster : source->clusters())
      clusters.push_back(std::move(cluster));
  }
  std::vector<std::string> targets;
  for (const connector::Target& target : rules.targets())
    targets.push_back(target.name);
  std::map<std::string, const engine::Workflow*> workflows;
  std::vector<std::string> workflow_names;
  std::vector<std::string> ids;
  for (const auto& bound : rules.workflows()) {
    workflows[bound->workflow->name] = bound->workflow.get();
    workflow_names.push_back(bound->workflow->name);
    for (const std::string& id : step_names(*bound->workflow, false))
      ids.push_back(id);
  }
  for (const Test& test : file.tests) {
    check_one("source", test.event.source, sources, test.source_place, problems);
    if (test.event.source == "postlude") check_origin(test, pipeline::own_hooks(), clusters, problems);
    for (const auto& source : rules.sources().list()) {
      if (source->name() == test.event.source)
        check_origin(test, intake::flagger_hooks(), source->clusters(), problems);
    }
    for (const Response& response : test.responses) {
      if (!response.target.empty()) check_one("target", response.target, targets, response.place, problems);
    }
    for (const GivenAnswer& reply : test.replies)
      check_one("step", reply.step, ids, reply.place, problems);
    for (const ExpectedRequest& request : test.requests.value_or(std::vector<ExpectedRequest>()))
      check_one("target", request.message.target, targets, request.place, problems);
    for (const ExpectedRun& run : test.runs.value_or(std::vector<ExpectedRun>())) {
      check_one("workflow", run.workflow, workflow_names, run.place, problems);
      const auto workflow = workflows.find(run.workflow);
      if (workflow == workflows.end()) continue;
      const std::vector<std::string> names = step_names(*workflow->second, true);
      for (std::size_t i = 0; i < run.steps.size(); ++i)
        check_one("step", run.steps[i].first, names, run.step_places[i], problems);
    }
  }
}

}  // namespace postlude::rehearsal
