#include "lang/expression_tokens.h"

#include <algorithm>
#include <array>

namespace postlude::lang {
namespace {

using Kind = Token::Kind;

constexpr std::size_t kNestingMax = 200;

constexpr std::array<std::string_view, 19> kKeywords = {
    "def",   "if",    "then",   "else",    "elif", "end", "as",     "reduce",  "foreach", "try",
    "catch", "label", "import", "include", "and",  "or",  "module", "__loc__", "break"};
constexpr std::array<std::string_view, 15> kOperators = {
    "?//", "//=", "//", "==", "!=", "<=", ">=", "|=", "+=", "-=", "*=", "/=", "%=", "..", "||"};

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  Lexer(std::string_view text, std::size_t from, bool until_braces)
      : text_(text), at_(from), from_(from), until_braces_(until_braces) {}

  Tokens run() {
    while (out_.problem.empty()) {
      if (inside() == 'q') {
        string_rest();
        continue;
      }
      skip_blank();
      if (at_ >= text_.size()) {
        finish();
        break;
      }
      if (until_braces_ && open_.empty() && text_.substr(at_, 2) == "}}") break;
      next();
    }
    out_.end = at_;
    return std::move(out_);
  }

 private:
  struct Bracket {
    char kind;
    std::size_t at;
  };

  char inside() const { return open_.empty() ? '\0' : open_.back().kind; }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void fail(std::size_t at, std::string message) {
    out_.problem = std::move(message);
    out_.problem_at = at;
  }

  void emit(Kind kind, std::size_t begin, std::size_t cut = 0) {
    out_.list.push_back({kind, text_.substr(begin + cut, at_ - begin - cut), begin, inside()});
  }

  void finish() {
    if (!open_.empty()) {
      const Bracket& last = open_.back();
      const std::string what = last.kind == 'i' ? "\\(" : std::string(1, last.kind);
      fail(last.at, "`" + what + "` is not closed");
    } else if (until_braces_) {
      fail(from_, "`${{` without its `}}`");
    }
  }

  void skip_blank() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n')
          ++at_;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }

  void push(char kind, std::size_t at) {
    if (open_.size() >= kNestingMax) return fail(at, "nested too deeply");
    open_.push_back({kind, at});
  }

  void take_word() {
    while (letter(peek()) || digit(peek()) || (peek() == ':' && peek(1) == ':' && letter(peek(2)))) {
      at_ += peek() == ':' ? 2 : 1;
    }
  }

  void next() {
    const std::size_t begin = at_;
    const char c = peek();
    if (letter(c)) {
      take_word();
      emit(Kind::kIdent, begin);
    } else if (c == '.' && letter(peek(1))) {
      ++at_;
      while (letter(peek()) || digit(peek()))
        ++at_;
      emit(Kind::kField, begin, 1);
    } else if (digit(c) || (c == '.' && digit(peek(1)))) {
      number();
    } else if (c == '$') {
      ++at_;
      skip_blank();
      if (!letter(peek())) return fail(begin, "`$` without a name");
      const std::size_t name = at_;
      take_word();
      out_.list.push_back({Kind::kVariable, text_.substr(name, at_ - name), begin, inside()});
    } else if (c == '"') {
      string_begin();
    } else if (c == '(' || c == '[' || c == '{') {
      ++at_;
      emit(Kind::kOpen, begin);
      push(c, begin);
    } else if (c == ')' || c == ']' || c == '}') {
      close(c);
    } else {
      op();
    }
  }

  void number() {
    const std::size_t begin = at_;
    while (digit(peek()))
      ++at_;
    if (peek() == '.') {
      ++at_;
      while (digit(peek()))
        ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
      if (digit(peek(sign))) {
        at_ += sign;
        while (digit(peek()))
          ++at_;
      }
    }
    emit(Kind::kNumber, begin);
  }

