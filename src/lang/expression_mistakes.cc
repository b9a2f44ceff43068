// Finds expressions that jq accepts and nobody means, and those that jq refuses without a helpful message.

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "lang/expression.h"
#include "lang/expression_kinds.h"
#include "lang/expression_paths.h"
#include "lang/expression_tokens.h"

namespace postlude::lang {
namespace {

using Kind = Token::Kind;

// jq 1.6's own, each with the numbers of arguments that it takes. Those that are refused by name are among
// them: expression.cc speaks about these.
constexpr std::string_view kBuiltIns =
    "IN/1/2 INDEX/1/2 JOIN/2/3/4 acos/0 acosh/0 add/0 all/0/1/2 any/0/1/2 arrays/0 ascii_downcase/0 "
    "ascii_upcase/0 asin/0 asinh/0 atan/0 atan2/2 atanh/0 booleans/0 bsearch/1 builtins/0 capture/1/2 "
    "cbrt/0 ceil/0 combinations/0/1 contains/1 copysign/2 cos/0 cosh/0 debug/0 del/1 delpaths/1 drem/2 "
    "empty/0 endswith/1 env/0 erf/0 erfc/0 error/0/1 exp/0 exp10/0 exp2/0 explode/0 expm1/0 fabs/0 "
    "false/0 fdim/2 finites/0 first/0/1 flatten/0/1 floor/0 fma/3 fmax/2 fmin/2 fmod/2 format/1 frexp/0 "
    "from_entries/0 fromdate/0 fromdateiso8601/0 fromjson/0 fromstream/1 gamma/0 get_jq_origin/0 "
    "get_prog_origin/0 get_search_list/0 getpath/1 gmtime/0 group_by/1 gsub/2/3 halt/0 halt_error/0/1 "
    "has/1 hypot/2 implode/0 in/1 index/1 indices/1 infinite/0 input/0 input_filename/0 "
    "input_line_number/0 inputs/0 inside/1 isempty/1 isfinite/0 isinfinite/0 isnan/0 isnormal/0 "
    "iterables/0 j0/0 j1/0 jn/2 join/1 keys/0 keys_unsorted/0 last/0/1 ldexp/2 leaf_paths/0 length/0 "
    "lgamma/0 lgamma_r/0 limit/2 localtime/0 log/0 log10/0 log1p/0 log2/0 logb/0 ltrimstr/1 map/1 "
    "map_values/1 match/1/2 max/0 max_by/1 min/0 min_by/1 mktime/0 modf/0 modulemeta/0 nan/0 "
    "nearbyint/0 nextafter/2 nexttoward/2 normals/0 not/0 now/0 nth/1/2 null/0 nulls/0 numbers/0 "
    "objects/0 path/1 paths/0/1 pow/2 pow10/0 range/1/2/3 recurse/0/1/2 recurse_down/0 remainder/2 "
    "repeat/1 reverse/0 rindex/1 rint/0 round/0 rtrimstr/1 scalars/0 scalars_or_empty/0 scalb/2 "
    "scalbln/2 scan/1 select/1 setpath/2 significand/0 sin/0 sinh/0 sort/0 sort_by/1 split/1/2 "
    "splits/1/2 sqrt/0 startswith/1 stderr/0 strflocaltime/1 strftime/1 strings/0 strptime/1 sub/2/3 "
    "tan/0 tanh/0 test/1/2 tgamma/0 to_entries/0 todate/0 todateiso8601/0 tojson/0 tonumber/0 "
    "tostream/0 tostring/0 transpose/0 true/0 trunc/0 truncate_stream/1 type/0 unique/0 unique_by/1 "
    "until/2 utf8bytelength/0 values/0 walk/1 while/2 with_entries/1 y0/0 y1/0 yn/2 ";

// Names of other languages, and how jq has it.
struct Foreign {
  std::string_view name;
  std::string_view instead;
};
constexpr std::array<Foreign, 54> kForeign = {{
    {"startsWith", "startswith(\"…\")"},
    {"hasPrefix", "startswith(\"…\")"},
    {"endsWith", "endswith(\"…\")"},
    {"hasSuffix", "endswith(\"…\")"},
    {"includes", "contains(\"…\")"},
    {"toUpperCase", "ascii_upcase"},
    {"toUpper", "ascii_upcase"},
    {"upper", "ascii_upcase"},
    {"upcase", "ascii_upcase"},
    {"uppercase", "ascii_upcase"},
    {"toLowerCase", "ascii_downcase"},
    {"toLower", "ascii_downcase"},
    {"lower", "ascii_downcase"},
    {"downcase", "ascii_downcase"},
    {"lowercase", "ascii_downcase"},
    {"len", "length"},
    {"size", "length"},
    {"count", "length"},
    {"str", "tostring"},
    {"string", "tostring"},
    {"toString", "tostring"},
    {"int", "tonumber"},
    {"float", "tonumber"},
    {"number", "tonumber"},
    {"Number", "tonumber"},
    {"toNumber", "tonumber"},
    {"parseInt", "tonumber"},
    {"fromJson", "fromjson"},
    {"fromJSON", "fromjson"},
    {"parseJson", "fromjson"},
    {"toJson", "tojson"},
    {"toJSON", "tojson"},
    {"hasKey", "has(\"…\")"},
    {"default", "// \"…\""},
    {"coalesce", "// \"…\""},
    {"replace", "gsub(\"…\"; \"…\")"},
    {"replaceAll", "gsub(\"…\"; \"…\")"},
    {"matches", "test(\"…\")"},
    {"regexMatch", "test(\"…\")"},
    {"trimPrefix", "ltrimstr(\"…\")"},
    {"trimSuffix", "rtrimstr(\"…\")"},
    {"filter", "select(…)"},
    {"where", "select(…)"},
    {"urlencode", "@uri"},
    {"urlquery", "@uri"},
    {"encodeURIComponent", "@uri"},
    {"uri", "@uri"},
    {"b64enc", "@base64"},
    {"base64", "@base64"},
    {"b64dec", "@base64d"},
    {"True", "true"},
    {"False", "false"},
    {"undefined", "null"},
    {"nil", "null"},
}};

constexpr std::array<std::string_view, 8> kAssignments = {"=", "|=", "+=", "-=", "*=", "/=", "%=", "//="};
constexpr std::array<std::string_view, 6> kComparisons = {"==", "!=", "<", "<=", ">", ">="};
constexpr std::array<std::string_view, 4> kArithmetic = {"+", "-", "/", "%"};

// name -> the numbers of its arguments
using Functions = std::map<std::string, std::set<std::size_t>, std::less<>>;

// `def name(a; b):` in the prelude.
void add_prelude(Functions& into) {
  const std::string_view text = prelude();
  constexpr std::string_view kDef = "\ndef ";
  for (std::size_t at = text.find(kDef); at != std::string_view::npos; at = text.find(kDef, at + 1)) {
    std::string_view rest = text.substr(at + kDef.size());
    rest = rest.substr(0, rest.find(':'));
    const std::size_t open = rest.find('(');
    const std::string_view name = rest.substr(0, open);
    const std::size_t arguments =
        open == std::string_view::npos
            ? 0
            : 1 + static_cast<std::size_t>(std::count(rest.begin(), rest.end(), ';'));
    if (!name.starts_with("__")) into[std::string(name)].insert(arguments);
  }
}

const Functions& functions() {
  static const Functions known = [] {
    Functions out;
    std::string_view rest = kBuiltIns;
    while (!rest.empty()) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      rest.remove_prefix(word.size() + 1);
      std::set<std::size_t>& counts = out[std::string(word.substr(0, word.find('/')))];
      for (std::size_t at = word.find('/'); at != std::string_view::npos; at = word.find('/', at + 1))
        counts.insert(static_cast<std::size_t>(word[at + 1] - '0'));
    }
    add_prelude(out);
    return out;
  }();
  return known;
}

bool is_symbol(const Token& token, const auto& list) {
  return token.kind == Kind::kSymbol && std::find(list.begin(), list.end(), token.text) != list.end();
}

class Mistakes {
 public:
  Mistakes(const Expression& expression, bool condition, Problems& problems)
      : expression_(expression),
        condition_(condition),
        problems_(problems),
        tokens_(tokenize(expression.text, 0, false)),
        paths_(read_paths(expression)) {}

