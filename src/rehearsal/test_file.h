#pragma once
// Test file: what a *.test.yaml says: events, the answers that systems give, and what is expected of them.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lang/node.h"
#include "pipeline/rules.h"
#include "rehearsal/people.h"
#include "rehearsal/rehearsal.h"

namespace postlude::rehearsal {

// A request as people read it: below its target's URL, decoded, with *** for secrets.
struct Message {
  std::string target;
  std::string method;
  std::string path;  // below the target's URL, else a whole URL; without the query
  json::object query;
  std::vector<Header> headers;
  std::optional<json::value> body;  // text that is no JSON is a string
};

struct ExpectedRequest {
  lang::Place place;
  Message message;
};

struct ExpectedRun {
  lang::Place place;
  std::string workflow;
  std::string state;
  std::vector<std::pair<std::string, std::string>> steps;  // id or number -> state
  std::vector<lang::Place> step_places;
};

enum class NoAnswer : std::uint8_t { kRefused = 1, kReset, kTimeout };

struct Response {
  lang::Place place;
  std::string written;  // GET /rest/api/2/project/PROJ/versions
  std::string target;   // "": any
  std::string method;
  std::string path;
  std::optional<json::object> query;  // nullopt: any
  HttpResponse answer;
  std::optional<NoAnswer> fault;
  Duration delay{};
  bool repeat = false;
};

struct Test {
  lang::Place place;
  std::string name;
  Given event;
  lang::Place source_place;
  lang::Place hook_place;  // or the source's where it is not written
  lang::Place cluster_place;
  Instant now;
  std::vector<Response> responses;
  std::vector<Reply> replies;  // approvals and callbacks
  std::optional<std::vector<ExpectedRun>> runs;
  std::optional<std::vector<ExpectedRequest>> requests;
};

struct TestFile {
  std::string path;
  std::string text;
  std::vector<std::string> config;  // files and folders, each as it can be opened from here
  lang::Place config_place;
  std::vector<Test> tests;
};

// `schema` is test.schema.json. nullopt exactly if `problems` has an error.
std::optional<TestFile> read_tests(std::string text, const std::string& path, const json::value& schema,
                                   lang::Problems& problems);

// The sources, targets, workflows and steps that the tests name are the configuration's.
void check_names(const TestFile& file, const pipeline::Rules& rules, lang::Problems& problems);

// The parameters of a query, decoded: text, or a list of texts where one is repeated.
json::object read_query(std::string_view query);

// How `*.test.yaml` and people count a step that has no id: from 1.
std::string step_label(std::string_view id, std::size_t index);

}  // namespace postlude::rehearsal
