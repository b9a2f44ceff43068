// Native: the expressions that are so simple that a child process would cost more than they do. Whatever jq
// might see otherwise (an error, a number that is not a small integer) is left to jq.

#include <algorithm>
#include <array>
#include <charconv>

#include "lang/expression.h"
#include "lang/expression_tokens.h"

namespace postlude::lang {
namespace {

using Kind = Token::Kind;

constexpr std::int64_t kExactMax = std::int64_t{1} << 53;  // beyond it doubles have gaps
constexpr int kDepthMax = 100;

struct PathStep {
  std::string key;          // of an object …
  std::int64_t index = -1;  // … or, from 0 on, of a list
};

struct Term {
  enum class Kind : std::uint8_t { kPath, kLiteral, kEqual, kUnequal, kAnd, kOr, kNot, kElse, kStatus };
  Kind kind = Kind::kLiteral;
  std::vector<PathStep> path;
  json::value literal;   // also what kStatus compares with; null for `always`
  std::vector<Term> of;  // operands
};

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(tokenize(text, 0, false)) {}

  bool run(Term& into) {
    if (!tokens_.problem.empty() || tokens_.list.empty()) return false;
    return pipe(into) && at_ == tokens_.list.size();
  }

 private:
  const Token* peek(std::size_t ahead = 0) const {
    return at_ + ahead < tokens_.list.size() ? &tokens_.list[at_ + ahead] : nullptr;
  }
  bool ident(std::string_view word) const { return peek() != nullptr && peek()->ident(word); }
  bool symbol(std::string_view op) const { return peek() != nullptr && peek()->symbol(op); }

  static Term make(Term::Kind kind, Term a, Term b) {
    Term term;
    term.kind = kind;
    term.of.push_back(std::move(a));
    term.of.push_back(std::move(b));
    return term;
  }

  // From the loosest to the tightest, as jq's grammar has them: | // or and == postfix.
  bool pipe(Term& into) {
    if (++depth_ > kDepthMax || !otherwise(into)) return false;
    while (symbol("|")) {
      ++at_;
      if (!ident("not")) return false;
      ++at_;
      Term term;
      term.kind = Term::Kind::kNot;
      term.of.push_back(std::move(into));
      into = std::move(term);
    }
    --depth_;
    return true;
  }

  bool otherwise(Term& into) {
    if (++depth_ > kDepthMax || !either(into)) return false;
    if (symbol("//")) {
      ++at_;
      Term right;
      if (!otherwise(right)) return false;  // right-associative
      into = make(Term::Kind::kElse, std::move(into), std::move(right));
    }
    --depth_;
    return true;
  }

  bool either(Term& into) {
    if (!both(into)) return false;
    while (ident("or")) {
      ++at_;
      Term right;
      if (!both(right)) return false;
      into = make(Term::Kind::kOr, std::move(into), std::move(right));
    }
    return true;
  }

  bool both(Term& into) {
    if (!equality(into)) return false;
    while (ident("and")) {
      ++at_;
      Term right;
      if (!equality(right)) return false;
      into = make(Term::Kind::kAnd, std::move(into), std::move(right));
    }
    return true;
  }

  bool equality(Term& into) {
    if (!postfix(into)) return false;
    if (!symbol("==") && !symbol("!=")) return true;
    const auto kind = symbol("==") ? Term::Kind::kEqual : Term::Kind::kUnequal;
    ++at_;
    Term right;
    if (!postfix(right)) return false;
    into = make(kind, std::move(into), std::move(right));
    return true;  // a second == is an error in jq and left over here
  }

  bool postfix(Term& into) {
    const Token* token = peek();
    if (token == nullptr) return false;
    switch (token->kind) {
      case Kind::kOpen:
        if (token->text != "(") return false;
        ++at_;
        if (!pipe(into) || peek() == nullptr || !peek()->close(")")) return false;
        ++at_;
        return !suffix_follows();
      case Kind::kNumber:
      case Kind::kString:
        if (!literal(*token, into)) return false;
        ++at_;
        return !suffix_follows();
      case Kind::kIdent:
        if (!word(token->text, into)) return false;
        ++at_;
        return !suffix_follows();
      case Kind::kField:
      case Kind::kSymbol:
      case Kind::kVariable:
        return path(into);
      case Kind::kQuote:
      case Kind::kClose:
        return false;
    }
    return false;
  }