  void run() {
    if (!tokens_.problem.empty()) return;
    find_defined();
    for (std::size_t k = 0; k < paths_.size() && !said_; ++k)
      dashes(paths_[k]);
    for (std::size_t i = 0; i < list().size() && !said_; ++i)
      token(i);
    for (std::size_t k = 0; k < paths_.size() && !said_; ++k)
      texts(paths_[k]);
    for (std::size_t k = 0; k < paths_.size() && !said_; ++k)
      words(paths_[k]);
    if (!said_) assignments();
    if (!said_) whole();
  }

 private:
  const std::vector<Token>& list() const { return tokens_.list; }
  const Token* at(std::size_t i) const { return i < list().size() ? &list()[i] : nullptr; }
  bool symbol_at(std::size_t i, std::string_view text) const {
    return at(i) != nullptr && at(i)->symbol(text);
  }
  bool open_at(std::size_t i, std::string_view text) const { return at(i) != nullptr && at(i)->open(text); }
  static std::size_t end_of(const Token& token) {
    const bool sigil = token.kind == Kind::kField || token.kind == Kind::kVariable;
    return token.offset + token.text.size() + (sigil ? 1 : 0);
  }
  bool touches(std::size_t i) const {  // token i and the one before it, without a blank between them
    return i > 0 && at(i) != nullptr && end_of(list()[i - 1]) == list()[i].offset;
  }

