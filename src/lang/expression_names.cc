// The names an expression uses, against what is there: `.event.relase` is found before anything runs.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>

#include "base/text.h"
#include "base/zone.h"
#include "lang/expression.h"
#include "lang/expression_paths.h"
#include "lang/expression_tokens.h"

namespace postlude::lang {
namespace {

// Contracts 5 and 7. `*` stands for whatever keys there are, `*{…}` for any key with these below; `[]` makes
// it a list of such; what has no braces is a value of any kind, which may have more below.
constexpr std::string_view kShapes =
    "event{id source hook origin receivedAt team cluster namespace name phase outcome checksum "
    "metadata{*} payload{*} canary{uid labels{*} annotations{*}} releaseError "
    "release{id strategy skipAnalysis kind startedAt finishedAt durationSeconds "
    "workload{apiVersion kind name labels{*} annotations{*}} version{old new} "
    "images[]{container old new digest} revision{old new} "
    "analysis{failedChecks threshold failureReason metrics[]{name last min max avg threshold}} "
    "config{changed[]{*}} resources[]{apiVersion kind name} previous{id finishedAt}}} "
    "run{id workflow createdAt url callbacks{*{url}}} "
    "workflow{name} "
    "steps{*{state reason outputs{*} items[]{item state reason outputs{*}}}} "
    "failure{step reason message url} "
    "step{title reason links{approve reject open}} "
    "response{status headers{*} body{*} text} "
    "responseOfSql{rows[]{*} count first{*} more error{code message}} "
    "requests{*{request{method url headers{*} body{*}} response{status headers{*} body{*} text}}}";

// The names of the context. `places`: a letter for each place that has it, in the order of Where.
// `elsewhere`: where it stands, for those who look for it in the wrong place.
struct Name {
  std::string_view name;
  std::string_view places;
  std::string_view elsewhere;
};
constexpr std::array<Name, 23> kNames = {{
    {"event", "wshaRAUVq", ""},
    {"run", "wshaRAUVq", ""},
    {"workflow", "wshaRAUVq", ""},
    {"vars", "shaRAUVq", "is there in steps: `if`, `vars` and `concurrency.key` come before it"},
    {"steps", "shaRAUVq", "is there in steps: no step has run yet"},
    {"data", "wshaq", "is there in workflows: hand it over in the step's `with`"},
    {"item", "shaq", "is there in a step with `forEach`"},
    {"failure", "shaq", "is there in the steps of `onFailure` and `finally`"},
    {"step", "shaq", "is there in `announce`"},
    {"target", "haRAUVq", "is there in connector files and in http/request"},
    {"key", "haRAUVq", "is there in connector files and in http/request"},
    {"with", "RAUV", "stands in connector files: it is a step's input"},
    {"requests", "RAUV", "stands in connector files; what an earlier step got is `.steps.ID.outputs`"},
    {"response", "aAVq",
     "is the answer that `success`, `retry` and `refuse` judge; what an earlier step got is "
     "`.steps.ID.outputs`"},
    {"outputs", "UV", "stands in a connector's `update`; those of an earlier step are `.steps.ID.outputs`"},
    // Names that there are nowhere.
    {"request", "", "is not there: in connector files it is `.requests.ID.request`"},
    {"inputs", "", "is not there: in connector files a step's input is `.with`"},
    {"input", "", "is not there: in connector files a step's input is `.with`"},
    {"index", "", "is not there: a step with `forEach` has `.item`"},
    {"env", "", "is not there: expressions cannot see the environment"},
    {"secrets", "", "is not there: expressions cannot see secrets, which stand in the `auth` of targets"},
    {"metadata", "", "is below the event: `.event.metadata`"},
    {"release", "", "is below the event: `.event.release`"},
}};
constexpr std::string_view kLetters = "wshaRAUVq";

// Why there is no such name here, where it is one that people look for; else "".
std::string_view elsewhere(std::string_view name) {
  const auto* found =
      std::find_if(kNames.begin(), kNames.end(), [&](const Name& one) { return one.name == name; });
  return found == kNames.end() ? "" : found->elsewhere;
}

struct Shape {
  bool known = false;  // false: nothing is known of what stands below
  bool list = false;
  bool open = false;                 // any key may stand here
  std::shared_ptr<const Shape> any;  // below each of them
  std::map<std::string, Shape, std::less<>> members;
};

Shape parse_shape(std::string_view text, std::size_t& at) {
  Shape shape;
  shape.known = true;
  const auto below = [&](Shape& into) {
    const bool list = text.substr(at, 2) == "[]";
    if (list) at += 2;
    if (at < text.size() && text[at] == '{') {
      into = parse_shape(text, ++at);
      ++at;
    }
    into.list = list;
  };
  while (at < text.size() && text[at] != '}') {
    if (text[at] == ' ') {
      ++at;
    } else if (text[at] == '*') {
      ++at;
      Shape any;
      below(any);
      shape.open = true;
      shape.any = std::make_shared<const Shape>(std::move(any));
    } else {
      const std::size_t end = std::min(text.find_first_of(" {}[", at), text.size());
      const std::string name(text.substr(at, end - at));
      at = end;
      below(shape.members[name]);
    }
  }
  return shape;
}

const Shape& shapes() {
  static const Shape shape = [] {
    std::size_t at = 0;
    return parse_shape(kShapes, at);
  }();
  return shape;
}

std::string with_nearest(std::string_view word, const std::vector<std::string>& candidates,
                         std::string_view sigil) {
  const std::string near = nearest(word, candidates);
  if (!near.empty()) return "; did you mean `" + std::string(sigil) + near + "`?";
  std::vector<std::string> some = candidates;
  if (some.size() > 24) some.resize(24);
  for (std::string& s : some)
    s = std::string(sigil) + s;
  return "; there " + std::string(some.size() == 1 ? "is " : "are ") + join(some, " ");
}

// The error in a path below its root, or "".
std::string objection(const ReadPath& path, std::string so_far) {
  const Shape* shape = &shapes();
  for (std::size_t k = 0; k < path.keys.size(); ++k) {
    const PathKey& key = path.keys[k];
    if (!shape->known && !shape->list) return "";
    if (key.kind != PathKey::Kind::kName) {  // an element of a list, or of a map that is gone through
      so_far += "[]";
      if (shape->list) {
        if (k + 1 < path.keys.size() && path.keys[k + 1].kind != PathKey::Kind::kName) return "";
        continue;
      }
      if (shape->any == nullptr) return "";
      shape = shape->any.get();
      continue;
    }
    const bool element = k > 0 && path.keys[k - 1].kind != PathKey::Kind::kName;
    if (shape->list && !element) {
      return "`" + so_far + "` is a list: write `" + so_far + "[]." + key.name + "`, or [0] for its first";
    }
    const auto member = shape->members.find(key.name);
    if (member != shape->members.end()) {
      shape = &member->second;
    } else if (shape->open) {
      shape = shape->any.get();
    } else {
      std::vector<std::string> candidates;
      for (const auto& [name, below] : shape->members)
        candidates.push_back(name);
      return "`" + so_far + "` has no `" + key.name + "`" + with_nearest(key.name, candidates, "");
    }
    if (k > 0) so_far += "." + key.name;
  }
  return "";
}

// The texts written out in calls of `function`: "freeze" of in_window("freeze"), with their offsets.
std::vector<std::pair<std::string, std::size_t>> literals_given(const Expression& expression,
                                                                std::string_view function) {
  std::vector<std::pair<std::string, std::size_t>> out;
  const Tokens tokens = tokenize(expression.text, 0, false);
  if (!tokens.problem.empty()) return out;
  for (std::size_t i = 0; i + 3 < tokens.list.size(); ++i) {
    const Token& text = tokens.list[i + 2];
    if (!tokens.list[i].ident(function) || !tokens.list[i + 1].open("(") || !is_function(tokens, i) ||
        text.kind != Token::Kind::kString || !tokens.list[i + 3].close(")")) {
      continue;
    }
    const auto parsed = parse_json(text.text);
    if (parsed && parsed->is_string()) out.emplace_back(view(parsed->get_string()), text.offset);
  }
  return out;
}

}  // namespace

// Where in its file `offset` of the expression stands; exact in a scalar of one line.
Place place_in(const Expression& expression, std::size_t offset) {
  Place place = expression.place;
  if (place.line == 0) return place;
  for (const char c : std::string_view(expression.text).substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else if (!within_character(c)) {
      ++place.column;
    }
  }
  return place;
}

void check_calendars(const Expression& expression, const std::vector<std::string>& calendars,
                     Problems& problems) {
  for (const auto& [name, offset] : literals_given(expression, "in_window")) {
    if (std::find(calendars.begin(), calendars.end(), name) != calendars.end()) continue;
    problems.push_back({place_in(expression, offset),
                        "there is no calendar `" + name + "`" +
                            (calendars.empty() ? "; `calendars` in the configuration makes them"
                                               : with_nearest(name, calendars, ""))});
  }
}

std::vector<std::string> names_at(Where where) {
  const char letter = kLetters[static_cast<std::size_t>(where) - 1];
  std::vector<std::string> names;
  for (const Name& one : kNames) {
    if (one.places.find(letter) != std::string_view::npos) names.emplace_back(one.name);
  }
  return names;
}

void check_names(const Expression& expression, Where where, Problems& problems) {
  const std::vector<std::string> roots = names_at(where);
  std::set<std::string> said;  // `.a | .b` is two paths with one fault
  for (const ReadPath& path : read_paths(expression)) {
    const std::string sigil = path.variable ? "$" : ".";
    const std::string& root = path.keys.front().name;
    std::string why;
    if (std::find(roots.begin(), roots.end(), root) == roots.end()) {
      const std::string_view known = elsewhere(root);
      why = "`" + sigil + root + "` " +
            (known.empty() ? "is not known here" + with_nearest(root, roots, sigil) : std::string(known));
    } else if (shapes().members.contains(root)) {
      ReadPath read = path;
      if (where == Where::kSqlAnswer && root == "response") read.keys.front().name = "responseOfSql";
      why = objection(read, sigil + root);
    }
    if (!why.empty() && said.insert(why).second)
      problems.push_back({place_in(expression, path.offset), std::move(why)});
  }
  for (const auto& [name, offset] : literals_given(expression, "in_zone")) {
    const Result<Zone> zone = Zone::find(name);
    if (!zone) problems.push_back({place_in(expression, offset), zone.error().message});
  }
}

void check_steps(const Expression& expression, const std::vector<std::string>& earlier, Problems& problems,
                 std::string_view why) {
  for (const ReadPath& path : read_paths(expression)) {
    if (path.keys.size() < 2 || path.keys[0].name != "steps") continue;
    const PathKey& id = path.keys[1];
    if (id.kind != PathKey::Kind::kName) continue;
    if (std::find(earlier.begin(), earlier.end(), id.name) != earlier.end()) continue;
    problems.push_back({place_in(expression, path.offset),
                        "no earlier step has the id `" + id.name + "`" +
                            (earlier.empty() ? "" : with_nearest(id.name, earlier, "")) + std::string(why)});
  }
}

void check_absent(const Expression& expression, const std::vector<Absent>& absent, Problems& problems) {
  const Tokens tokens = tokenize(expression.text, 0, false);
  for (const ReadPath& path : read_paths(expression)) {
    const auto stands = [&](const Absent& one) {
      for (std::size_t k = 0; k < one.path.size(); ++k) {
        const bool named = k < path.keys.size() && path.keys[k].kind == PathKey::Kind::kName;
        if (one.path[k].empty() ? named : !named || path.keys[k].name != one.path[k]) return false;
      }
      return true;
    };
    const auto found = std::find_if(absent.begin(), absent.end(), stands);
    if (found == absent.end() || null_is_met(tokens, path)) continue;
    std::vector<std::string> names = found->path;
    std::erase(names, "");
    problems.push_back({place_in(expression, path.offset),
                        "`" + std::string(path.variable ? "$" : ".") + join(names, ".") + "` " + found->why,
                        found->warning});
    return;  // one is enough
  }
}

bool is_constant(const Expression& expression) {
  constexpr std::array<std::string_view, 7> kOther = {"success", "failure", "always",           "in_window",
                                                      "error",   "now",     "input_line_number"};
  const Tokens tokens = tokenize(expression.text, 0, false);
  if (!tokens.problem.empty()) return false;
  for (std::size_t i = 0; i < tokens.list.size(); ++i) {
    const Token& token = tokens.list[i];
    if (token.kind == Token::Kind::kField || token.symbol(".") || token.symbol("..")) return false;
    if (token.kind == Token::Kind::kVariable &&
        std::find(kBoundNames.begin(), kBoundNames.end(), token.text) != kBoundNames.end())
      return false;
    if (token.kind == Token::Kind::kIdent && is_function(tokens, i) &&
        std::find(kOther.begin(), kOther.end(), token.text) != kOther.end())
      return false;
  }
  return true;
}

}  // namespace postlude::lang