  bool suffix_follows() const {
    const Token* token = peek();
    return token != nullptr && (token->kind == Kind::kField || token->open("[") || token->symbol(".") ||
                                token->symbol("?") || token->kind == Kind::kString);
  }

  static bool literal(const Token& token, Term& into) {
    into.kind = Term::Kind::kLiteral;
    if (token.kind == Kind::kString) {
      auto parsed = parse_json(token.text);
      if (!parsed || !parsed->is_string()) return false;
      into.literal = *std::move(parsed);
      return true;
    }
    std::int64_t value = 0;
    const char* end = token.text.data() + token.text.size();
    const auto [stop, error] = std::from_chars(token.text.data(), end, value);
    if (error != std::errc() || stop != end || value > kExactMax) return false;
    into.literal = value;
    return true;
  }

  static bool word(std::string_view word, Term& into) {
    into.kind = Term::Kind::kLiteral;
    if (word == "true") {
      into.literal = true;
    } else if (word == "false") {
      into.literal = false;
    } else if (word == "null") {
      into.literal = nullptr;
    } else if (word == "success" || word == "failure" || word == "always") {
      into.kind = Term::Kind::kStatus;
      into.literal = json::string(word);
    } else {
      return false;
    }
    return true;
  }

  bool path(Term& into) {
    into.kind = Term::Kind::kPath;
    const Token& first = *peek();
    if (first.kind == Kind::kVariable) {
      if (std::find(kBoundNames.begin(), kBoundNames.end(), first.text) == kBoundNames.end()) return false;
      into.path.push_back({std::string(first.text), -1});
    } else if (first.kind == Kind::kField) {
      into.path.push_back({std::string(first.text), -1});
    } else if (!first.symbol(".")) {
      return false;
    }
    ++at_;
    if (first.symbol(".") && peek() != nullptr && peek()->kind == Kind::kString && !string_key(into))
      return false;
    while (const Token* token = peek()) {
      if (token->kind == Kind::kField) {
        into.path.push_back({std::string(token->text), -1});
        ++at_;
      } else if (token->symbol(".") && !(first.symbol(".") && into.path.empty())) {
        ++at_;
        if (peek() == nullptr || peek()->kind != Kind::kString || !string_key(into)) return false;
      } else if (token->open("[")) {
        if (!index(into)) return false;
      } else {
        break;
      }
    }
    return !suffix_follows();
  }

  bool string_key(Term& into) {
    Term key;
    if (!literal(*peek(), key)) return false;
    into.path.push_back({std::string(view(key.literal.get_string())), -1});
    ++at_;
    return true;
  }

  bool index(Term& into) {
    const Token* inner = peek(1);
    const Token* end = peek(2);
    if (inner == nullptr || end == nullptr || !end->close("]")) return false;
    Term key;
    if ((inner->kind != Kind::kString && inner->kind != Kind::kNumber) || !literal(*inner, key)) return false;
    if (key.literal.is_string()) {
      into.path.push_back({std::string(view(key.literal.get_string())), -1});
    } else {
      if (key.literal.get_int64() > 1'000'000) return false;
      into.path.push_back({"", key.literal.get_int64()});
    }
    at_ += 3;
    return true;
  }

  Tokens tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// A value that is part of the context or of the program, or a boolean made here. `none`: ask jq.
struct Operand {
  const json::value* value = nullptr;  // nullptr: `truth`
  bool truth = false;
  bool none = false;