  // One is enough: what follows is often its consequence.
  void say(std::size_t offset, std::string message) {
    said_ = true;
    problems_.push_back({place_in(expression_, offset), std::move(message)});
  }

  void find_defined() {
    for (std::size_t i = 0; i + 1 < list().size(); ++i) {
      if (!list()[i].ident("def")) continue;
      defined_.insert(std::string(list()[i + 1].text));
      if (!open_at(i + 2, "(")) continue;
      for (std::size_t k = i + 3; k < list().size() && !list()[k].close(")"); ++k) {
        if (list()[k].kind == Kind::kIdent) defined_.insert(std::string(list()[k].text));
      }
    }
  }

  void token(std::size_t i) {
    const Token& token = list()[i];
    if (token.kind == Kind::kField && open_at(i + 1, "(")) {
      return say(token.offset, "`." + std::string(token.text) + "(…)`: a function stands behind a pipe: `| " +
                                   in_jq(token.text) + "`");
    }
    if (token.kind == Kind::kSymbol && (token.text == "==" || token.text == "!=") && symbol_at(i + 1, "=") &&
        touches(i + 1)) {
      return say(token.offset,
                 "`" + std::string(token.text) + "=` is written `" + std::string(token.text) + "`");
    }
    if (token.symbol("<") && symbol_at(i + 1, ">") && touches(i + 1))
      return say(token.offset, "`<>` is written `!=`");
    if (token.symbol(":") && token.within != '{' && token.within != '[' && !def_before(i)) {
      return say(token.offset, "`a ? b : c` is written `if a then b else c end`");
    }
    if (token.ident("if")) return an_if(i);
    if (token.kind == Kind::kIdent && !is_keyword(token.text) && is_function(tokens_, i)) function(i);
  }

  // The colon of `def name:`, or of `def name(a; b):`.
  bool def_before(std::size_t i) const {
    std::size_t at = i;
    if (at > 0 && list()[at - 1].close(")")) {
      while (at > 0 && !list()[at - 1].open("("))
        --at;
      if (at > 0) --at;
    }
    return at >= 2 && list()[at - 2].ident("def");
  }

  // jq 1.6 knows no `if` without `else`.
  void an_if(std::size_t i) {
    int depth = 0;
    int brackets = 0;
    for (std::size_t k = i; k < list().size(); ++k) {
      const Token& token = list()[k];
      if (token.kind == Kind::kOpen) ++brackets;
      if (token.kind == Kind::kClose && --brackets < 0) break;
      if (brackets > 0 || token.kind != Kind::kIdent || !is_function_or_keyword(k)) continue;
      if (token.text == "if") ++depth;
      if (token.text == "else" && depth == 1) return;
      if (token.text == "end" && --depth == 0)
        return say(list()[i].offset,
                   "`if … then … end` needs an `else` in jq 1.6: `else . end`, or `else false end`");
    }
  }
  bool is_function_or_keyword(std::size_t k) const { return is_function(tokens_, k); }

