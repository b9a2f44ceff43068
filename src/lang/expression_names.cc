// The names an expression uses, against what is there: `.event.relase` is found before anything runs.

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/check.h"
#include "base/text.h"
#include "lang/expression.h"
#include "lang/expression_tokens.h"

namespace postlude::lang {
namespace {

using Kind = Token::Kind;

// Contract 5. `*` stands for whatever keys there are; what has no braces is a value.
constexpr std::string_view kEventShape =
    "id source hook origin receivedAt team cluster namespace name phase outcome checksum metadata{*} "
    "payload{*} "
    "canary{uid labels{*} annotations{*}} releaseError release{id strategy skipAnalysis kind startedAt "
    "finishedAt "
    "durationSeconds workload{apiVersion kind name labels{*} annotations{*}} version{old new} "
    "images{container old new digest} revision{old new} analysis{failedChecks threshold failureReason "
    "metrics{name last min max avg threshold}} config{changed} resources{apiVersion kind name} "
    "previous{id finishedAt}}";

struct Shape {
  bool open = true;  // any key may stand below, as far as we know
  std::map<std::string, Shape, std::less<>> members;
};

Shape parse_shape(std::string_view text, std::size_t& at) {
  Shape shape;
  shape.open = false;
  while (at < text.size() && text[at] != '}') {
    if (text[at] == ' ') {
      ++at;
    } else if (text[at] == '*') {
      shape.open = true;
      ++at;
    } else {
      const std::size_t end = std::min(text.find_first_of(" {}", at), text.size());
      const std::string name(text.substr(at, end - at));
      at = end;
      Shape& member = shape.members[name];
      if (at < text.size() && text[at] == '{') {
        ++at;
        member = parse_shape(text, at);
        ++at;
      }
    }
  }
  return shape;
}

const Shape& event_shape() {
  static const Shape shape = [] {
    std::size_t at = 0;
    return parse_shape(kEventShape, at);
  }();
  return shape;
}

// Functions whose arguments see the same `.` as the call itself.
constexpr std::array<std::string_view, 18> kArgumentsSeeDot = {
    "first",    "last",     "limit",    "select", "has",  "contains", "inside", "test",  "startswith",
    "endswith", "ltrimstr", "rtrimstr", "split",  "join", "glob",     "range",  "error", "index"};

// One pass over the tokens that knows where `.` is certainly the context. Where it is not certain, nothing is
// said.
class NameCheck {
 public:
  NameCheck(const Expression& expression, const std::vector<std::string>& roots, Problems& problems,
            const std::vector<std::string>* steps = nullptr)
      : expression_(expression),
        roots_(roots),
        problems_(problems),
        steps_(steps),
        tokens_(tokenize(expression.text, 0, false)) {}

  void run() {
    if (!tokens_.problem.empty()) return;
    find_bound();
    levels_.push_back({true, true, false, {}});
    for (i_ = 0; i_ < list().size();)
      step();
  }

 private:
  struct Level {
    bool base;                // `.` is the context where this bracket opened
    bool dot;                 // … and here
    bool pattern = false;     // between `as` and its `|` or `(`
    std::vector<bool> saved;  // of the `if` and `def` that are open in this bracket
  };
  struct Key {
    std::string name;
    bool any = false;  // an index, a computed key
  };

  const std::vector<Token>& list() const { return tokens_.list; }
  Level& level() { return levels_.back(); }

  // Variables that the expression binds itself hide ours.
  void find_bound() {
    bool pattern = false;
    bool parameters = false;
    for (std::size_t i = 0; i < list().size(); ++i) {
      const Token& token = list()[i];
      if (token.ident("as") || token.ident("label")) pattern = true;
      if (token.ident("def")) parameters = true;
      if (token.symbol("|") || (token.open("(") && i > 0 && ends_pattern(list()[i - 1]))) pattern = false;
      if (token.symbol(":")) parameters = false;
      if ((pattern || parameters) && token.kind == Kind::kVariable) bound_.insert(std::string(token.text));
    }
  }

  static bool ends_pattern(const Token& token) {
    return token.kind == Kind::kVariable || token.close("]") || token.close("}");
  }

  void step() {
    const Token& token = list()[i_];
    switch (token.kind) {
      case Kind::kOpen:
        open();
        break;
      case Kind::kClose:
        levels_.pop_back();
        ++i_;
        break;
      case Kind::kIdent:
        ident(token);
        break;
      case Kind::kSymbol:
        symbol(token);
        break;
      case Kind::kVariable:
        variable(token);
        break;
      case Kind::kField:
        field(token);
        break;
      case Kind::kNumber:
      case Kind::kString:
      case Kind::kQuote:
        after_catch_ = false;
        ++i_;
        break;
    }
  }