  static Operand unknown() { return {nullptr, false, true}; }
  bool falsy() const {
    return value == nullptr ? !truth : value->is_null() || (value->is_bool() && !value->get_bool());
  }
};

const json::value& null_value() {
  static const json::value null;
  return null;
}

// Whether jq surely prints and compares this value as we do: no fraction, no integer beyond 2^53.
bool plain(const json::value& v) {
  switch (v.kind()) {
    case json::kind::int64:
      return v.get_int64() >= -kExactMax && v.get_int64() <= kExactMax;
    case json::kind::uint64:
      return v.get_uint64() <= static_cast<std::uint64_t>(kExactMax);
    case json::kind::double_:
      return false;
    case json::kind::array:
      for (const json::value& item : v.get_array()) {
        if (!plain(item)) return false;
      }
      return true;
    case json::kind::object:
      for (const auto& member : v.get_object()) {
        if (!plain(member.value())) return false;
      }
      return true;
    case json::kind::null:
    case json::kind::bool_:
    case json::kind::string:
      return true;
  }
  return false;
}

Operand follow(const std::vector<PathStep>& path, const json::value& context) {
  const json::value* at = &context;
  for (const PathStep& step : path) {
    if (at->is_null()) return {&null_value()};
    if (step.index < 0) {
      const auto* object = at->if_object();
      if (object == nullptr) return Operand::unknown();
      at = object->if_contains(step.key);
    } else {
      const auto* array = at->if_array();
      if (array == nullptr) return Operand::unknown();
      const auto i = static_cast<std::size_t>(step.index);
      at = i < array->size() ? &(*array)[i] : nullptr;
    }
    if (at == nullptr) return {&null_value()};
  }
  return {at};
}

Operand run(const Term& term, const json::value& context);

Operand equal(const Term& term, const json::value& context) {
  const Operand a = run(term.of[0], context);
  const Operand b = run(term.of[1], context);
  if (a.none || b.none) return Operand::unknown();
  const bool wanted = term.kind == Term::Kind::kEqual;
  if (a.value == nullptr || b.value == nullptr) {
    const bool made = a.value == nullptr ? a.truth : b.truth;
    const json::value* other = a.value == nullptr ? b.value : a.value;
    const bool same = other == nullptr ? a.truth == b.truth : other->is_bool() && other->get_bool() == made;
    return {nullptr, same == wanted};
  }
  if (!plain(*a.value) || !plain(*b.value)) return Operand::unknown();
  return {nullptr, (*a.value == *b.value) == wanted};
}

Operand run(const Term& term, const json::value& context) {
  switch (term.kind) {
    case Term::Kind::kPath:
      return follow(term.path, context);
    case Term::Kind::kLiteral:
      return {&term.literal};
    case Term::Kind::kEqual:
    case Term::Kind::kUnequal:
      return equal(term, context);
    case Term::Kind::kStatus: {
      const std::string_view word = view(term.literal.get_string());
      const bool failed = find_text(context, "status") == "failure";
      return {nullptr, word == "always" || failed == (word == "failure")};
    }
    case Term::Kind::kAnd:
    case Term::Kind::kOr: {
      const Operand a = run(term.of[0], context);
      if (a.none) return a;
      if (a.falsy() == (term.kind == Term::Kind::kAnd)) return {nullptr, !a.falsy()};
      const Operand b = run(term.of[1], context);
      if (b.none) return b;
      return {nullptr, !b.falsy()};
    }
    case Term::Kind::kNot: {
      const Operand a = run(term.of[0], context);
      if (a.none) return a;
      return {nullptr, a.falsy()};
    }
    case Term::Kind::kElse: {
      const Operand a = run(term.of[0], context);
      return a.none || !a.falsy() ? a : run(term.of[1], context);
    }
  }
  return Operand::unknown();
}

}  // namespace

struct Native::Impl {
  Term term;
};

Native::Native() = default;
Native::~Native() = default;

std::shared_ptr<const Native> Native::compile(std::string_view expression) {
  auto impl = std::make_unique<Impl>();
  if (!Parser(expression).run(impl->term)) return nullptr;
  std::shared_ptr<Native> native(new Native);
  native->impl_ = std::move(impl);
  return native;
}

std::optional<json::value> Native::evaluate(const json::value& context) const {
  if (!context.is_object()) return std::nullopt;
  const Operand result = run(impl_->term, context);
  if (result.none) return std::nullopt;
  if (result.value == nullptr) return json::value(result.truth);
  if (!plain(*result.value)) return std::nullopt;
  return *result.value;
}

}  // namespace postlude::lang
