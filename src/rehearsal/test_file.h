#pragma once
// Test file: reads *.test.yaml: events, the answers of systems, and the expectations.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lang/node.h"
#include "pipeline/rules.h"
#include "rehearsal/people.h"
#include "rehearsal/rehearsal.h"

namespace postlude::rehearsal {

// A request as people read it: relative to the target's URL, decoded, with *** for secrets.
struct Message {
  std::string target;
  std::string method;
  std::string path;       // relative to the target's URL, or a whole URL; without the query
  std::string statement;  // SQL, in one line: there is no path then, and the body is {statement, params}
  json::object query;
  std::vector<Header> headers;
  std::optional<json::value> body;  // text that is not JSON is a string
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
  std::string statement;              // SQL, in one line; "": any, where the method is QUERY or EXECUTE
  std::optional<json::object> query;  // nullopt: any
  Reply answer;
  std::optional<NoAnswer> fault;
  Duration delay{};
  bool repeat = false;
};

struct Test {
  lang::Place place;
  std::string name;
  Given event;
  lang::Place source_place;
  lang::Place hook_place;  // or of the source, if the hook is not written
  lang::Place cluster_place;
  Instant now;
  std::vector<Response> responses;
  std::vector<GivenAnswer> replies;  // approvals and callbacks
  std::optional<std::vector<ExpectedRun>> runs;
  std::optional<std::vector<ExpectedRequest>> requests;
};

struct TestFile {
  std::string path;
  std::string text;
  std::vector<std::string> config;  // files and folders, as paths that can be opened from here
  lang::Place config_place;
  std::vector<Test> tests;
};

// `schema` is test.schema.json. nullopt exactly if `problems` has an error.
std::optional<TestFile> read_tests(std::string text, const std::string& path, const json::value& schema,
                                   lang::Problems& problems);

// Checks that the configuration has the sources, targets, workflows and steps that the tests name.
void check_names(const TestFile& file, const pipeline::Rules& rules, lang::Problems& problems);

// The parameters of a query, decoded: a text, or a list of texts for a repeated one.
json::object read_query(std::string_view query);

// The number of a step without an id, as `*.test.yaml` and people count: from 1.
std::string step_label(std::string_view id, std::size_t index);

}  // namespace postlude::rehearsal