  static std::string in_jq(std::string_view name) {
    for (const Foreign& foreign : kForeign) {
      if (foreign.name == name) return std::string(foreign.instead);
    }
    const auto known = functions().find(name);
    const bool alone = known != functions().end() && known->second.contains(0);
    return std::string(name) + (alone ? "" : "(…)");
  }

  void function(std::size_t i) {
    const Token& token = list()[i];
    const std::string name(token.text);
    if (defined_.contains(name) || name.starts_with("__") || name.find("::") != std::string::npos) return;
    const bool bound = std::find(kBoundNames.begin(), kBoundNames.end(), name) != kBoundNames.end();
    const Token* next = at(i + 1);
    const bool field = next != nullptr && next->kind == Kind::kField && touches(i + 1);
    if (bound && (field || !functions().contains(name))) {
      return say(token.offset, "`" + name + (field ? "." + std::string(next->text) : "") +
                                   "`: what the context holds begins with a dot: `." + name +
                                   (field ? "." + std::string(next->text) : "") + "`");
    }
    const bool empty = open_at(i + 1, "(") && at(i + 2) != nullptr && at(i + 2)->close(")");
    const auto known = functions().find(name);
    if (known == functions().end()) return unknown(token, empty);
    if (empty && known->second.contains(0))
      return say(token.offset, "`" + name + "()` is written `" + name + "`, without parentheses");
    const std::size_t given = empty ? 0 : arguments(i + 1);
    if (name == "not" && given == 0 && next != nullptr && begins_term(*next))
      return say(token.offset, "`not x` is written `x | not`");
    if (known->second.contains(given)) return;
    std::vector<std::string> counts;
    for (const std::size_t count : known->second)
      counts.push_back(count == 0 ? "none" : std::to_string(count));
    say(token.offset,
        "`" + name + "` has " +
            (given == 0 ? "no argument" : std::to_string(given) + (given == 1 ? " argument" : " arguments")) +
            "; it takes " + join(counts, " or ") + (given > 0 ? ", separated by `;`" : ""));
  }

  static bool begins_term(const Token& token) {
    return token.kind == Kind::kField || token.kind == Kind::kVariable || token.open("(");
  }

  // The number of arguments in the parentheses that open at token `i`; 0: there are none.
  std::size_t arguments(std::size_t i) const {
    if (!open_at(i, "(")) return 0;
    std::size_t count = 1;
    int depth = 0;
    for (std::size_t k = i; k < list().size(); ++k) {
      if (list()[k].kind == Kind::kOpen) ++depth;
      if (list()[k].kind == Kind::kClose && --depth == 0) return count;
      if (depth == 1 && list()[k].symbol(";")) ++count;
    }
    return count;
  }

  void unknown(const Token& token, bool empty) {
    const std::string name(token.text);
    for (const Foreign& foreign : kForeign) {
      if (foreign.name == name)
        return say(token.offset,
                   "there is no function `" + name + "`; jq has `" + std::string(foreign.instead) + "`");
    }
    if (name == "secrets") {
      return say(
          token.offset,
          "`secrets` is not there: expressions cannot see secrets, which stand in the `auth` of targets");
    }
    std::vector<std::string> names;
    for (const auto& [one, counts] : functions())
      names.push_back(one);
    // The words for the state of a run, where a condition asks for it.
    const std::string near = name == "failed"      ? "failure"
                             : name == "succeeded" ? "success"
                                                   : nearest(name, names);
    say(token.offset, "there is no function `" + name + "`" +
                          (near.empty() ? std::string(empty ? ""
                                                            : "; text stands in double quotes, and what the "
                                                              "context holds begins with a dot")
                                        : "; did you mean `" + near + "`?"));
  }

