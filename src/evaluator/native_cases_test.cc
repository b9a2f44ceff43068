// What lang evaluates natively must be what jq would have yielded. Neither folder may see the other, so they
// meet in a file: here libjq confirms (or, with POSTLUDE_UPDATE=1, writes) src/lang/native_cases.json; lang's
// test reads it.

#include <cstdlib>
#include <fstream>
#include <set>

#include "base/json.h"
#include "evaluator/bench_test.h"
#include "lib/source_folder.h"

namespace postlude::evaluator {
namespace {

const std::string kFile = source_path("src/lang/native_cases.json");
constexpr std::size_t kCases = 3000;

const std::vector<std::string>& contexts() {
  static const std::vector<std::string> all = {
      R"({"event":{"name":"podinfo","phase":"Succeeded","metadata":{"env":"prod","n":"1","x-y":null},"tags":["a","b",[1]],"count":3,"ok":true,"release":null},"vars":{"a":1,"b":false,"c":"true"},"status":"success","steps":{"s":{"outputs":{"id":7}}}})",
      R"({"event":{"name":"","phase":"Failed","metadata":{},"tags":[],"count":1.5,"ok":false,"release":{"version":{"old":null,"new":"1.2"}}},"vars":null,"status":"failure","run":{"id":"run_1"}})",
      R"({"event":{"name":"a\"b\\c\u0001\u00e9","phase":null,"metadata":{"env":["prod"]},"tags":{"0":"x"},"count":9007199254740993,"ok":"yes","release":{"version":"1.2"}},"vars":{"a":-1,"b":0,"c":9007199254740992},"key":"k"})",
      R"({"event":null,"vars":{"a":{"b":{"c":[{"d":1},{"d":2}]}},"b":[],"c":{}},"item":"i","data":{"svc":{"podinfo":{"team":"x"}}}})",
      R"({"event":"text","vars":[1,2,3],"status":null})",
      R"({})"};
  return all;
}

// Expressions from a small grammar: mostly of the native kind, some not.
class Generator {
 public:
  std::string expression(int depth) {
    switch (pick(depth > 3 ? 3 : 11)) {
      case 0:
      case 1:
        return path();
      case 2:
        return literal();
      case 3:
        return operand(depth) + " == " + operand(depth);
      case 4:
        return operand(depth) + " != " + operand(depth);
      case 5:
        return operand(depth) + " and " + operand(depth);
      case 6:
        return operand(depth) + " or " + operand(depth);
      case 7:
        return operand(depth) + " // " + operand(depth);
      case 8:
        return operand(depth) + " | not";
      case 9:
        return expression(depth + 1) + (pick(2) == 0 ? " and " : " or ") +
               expression(depth + 1);  // precedence
      default:
        return "(" + expression(depth + 1) + ")";
    }
  }

 private:
  std::size_t pick(std::size_t n) {  // the same everywhere, unlike std's distributions
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(state_ >> 33U) % n;
  }
  template <std::size_t N>
  std::string of(const char* const (&words)[N]) {
    return words[pick(N)];
  }
  std::string operand(int depth) {
    return pick(3) == 0 ? "(" + expression(depth + 1) + ")" : pick(2) == 0 ? path() : literal();
  }
  std::string literal() {
    return of({"1",
               "0",
               "3",
               "1.5",
               "1e3",
               "007",
               "9007199254740992",
               "9007199254740993",
               "\"podinfo\"",
               "\"prod\"",
               "\"\"",
               "\"Succeeded\"",
               "\"a\\\"b\"",
               "\"\\u00e9\"",
               "\"x\\ty\"",
               "true",
               "false",
               "null",
               "success",
               "failure",
               "always",
               "[]",
               "{}",
               "-1",
               "\"\\(1)\""});
  }
  std::string path() {
    std::string out =
        of({".event", ".event", ".event", ".vars", ".steps", "$event", "$vars", "$run", ".", ".status",
            ".key", ".item", ".data", ".[\"event\"]", ".\"event\"", ".event.metadata", ".event.release"});
    for (std::size_t n = pick(4); n > 0; --n) {
      const std::string suffix =
          of({".name",    ".phase",   ".metadata", ".env",      ".tags",     ".count",    ".ok",
              ".release", ".version", ".new",      ".a",        ".b",        ".c",        "[0]",
              "[1]",      "[2]",      "[9]",       "[\"env\"]", "[\"x-y\"]", ".\"name\"", "[\"a\"]",
              ".d",       "[0].d",    "?",         "[1.5]",     "[-1]",      "[.a]",      "[]"});
      out += out == "." && suffix[0] == '.' ? suffix.substr(1) : suffix;
    }
    return out;
  }
  std::uint64_t state_ = 42;
};

json::value generate() {
  Bench bench;
  Generator generator;
  json::array cases;
  std::vector<std::vector<std::string>> texts(contexts().size());
  std::set<std::string> seen;
  for (std::size_t i = 0; seen.size() < kCases; ++i) {
    std::string text = generator.expression(0);
    if (seen.insert(text).second) texts[i % texts.size()].push_back(std::move(text));
  }
  for (std::size_t c = 0; c < texts.size(); ++c) {
    const Values values = bench.evaluate(texts[c], contexts()[c]);
    for (std::size_t i = 0; i < values.size(); ++i) {
      cases.push_back(json::array{c, json::string(texts[c][i]),
                                  values[i] ? json::value(json::string(*values[i])) : json::value()});
    }
  }
  json::array all;
  for (const std::string& context : contexts())
    all.emplace_back(json::string(context));
  return json::object{{"contexts", std::move(all)}, {"cases", std::move(cases)}};
}

TEST(NativeCases, AreWhatJqYields) {
  if (std::getenv("POSTLUDE_UPDATE") != nullptr) {
    const json::value made = generate();
    std::string text = to_text(made);
    for (std::size_t at = text.find("],["); at != std::string::npos; at = text.find("],[", at + 4))
      text.insert(at + 2, "\n");
    std::ofstream(kFile) << text << "\n";
  }
  std::ifstream file(kFile);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto stored = parse_json(text);
  ASSERT_TRUE(stored) << "made by POSTLUDE_UPDATE=1";
  Bench bench;
  const auto& list = stored->at("contexts").as_array();
  for (std::size_t c = 0; c < list.size(); ++c) {
    std::vector<std::string> texts;
    std::vector<const json::value*> expected;
    for (const json::value& one : stored->at("cases").as_array()) {
      if (one.at(0).as_int64() != static_cast<std::int64_t>(c)) continue;
      texts.emplace_back(view(one.at(1).as_string()));
      expected.push_back(&one.at(2));
    }
    const Values values = bench.evaluate(texts, std::string(view(list[c].as_string())));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      ASSERT_EQ(values[i].has_value(), expected[i]->is_string()) << texts[i] << " on " << c;
      if (!values[i]) continue;
      ASSERT_EQ(*values[i], view(expected[i]->as_string())) << texts[i] << " on " << c;
    }
  }
}

}  // namespace
}  // namespace postlude::evaluator
