#include "lang/expression_paths.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "lang/expression_tokens.h"

namespace postlude::lang {
namespace {

using Kind = Token::Kind;

// Functions whose arguments see the same `.` as the call itself.
constexpr std::array<std::string_view, 22> kArgumentsSeeDot = {
    "first",      "last",     "limit",    "select",   "has",       "contains", "inside", "test",
    "startswith", "endswith", "ltrimstr", "rtrimstr", "split",     "join",     "glob",   "range",
    "error",      "index",    "time",     "in_zone",  "in_window", "splits"};
constexpr std::array<std::string_view, 8> kAssignments = {"=", "|=", "+=", "-=", "*=", "/=", "%=", "//="};

// The value of `.`: a path from the context, whose own path is empty.
struct Dot {
  std::vector<PathKey> keys;
  bool variable = false;
};
using MaybeDot = std::optional<Dot>;  // nullopt: it may be anything

struct Level {
  MaybeDot base;                // `.` where this bracket opened
  MaybeDot dot;                 // … and here
  std::size_t begin = 0;        // the first token of what stands left of the next `|`
  std::size_t opened = 0;       // the token that opened it
  bool grouping = false;        // parentheses around an expression, not around arguments
  bool pattern = false;         // between `as` and its `|` or `(`
  std::vector<MaybeDot> saved;  // of the `if` and `def` that are open in this bracket
};

// One pass over the tokens that knows where `.` certainly is a part of the context.
class Walk {
 public:
  explicit Walk(const Expression& expression) : tokens_(tokenize(expression.text, 0, false)) {}

  std::vector<ReadPath> run() {
    if (!tokens_.problem.empty()) return {};
    find_bound();
    Level outermost;
    outermost.base = outermost.dot = Dot{};
    levels_.push_back(std::move(outermost));
    while (i_ < list().size())
      step();
    std::stable_sort(found_.begin(), found_.end(),
                     [](const ReadPath& a, const ReadPath& b) { return a.offset < b.offset; });
    return std::move(found_);
  }

 private:
  const std::vector<Token>& list() const { return tokens_.list; }
  Level& level() { return levels_.back(); }
  MaybeDot dot_here() { return after_catch_ || level().pattern ? std::nullopt : level().dot; }

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
    Level inner;
    inner.dot = dot_here();
    inner.opened = i_;
    inner.begin = i_ + 1;
    inner.grouping = list()[i_].open("(") && path_may_begin();
    after_catch_ = false;
    if (i_ > 0 && list()[i_].open("(")) {
      const Token& before = list()[i_ - 1];
      if (level().pattern && ends_pattern(before)) {  // reduce … as $x (…)
        level().pattern = false;
        inner.dot.reset();
      } else if (before.kind == Kind::kIdent && !is_keyword(before.text)) {
        argument(before.text, inner.dot);
      }
    }
    inner.base = inner.dot;
    levels_.push_back(std::move(inner));
    ++i_;
  }

  static void argument(std::string_view function, MaybeDot& dot) {
    if (!dot ||
        std::find(kArgumentsSeeDot.begin(), kArgumentsSeeDot.end(), function) != kArgumentsSeeDot.end())
      return;
    if (function == "map" && !dot->keys.empty()) {
      dot->keys.emplace_back();
    } else {
      dot.reset();
    }
  }

  void ident(const Token& token) {
    ++i_;
    after_catch_ = false;
    if (!is_keyword(token.text)) return;
    Level& l = level();
    l.begin = i_;
    if (token.text == "as" || token.text == "label") {
      l.pattern = true;
    } else if (token.text == "if") {
      l.saved.push_back(l.dot);
    } else if (token.text == "def") {
      l.saved.push_back(l.dot);
      l.dot.reset();
    } else if (token.text == "then" || token.text == "elif" || token.text == "else" || token.text == "end") {
      if (l.saved.empty()) return;
      l.dot = l.saved.back();
      if (token.text != "end") return;
      l.saved.pop_back();
      l.begin = list().size();  // `if … end | .x`: not a path alone
    } else if (token.text == "catch") {
      after_catch_ = true;
      l.begin = list().size();
    } else if (token.text == "and" || token.text == "or" || token.text == "try") {
      l.begin = list().size();
    }
  }