  // A string without interpolations is one token; one with them is a quote, its interpolations, a quote.
  void string_begin() {
    const std::size_t begin = at_;
    std::size_t i = at_ + 1;
    while (i < text_.size() && text_[i] != '"') {
      if (text_[i] == '\\' && i + 1 < text_.size()) {
        if (text_[i + 1] == '(') {
          ++at_;
          emit(Kind::kQuote, begin);
          return push('q', begin);
        }
        ++i;
      }
      ++i;
    }
    if (i >= text_.size()) return fail(begin, "this text's closing `\"` is missing");
    at_ = i + 1;
    emit(Kind::kString, begin);
  }

  void string_rest() {
    while (at_ < text_.size()) {
      const std::size_t begin = at_;
      if (text_[at_] == '"') {
        ++at_;
        open_.pop_back();
        return emit(Kind::kQuote, begin);
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        at_ += 2;
        if (text_[begin + 1] == '(') {
          emit(Kind::kOpen, begin);
          return push('i', begin);
        }
        continue;
      }
      ++at_;
    }
    fail(open_.back().at, "this text's closing `\"` is missing");
  }

  void close(char c) {
    const std::size_t begin = at_;
    const char opener = c == ')' ? '(' : (c == ']' ? '[' : '{');
    const char in = inside();
    if (in != opener && !(in == 'i' && c == ')')) {
      const std::string found = "`" + std::string(1, c) + "`";
      if (in == 0 && c == '}' && until_braces_)
        return fail(begin, "`${{` ends with `}}`, and here is one `}`: write `}}`");
      if (in == 0) return fail(begin, found + " without an opening `" + std::string(1, opener) + "`");
      return fail(begin, found + " where `" + (in == 'i' ? "\\(" : std::string(1, in)) + "` is still open");
    }
    open_.pop_back();
    ++at_;
    emit(Kind::kClose, begin);
  }

  void op() {
    const std::size_t begin = at_;
    for (const std::string_view o : kOperators) {
      if (text_.substr(at_, o.size()) != o) continue;
      if (o == "||") return fail(begin, "`||` is written `or`");
      at_ += o.size();
      return emit(Kind::kSymbol, begin);
    }
    const char c = peek();
    if (c == '&') return fail(begin, "`&&` is written `and`");
    if (c == '\'') return fail(begin, "text stands in double quotes (\"), not in single ones");
    if (c == '!') return fail(begin, "`!x` is written `x | not`");
    if (c == '@') {
      ++at_;
      while (letter(peek()) || digit(peek()))
        ++at_;
      return emit(Kind::kSymbol, begin);
    }
    if (std::string_view(".?=;,:|+-*/%<>").find(c) == std::string_view::npos) {
      const bool printable = c > ' ' && c < 0x7f;
      return fail(begin, printable ? "`" + std::string(1, c) + "` has no meaning here"
                                   : std::string("a character that has no meaning here"));
    }
    ++at_;
    emit(Kind::kSymbol, begin);
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t from_;
  bool until_braces_;
  std::vector<Bracket> open_;
  Tokens out_;
};

}  // namespace

Tokens tokenize(std::string_view text, std::size_t from, bool until_braces) {
  return Lexer(text, from, until_braces).run();
}

bool is_keyword(std::string_view ident) {
  return std::find(kKeywords.begin(), kKeywords.end(), ident) != kKeywords.end();
}

bool is_function(const Tokens& tokens, std::size_t i) {
  const std::vector<Token>& list = tokens.list;
  const Token& token = list[i];
  if (token.kind != Kind::kIdent) return false;
  // {name: …} and {name}: a key, in patterns too. A value holds no comma unless it is in brackets of its own.
  if (token.within == '{' && i > 0 && i + 1 < list.size()) {
    const bool key_place = list[i - 1].open("{") || list[i - 1].symbol(",");
    const bool key_end = list[i + 1].symbol(":") || list[i + 1].symbol(",") || list[i + 1].close("}");
    if (key_place && key_end) return false;
  }
  return true;
}

}  // namespace postlude::lang