  void open() {
    bool dot = level().dot && !after_catch_ && !level().pattern;
    after_catch_ = false;
    if (i_ > 0 && list()[i_].open("(")) {
      const Token& before = list()[i_ - 1];
      if (level().pattern && ends_pattern(before)) {  // reduce … as $x (…)
        level().pattern = false;
        dot = false;
      } else if (before.kind == Kind::kIdent && !is_keyword(before.text)) {
        dot = dot && std::find(kArgumentsSeeDot.begin(), kArgumentsSeeDot.end(), before.text) !=
                         kArgumentsSeeDot.end();
      }
    }
    levels_.push_back({dot, dot, false, {}});
    ++i_;
  }

  void ident(const Token& token) {
    ++i_;
    after_catch_ = false;
    if (!is_keyword(token.text)) return;
    Level& l = level();
    if (token.text == "as" || token.text == "label") {
      l.pattern = true;
    } else if (token.text == "if") {
      l.saved.push_back(l.dot);
    } else if (token.text == "def") {
      l.saved.push_back(l.dot);
      l.dot = false;
    } else if (token.text == "then" || token.text == "elif" || token.text == "else" || token.text == "end") {
      if (l.saved.empty()) return;
      l.dot = l.saved.back();
      if (token.text == "end") l.saved.pop_back();
    } else if (token.text == "catch") {
      after_catch_ = true;
    }
  }

  void symbol(const Token& token) {
    Level& l = level();
    if (token.text == "." && i_ + 1 < list().size() && path_may_begin() &&
        (list()[i_ + 1].kind == Kind::kString || list()[i_ + 1].open("["))) {
      const std::size_t begin = i_;
      ++i_;
      return path(begin, {}, l.dot && !after_catch_ && !l.pattern);
    }
    if (token.text == "|") {
      if (l.pattern) {
        l.pattern = false;
      } else {
        l.dot = false;
      }
    } else if (token.text == "|=") {
      l.dot = false;
    } else if (token.text == ";") {
      if (!l.saved.empty()) {
        l.dot = l.saved.back();
        l.saved.pop_back();
      } else {
        l.dot = l.base;
      }
    } else if (token.text == "," && token.within == '{') {
      l.dot = l.base;
    }
    if (token.text == ".") after_catch_ = false;
    ++i_;
  }

  // Whether a field here begins a path, instead of going on with the term before it.
  bool path_may_begin() const {
    if (i_ == 0) return true;
    const Token& before = list()[i_ - 1];
    switch (before.kind) {
      case Kind::kOpen:
        return true;
      case Kind::kSymbol:
        return before.text != "." && before.text != ".." && before.text != "?" && before.text[0] != '@';
      case Kind::kIdent:
        return is_keyword(before.text) && before.text != "end" && before.text != "__loc__";
      case Kind::kClose:
      case Kind::kField:
      case Kind::kVariable:
      case Kind::kNumber:
      case Kind::kString:
      case Kind::kQuote:
        return false;
    }
    return false;
  }

  void field(const Token& token) {
    const bool begins = path_may_begin();
    const std::size_t begin = i_;
    ++i_;
    const bool certain = begins && level().dot && !after_catch_ && !level().pattern;
    after_catch_ = false;
    path(begin, {{std::string(token.text), false}}, certain);
  }

  void variable(const Token& token) {
    const std::size_t begin = i_;
    ++i_;
    after_catch_ = false;
    const std::string name(token.text);
    const bool ours = std::find(kBoundNames.begin(), kBoundNames.end(), name) != kBoundNames.end() &&
                      !bound_.contains(name);
    if (!ours) return;
    path(begin, {{name, false}}, true);
  }