  // `.event.metadata.min-length`: jq subtracts.
  void dashes(const ReadPath& path) {
    std::size_t end = path.end;
    if (end == 0 || at(end - 1) == nullptr || list()[end - 1].kind != Kind::kField) return;
    const bool open = text_depth(path) == 3 || names_labels(path);
    std::string more;
    while (at(end + 1) != nullptr && touches(end) && touches(end + 1)) {
      const Token& sign = list()[end];
      const Token& next = list()[end + 1];
      const bool word = next.kind == Kind::kIdent || (open && next.kind == Kind::kNumber);
      if (!word || !(sign.symbol("-") || (open && sign.symbol("/")))) break;
      more += std::string(sign.text) + std::string(next.text);
      end += 2;
      while (open && at(end) != nullptr && touches(end) && list()[end].kind == Kind::kField)
        more += "." + std::string(list()[end++].text);
    }
    if (more.empty()) return;
    const std::size_t from = open ? names_labels(path) ? label_from(path) : 2 : path.keys.size() - 1;
    std::string key;
    for (std::size_t k = from; k < path.keys.size(); ++k)
      key += (k > from ? "." : "") + path.keys[k].name;
    say(path.offset, "`" + written(path, path.keys.size()) + more +
                         "`: a key with a `-` or `/` in it is written `" + written(path, from) +
                         quoted_key(key + more) + "`" +
                         (open ? "" : "; to subtract, put blanks around the `-`"));
  }

  static std::size_t label_from(const ReadPath& path) {
    for (std::size_t k = 1; k + 1 < path.keys.size(); ++k) {
      if (path.keys[k].name == "labels" || path.keys[k].name == "annotations") return k + 1;
    }
    return 0;
  }
  static bool names_labels(const ReadPath& path) {
    return label_from(path) > 0 && path.keys[0].name == "event";
  }

  // Values that are always text: compared with a number, used in arithmetic, or indexed.
  void texts(const ReadPath& path) {
    const std::size_t depth = text_depth(path);
    if (depth == 0) return;
    const std::string text = written(path, depth);
    if (path.keys.size() > depth) {
      const PathKey& key = path.keys[depth];
      if (key.kind != PathKey::Kind::kName) return;  // an error of jq's own, and `[0:7]` is a slice
      std::string whole = path.keys[depth - 1].name;
      for (std::size_t k = depth; k < path.keys.size(); ++k)
        whole += "." + path.keys[k].name;
      return say(
          path.offset,
          "`" + text + "` is text and has no `" + key.name + "`" +
              (depth == 3 ? "; a key with dots is written `" + written(path, 2) + quoted_key(whole) + "`"
               : functions().contains(key.name) ? "; write `" + text + " | " + key.name + "`"
                                                : ""));
    }
    std::size_t from = path.first;
    std::size_t end = path.end;
    if (symbol_at(end, "//") && at(end + 1) != nullptr &&
        (list()[end + 1].kind == Kind::kNumber || list()[end + 1].kind == Kind::kString))
      end += 2;
    while (from > 0 && open_at(from - 1, "(") && at(end) != nullptr && list()[end].close(")") &&
           !(from > 1 && list()[from - 2].kind == Kind::kIdent && !is_keyword(list()[from - 2].text))) {
      --from;
      ++end;
    }
    const std::string found = beside(from, end);
    if (!found.empty()) {
      const bool number = found[0] == '-' || (found[0] >= '0' && found[0] <= '9');
      // Of metadata alone is it known that a number or true may be meant: there all is text.
      say(path.offset,
          "`" + text + "` is always text, and never equal to " + found + ": " +
              (depth == 3 ? "compare it with \"" + found + "\"" : "text stands in double quotes") +
              (number ? ", or write `(" + text + " | tonumber)`" : ""));
    } else if (reckoned(from, end)) {
      say(path.offset, "`" + text + "` is always text: `(" + text + " | tonumber)` is a number");
    }
  }

  // `.steps.x.state == "success"`: text that it never is. And a status that is compared with text.
  void words(const ReadPath& path) {
    const auto equal = [&](std::size_t i) { return symbol_at(i, "==") || symbol_at(i, "!="); };
    const Token* token = equal(path.end)                            ? at(path.end + 1)
                         : path.first >= 2 && equal(path.first - 1) ? at(path.first - 2)
                                                                    : nullptr;
    if (token == nullptr || token->kind != Kind::kString) return;
    const auto given = parse_json(token->text);
    if (!given || !given->is_string()) return;
    const std::string word(view(given->get_string()));
    const std::string text = written(path, path.keys.size());
    if (path.keys.size() == 2 && text.ends_with("response.status"))
      return say(path.offset, "`" + text + "` is a number, and never equal to text: leave the quotes out");
    const bool of_event = path.keys.size() == 2 && path.keys[0].name == "event";
    if (of_event && path.keys[1].name == "phase") return phase(path, word);
    if (of_event && path.keys[1].name == "outcome") outcome(path, word);
    const std::vector<std::string> known = words_at(path);
    if (known.empty() || std::find(known.begin(), known.end(), word) != known.end()) return;
    say(path.offset, "`" + text + "` is never \"" + word + "\"" + did_you_mean(word, known));
  }