  void symbol(const Token& token) {
    Level& l = level();
    if (token.text == "." && i_ + 1 < list().size() && path_may_begin() &&
        (list()[i_ + 1].kind == Kind::kString || list()[i_ + 1].open("["))) {
      const std::size_t begin = i_;
      MaybeDot dot = dot_here();
      after_catch_ = false;
      ++i_;
      return path(begin, begin, std::move(dot));
    }
    if (token.text == "|") {
      pipe(l);
    } else if (token.text == "|=") {
      l.dot.reset();
    } else if (token.text == ";") {
      if (!l.saved.empty()) {
        l.dot = l.saved.back();
        l.saved.pop_back();
      } else {
        l.dot = l.base;
      }
      l.begin = i_ + 1;
    } else if (token.text == "," && token.within == '{') {
      l.dot = l.base;
      l.begin = i_ + 1;
    } else if (token.text == ":") {
      l.begin = i_ + 1;
    }
    if (token.text == ".") after_catch_ = false;
    ++i_;
  }

  // The left side of a pipe decides the value of `.` on its right side.
  void pipe(Level& l) {
    if (l.pattern) {
      l.pattern = false;
    } else if (last_ && last_begin_ == l.begin && last_end_ == i_) {
      l.dot = last_;
    } else {
      l.dot.reset();
    }
    l.begin = i_ + 1;
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
    MaybeDot dot = begins ? dot_here() : std::nullopt;
    after_catch_ = false;
    if (dot) dot->keys.push_back(named(token.text));
    path(begin, begin, std::move(dot));
  }

  void variable(const Token& token) {
    const std::size_t begin = i_;
    ++i_;
    after_catch_ = false;
    const std::string name(token.text);
    // A variable that the expression does not bind is ours, or a mistake; all others belong to jq, and are
    // refused by name.
    const bool ours = !bound_.contains(name) && !level().pattern && !name.starts_with("__") && name != "ENV";
    if (ours) path(begin, begin, Dot{{named(name)}, true});
  }

  // Reads on after the first key of a path that began at token `begin`; `dot` is what it has come to.
  // An index is left to step(): paths inside its brackets are read, too.
  void path(std::size_t first, std::size_t begin, MaybeDot dot) {
    suffixes(begin, dot);
    // (.event).name: what is alone in its parentheses goes on behind them.
    while (i_ < list().size() && list()[i_].close(")") && level().grouping && level().opened + 1 == begin) {
      begin = level().opened;
      levels_.pop_back();
      ++i_;
      suffixes(begin, dot);
    }
    const bool assigned =
        i_ < list().size() && list()[i_].kind == Kind::kSymbol &&
        std::find(kAssignments.begin(), kAssignments.end(), list()[i_].text) != kAssignments.end();
    last_ = dot;
    last_begin_ = begin;
    last_end_ = i_;
    if (!dot || assigned || dot->keys.empty() || dot->keys.front().kind != PathKey::Kind::kName) return;
    found_.push_back({std::move(dot->keys), list()[first].offset, first, i_, dot->variable});
  }

  void suffixes(std::size_t begin, MaybeDot& dot) {
    const auto add = [&](PathKey key) {
      if (dot) dot->keys.push_back(std::move(key));
    };
    while (i_ < list().size()) {
      const Token& token = list()[i_];
      const bool more = i_ + 1 < list().size();
      if (token.kind == Kind::kField) {
        add(named(token.text));
        ++i_;
      } else if (token.symbol(".") && more &&
                 (list()[i_ + 1].kind == Kind::kString || list()[i_ + 1].open("["))) {
        ++i_;
      } else if (token.kind == Kind::kString && i_ > begin && list()[i_ - 1].symbol(".")) {
        add(key_of(token));
        ++i_;
      } else if (token.open("[") && i_ + 2 < list().size() && list()[i_ + 2].close("]") &&
                 (list()[i_ + 1].kind == Kind::kString || list()[i_ + 1].kind == Kind::kNumber)) {
        add(key_of(list()[i_ + 1]));
        i_ += 3;
      } else if (token.open("[")) {
        add({});
        index();
      } else if (token.symbol("?")) {
        ++i_;
      } else {
        break;
      }
    }
  }