  // Reads the suffixes of a path that began at token `begin`, and checks it when it is certain.
  // An index is left to step(): paths inside its brackets are checked, too.
  void path(std::size_t begin, std::vector<Key> keys, bool certain) {
    while (i_ < list().size()) {
      const Token& token = list()[i_];
      const bool more = i_ + 1 < list().size();
      if (token.kind == Kind::kField) {
        keys.push_back({std::string(token.text), false});
        ++i_;
      } else if (token.symbol(".") && more && list()[i_ + 1].kind == Kind::kString) {
        ++i_;
      } else if (token.kind == Kind::kString && (list()[i_ - 1].symbol(".") && i_ > begin)) {
        keys.push_back(key_of(token));
        ++i_;
      } else if (token.symbol(".") && more && list()[i_ + 1].open("[")) {
        ++i_;
      } else if (token.open("[") && i_ + 2 < list().size() && list()[i_ + 1].kind == Kind::kString &&
                 list()[i_ + 2].close("]")) {
        keys.push_back(key_of(list()[i_ + 1]));
        i_ += 3;
      } else if (token.open("[")) {
        keys.push_back({"", true});
        index();
      } else if (token.symbol("?")) {
        ++i_;
      } else {
        break;
      }
    }
    if (certain && !keys.empty()) check(begin, keys);
  }

  void index() {
    const std::size_t depth = levels_.size();
    do {
      step();
    } while (levels_.size() > depth && i_ < list().size());
  }

  static Key key_of(const Token& string) {
    const auto parsed = parse_json(string.text);
    if (!parsed || !parsed->is_string()) return {"", true};
    return {std::string(view(parsed->get_string())), false};
  }

  void problem(std::size_t begin, std::string message) {
    Place place = expression_.place;
    const std::string_view before = std::string_view(expression_.text).substr(0, list()[begin].offset);
    for (const char c : before) {
      if (place.line == 0) break;
      place.column = c == '\n' ? 1 : place.column + 1;
      if (c == '\n') ++place.line;
    }
    problems_.push_back({std::move(place), std::move(message)});
  }

  static std::string with_nearest(std::string_view word, const std::vector<std::string>& candidates,
                                  std::string_view sigil) {
    const std::string near = nearest(word, candidates);
    if (!near.empty()) return "; did you mean `" + std::string(sigil) + near + "`?";
    std::vector<std::string> some = candidates;
    if (some.size() > 24) some.resize(24);
    for (std::string& s : some)
      s = std::string(sigil) + s;
    return "; there " + std::string(some.size() == 1 ? "is " : "are ") + join(some, " ");
  }

  void check_step(std::size_t begin, const std::vector<Key>& keys) {
    if (keys.size() < 2 || keys[0].name != "steps" || keys[1].any) return;
    if (std::find(steps_->begin(), steps_->end(), keys[1].name) != steps_->end()) return;
    problem(begin, "no earlier step has the id `" + keys[1].name + "`" +
                       (steps_->empty() ? "" : with_nearest(keys[1].name, *steps_, "")));
  }

  void check(std::size_t begin, const std::vector<Key>& keys) {
    if (keys.front().any) return;
    if (steps_ != nullptr) return check_step(begin, keys);
    const std::string& root = keys.front().name;
    const std::string sigil = list()[begin].kind == Kind::kVariable ? "$" : ".";
    if (std::find(roots_.begin(), roots_.end(), root) == roots_.end()) {
      return problem(begin, "`" + sigil + root + "` is not known here" + with_nearest(root, roots_, sigil));
    }
    if (root != "event") return;
    const Shape* shape = &event_shape();
    std::string so_far = sigil + "event";
    for (std::size_t k = 1; k < keys.size(); ++k) {
      if (keys[k].any) {
        so_far += "[]";
        continue;
      }
      const auto member = shape->members.find(keys[k].name);
      if (member == shape->members.end()) {
        if (shape->open) return;
        std::vector<std::string> candidates;
        for (const auto& [name, below] : shape->members)
          candidates.push_back(name);
        return problem(begin, "`" + so_far + "` has no `" + keys[k].name + "`" +
                                  with_nearest(keys[k].name, candidates, ""));
      }
      so_far += "." + keys[k].name;
      shape = &member->second;
    }
  }

  const Expression& expression_;
  const std::vector<std::string>& roots_;
  Problems& problems_;
  const std::vector<std::string>* steps_;  // not nullptr: only `.steps.X` is looked at
  Tokens tokens_;
  std::size_t i_ = 0;
  std::vector<Level> levels_;
  std::set<std::string> bound_;
  bool after_catch_ = false;
};

}  // namespace

void check_names(const Expression& expression, const std::vector<std::string>& roots, Problems& problems) {
  NameCheck(expression, roots, problems).run();
}

void check_steps(const Expression& expression, const std::vector<std::string>& earlier, Problems& problems) {
  NameCheck(expression, earlier, problems, &earlier).run();
}

}  // namespace postlude::lang