  // Flagger may have phases that we do not know: one that is written in other letters is none of them.
  void phase(const ReadPath& path, const std::string& word) {
    static const std::vector<std::string> kPhases{
        "Initializing", "Initialized", "Waiting", "Progressing", "WaitingPromotion", "Promoting",
        "Finalising",   "Succeeded",   "Failed",  "Terminating", "Terminated"};
    for (const std::string& one : kPhases) {
      if (word != one && equal_ignoring_case(word, one))
        return say(path.offset, "`" + written(path, path.keys.size()) + "` is never \"" + word +
                                    "\"; did you mean '" + one + "'?");
    }
  }

  // Outcomes that only a cluster could report. A test may set them.
  void outcome(const ReadPath& path, const std::string& word) {
    if (word != "rolledBack" && word != "promotionFailed" && word != "unchanged") return;
    problems_.push_back({place_in(expression_, path.offset),
                         "`" + written(path, path.keys.size()) + "` is never \"" + word +
                             "\": this version of Postlude does not read the cluster, and an outcome is "
                             "\"promoted\" or \"failed\"",
                         true});
  }

  // The number or boolean that tokens [from, end) are compared with.
  std::string beside(std::size_t from, std::size_t end) const {
    if (at(end) != nullptr && is_symbol(list()[end], kComparisons)) {
      const std::size_t sign = symbol_at(end + 1, "-") ? 1 : 0;
      if (const std::string word = plain_value(end + 1 + sign); !word.empty())
        return (sign == 1 ? "-" : "") + word;
    }
    if (from >= 2 && is_symbol(list()[from - 1], kComparisons)) return plain_value(from - 2);
    return "";
  }
  std::string plain_value(std::size_t i) const {
    const Token* token = at(i);
    if (token == nullptr) return "";
    const bool word = token->ident("true") || token->ident("false");
    return word || token->kind == Kind::kNumber ? std::string(token->text) : "";
  }
  bool reckoned(std::size_t from, std::size_t end) const {
    const auto number = [&](std::size_t i) { return at(i) != nullptr && list()[i].kind == Kind::kNumber; };
    if (at(end) != nullptr && is_symbol(list()[end], kArithmetic) && number(end + 1)) return true;
    return from >= 2 && is_symbol(list()[from - 1], kArithmetic) && number(from - 2);
  }

  // `a = b` where a comparison is meant: in what must yield true or false, and in what selects.
  void assignments() {
    for (std::size_t i = 0; i < list().size(); ++i) {
      if (!is_symbol(list()[i], kAssignments)) continue;
      if (!(condition_ && decides(i)) && !selects(i)) continue;
      const std::string op(list()[i].text);
      return say(list()[i].offset, "`" + op + "` assigns, and yields neither true nor false" +
                                       (op == "=" || op == "|=" ? ": to compare, write `==`" : ""));
    }
  }

  // Whether the value assigned at token `i` is the expression's result: no pipe follows.
  bool decides(std::size_t i) const {
    int depth = 0;
    for (std::size_t k = i + 1; k < list().size(); ++k) {
      if (list()[k].kind == Kind::kOpen) ++depth;
      if (list()[k].kind == Kind::kClose) depth = std::max(depth - 1, 0);
      if (depth == 0 && list()[k].symbol("|")) return false;
    }
    return true;
  }