  void index() {
    const std::size_t depth = levels_.size();
    do {
      step();
    } while (levels_.size() > depth && i_ < list().size());
  }

  static PathKey named(std::string_view name) { return {PathKey::Kind::kName, std::string(name), 0}; }

  static PathKey key_of(const Token& token) {
    if (token.kind == Kind::kNumber) {
      PathKey key{PathKey::Kind::kIndex, "", 0};
      const char* end = token.text.data() + token.text.size();
      const auto [stop, error] = std::from_chars(token.text.data(), end, key.index);
      return error == std::errc() && stop == end ? key : PathKey{};
    }
    const auto parsed = parse_json(token.text);
    if (!parsed || !parsed->is_string()) return {};
    return named(view(parsed->get_string()));
  }

  Tokens tokens_;
  std::size_t i_ = 0;
  std::vector<Level> levels_;
  std::set<std::string> bound_;
  bool after_catch_ = false;
  MaybeDot last_;  // the last path that was read, from which token to which
  std::size_t last_begin_ = 0;
  std::size_t last_end_ = 0;
  std::vector<ReadPath> found_;
};

bool plain_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

const json::value* member(const json::value* at, std::string_view name) {
  return at == nullptr ? nullptr : find(*at, name);
}

const json::value* element(const json::value* at, std::string_view digits) {
  std::size_t index = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, index);
  if (at == nullptr || !at->is_array() || error != std::errc() || stop != end) return nullptr;
  return index < at->get_array().size() ? &at->get_array()[index] : nullptr;
}

}  // namespace

bool null_is_met(const Tokens& tokens, const ReadPath& path) {
  const auto symbol = [&](std::size_t i, std::string_view text) {
    return i < tokens.list.size() && tokens.list[i].symbol(text);
  };
  if ((symbol(path.end, "==") || symbol(path.end, "!=")) && path.end + 1 < tokens.list.size() &&
      tokens.list[path.end + 1].ident("null")) {
    return true;
  }
  for (std::size_t i = path.end; i < tokens.list.size(); ++i) {
    if (symbol(i, "//")) return true;
  }
  return false;
}

std::vector<ReadPath> read_paths(const Expression& expression) {
  return Walk(expression).run();
}

std::vector<std::string> paths_of(const Expression& expression) {
  std::vector<std::string> out;
  for (const ReadPath& path : read_paths(expression)) {
    std::string text;
    for (const PathKey& key : path.keys) {
      if (key.kind == PathKey::Kind::kAny) break;
      if (key.kind == PathKey::Kind::kIndex) {
        text += "[" + std::to_string(key.index) + "]";
      } else if (text.empty()) {
        text = (path.variable ? "$" : ".") +
               (plain_name(key.name) ? key.name : "[" + postlude::to_text(json::value(key.name)) + "]");
      } else {
        text += plain_name(key.name) ? "." + key.name : "[" + postlude::to_text(json::value(key.name)) + "]";
      }
    }
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
  }
  return out;
}

json::value value_at(const json::value& context, std::string_view path) {
  const Tokens tokens = tokenize(path, 0, false);
  if (!tokens.problem.empty()) return nullptr;
  const json::value* at = &context;
  for (const Token& token : tokens.list) {
    switch (token.kind) {
      case Kind::kField:
      case Kind::kVariable:
        at = member(at, token.text);
        break;
      case Kind::kString: {
        const auto key = parse_json(token.text);
        at = key && key->is_string() ? member(at, view(key->get_string())) : nullptr;
        break;
      }
      case Kind::kNumber:
        at = element(at, token.text);
        break;
      case Kind::kOpen:
      case Kind::kClose:
      case Kind::kSymbol:
        break;
      case Kind::kIdent:
      case Kind::kQuote:
        return nullptr;
    }
  }
  return at == nullptr ? json::value() : *at;
}

}  // namespace postlude::lang