  // Whether token `i` stands in select(…), any(…), all(…), or between `if` and `then`.
  bool selects(std::size_t i) const {
    int depth = 0;
    for (std::size_t k = i; k-- > 0;) {
      if (depth == 0 && (list()[k].symbol("|") || list()[k].ident("then") || list()[k].ident("else")))
        return false;
      if (depth == 0 && (list()[k].ident("if") || list()[k].ident("elif"))) return true;
      if (list()[k].kind == Kind::kClose) ++depth;
      if (list()[k].kind == Kind::kOpen && --depth < 0) {
        return list()[k].open("(") && k > 0 &&
               (list()[k - 1].ident("select") || list()[k - 1].ident("any") || list()[k - 1].ident("all"));
      }
    }
    return false;
  }

  // `if: .event.metadata.enabled`: text is neither true nor false.
  void whole() {
    if (!condition_) return;
    const Whole is = whole_of(expression_, tokens_, paths_);
    if (is.kind.empty()) return;
    std::string instead;
    if (is.metadata) instead = ": write `" + is.text + " == \"true\"`";
    if (!is.metadata && !is.literal && is.kind == "text")
      instead = ": compare it, as in `" + is.text + " == \"…\"`";
    if (!is.literal && is.kind == "a number") instead = ": compare it, as in `" + is.text + " == 200`";
    say(is.offset, "`" + is.text + "` is " + std::string(is.kind) + "; expected true or false" + instead);
  }

  const Expression& expression_;
  bool condition_;
  Problems& problems_;
  Tokens tokens_;
  std::vector<ReadPath> paths_;
  std::set<std::string, std::less<>> defined_;
  bool said_ = false;
};

}  // namespace

void check_mistakes(const Expression& expression, bool condition, Problems& problems) {
  Mistakes(expression, condition, problems).run();
}

void check_always_null(const Expression& expression, Problems& problems) {
  const Tokens tokens = tokenize(expression.text, 0, false);
  for (const ReadPath& path : read_paths(expression)) {
    if (path.keys.size() < 2 || path.keys[0].name != "event") continue;
    const std::string& name = path.keys[1].name;
    if (name != "release" && name != "canary") continue;
    if (null_is_met(tokens, path)) continue;
    problems.push_back({place_in(expression, path.offset),
                        "`.event." + name +
                            "` is null in every event: this version of Postlude reads no cluster; write `" +
                            written(path, path.keys.size()) + " // \"-\"`, or take it from `.event.metadata`",
                        true});
    return;
  }
}

void check_members(const Expression& expression, const std::vector<std::string>& prefix,
                   const Members& members, Problems& problems) {
  if (members.kind == Members::Kind::kAnything) return;
  for (const ReadPath& path : read_paths(expression)) {
    std::size_t k = 0;
    const auto fits = [&](const PathKey& key, const std::string& wanted) {
      return wanted.empty() ? key.kind != PathKey::Kind::kName
                            : key.kind == PathKey::Kind::kName && key.name == wanted;
    };
    while (k < prefix.size() && k < path.keys.size() && fits(path.keys[k], prefix[k]))
      ++k;
    if (k < prefix.size() || k >= path.keys.size()) continue;
    const std::string so_far = written(path, k);
    const bool list = members.kind == Members::Kind::kEach || members.kind == Members::Kind::kEachOf;
    const bool named = path.keys[k].kind == PathKey::Kind::kName;
    std::string why;
    if (list && named) {
      why = "`" + so_far + "` is a list: write `" + so_far + "[]." + path.keys[k].name +
            "`, or [0] for its first";
    } else if (members.kind == Members::Kind::kNothing && named) {
      why = "`" + so_far + "` is not a map, and has no `" + path.keys[k].name + "`";
    } else if (members.kind == Members::Kind::kNamed || members.kind == Members::Kind::kEach) {
      const std::size_t at = list ? k + 1 : k;
      if (at >= path.keys.size() || path.keys[at].kind != PathKey::Kind::kName) continue;
      const std::string& name = path.keys[at].name;
      if (std::find(members.names.begin(), members.names.end(), name) != members.names.end()) continue;
      const std::string near = nearest(name, members.names);
      why = "`" + so_far + (list ? "[]" : "") + "` has no `" + name + "`" +
            (!near.empty()           ? "; did you mean `" + near + "`?"
             : members.names.empty() ? "; it has nothing"
                                     : "; there is " + join(members.names, " "));
    }
    if (!why.empty()) problems.push_back({place_in(expression, path.offset), std::move(why)});
  }
}

}  // namespace postlude::lang
