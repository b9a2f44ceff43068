#include "lang/expression.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lang/expression_tokens.h"

namespace postlude::lang {
namespace {

using Kind = Token::Kind;

constexpr std::size_t kExpressionMax = 16U << 10U;  // bytes of one expression

struct Refusal {
  std::string_view name;
  std::string_view why;
};
constexpr std::string_view kNoInput = "expressions have only their context to read";
constexpr std::string_view kNoFiles = "expressions cannot read files";
constexpr std::string_view kNoOutput = "an expression yields its value and writes nothing else";
constexpr std::string_view kNoEnd = "an expression cannot end its evaluator; error(\"…\") tells why it fails";
constexpr std::string_view kNoEnvironment =
    "expressions cannot see the environment; secrets stand in `auth` blocks";

constexpr std::array<Refusal, 19> kRefusedFunctions = {{
    {"env", kNoEnvironment},
    {"input", kNoInput},
    {"inputs", kNoInput},
    {"input_filename", kNoInput},
    {"input_line_number", kNoInput},
    {"import", kNoFiles},
    {"include", kNoFiles},
    {"module", kNoFiles},
    {"modulemeta", kNoFiles},
    {"get_search_list", kNoFiles},
    {"get_prog_origin", kNoFiles},
    {"get_jq_origin", kNoFiles},
    {"debug", kNoOutput},
    {"stderr", kNoOutput},
    {"halt", kNoEnd},
    {"halt_error", kNoEnd},
    {"__loc__", kNoFiles},
    {"localtime", "the machine's time zone is not the release's; gmtime is"},
    {"strflocaltime", "the machine's time zone is not the release's; strftime is"},
}};

// jq finds out about an unknown one only when it meets it.
constexpr std::array<std::string_view, 11> kFormats = {
    "@text", "@json", "@csv", "@tsv", "@html", "@uri", "@sh", "@base64", "@base64d", "@base32", "@base32d"};

// The place of `offset` in a text that begins at `start`. Exact for a scalar of one line.
Place place_at(const Place& start, std::string_view text, std::size_t offset) {
  Place place = start;
  if (place.line == 0) return place;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else if (!within_character(c)) {
      ++place.column;
    }
  }
  return place;
}

// The place where a scalar's text begins: after its quote, or for a block on the line after its mark.
Place text_place(const Node& scalar) {
  Place place = scalar.place;
  if (scalar.plain || place.line == 0) return place;
  if (scalar.scalar.find('\n') != std::string::npos) {
    ++place.line;
    place.column = 1;
  } else {
    ++place.column;
  }
  return place;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// The first thing in it that is refused, or "".
std::string refused(const Tokens& tokens, std::size_t& at) {
  for (std::size_t i = 0; i < tokens.list.size(); ++i) {
    const Token& token = tokens.list[i];
    at = token.offset;
    if (token.kind == Kind::kVariable && token.text == "ENV") {
      return "$ENV is refused: " + std::string(kNoEnvironment);
    }
    if (token.kind == Kind::kVariable && token.text.starts_with("__")) {
      return "$" + std::string(token.text) + " is refused: names that begin with __ are not for expressions";
    }
    if (token.kind == Kind::kSymbol && token.text.starts_with('@') &&
        std::find(kFormats.begin(), kFormats.end(), token.text) == kFormats.end()) {
      return "`" + std::string(token.text) +
             "` is not a format; there are @text @json @csv @tsv @html @uri @sh @base64";
    }
    if (!is_function(tokens, i)) continue;
    if (token.text.starts_with("__")) {
      return "`" + std::string(token.text) + "` is refused: names that begin with __ are not for expressions";
    }
    for (const Refusal& r : kRefusedFunctions) {
      if (token.text == r.name) return "`" + std::string(r.name) + "` is refused: " + std::string(r.why);
    }
  }
  return "";
}

// `success()` as other tools write it: jq knows no empty parentheses.
void drop_empty_calls(std::string& text, const Tokens& tokens, std::size_t begin) {
  for (std::size_t i = 0; i + 2 < tokens.list.size(); ++i) {
    const Token& token = tokens.list[i];
    if (!token.ident("success") && !token.ident("failure") && !token.ident("always")) continue;
    const Token& open = tokens.list[i + 1];
    const Token& close = tokens.list[i + 2];
    if (!open.open("(") || !close.close(")") || !is_function(tokens, i)) continue;
    text[open.offset - begin] = ' ';
    text[close.offset - begin] = ' ';
  }
}

// Tokens of text[begin, tokens.end), checked. nullopt: a problem was added.
std::optional<Expression> checked(std::string_view text, std::size_t begin, const Tokens& tokens,
                                  const Place& start, Problems& problems) {
  const auto fail = [&](std::size_t at, std::string message) {
    problems.push_back({place_at(start, text, at), std::move(message)});
    return std::nullopt;
  };
  std::string raw(text.substr(begin, tokens.end - begin));
  if (tokens.list.empty() && tokens.problem.empty()) {
    return fail(begin, is_blank(raw) ? "an expression is missing"
                                     : "an expression is missing: this is a comment only");
  }
  if (!tokens.problem.empty()) return fail(tokens.problem_at, tokens.problem);
  if (raw.size() > kExpressionMax) return fail(begin, "an expression may have 16KiB at most");
  std::size_t at = 0;
  if (std::string why = refused(tokens, at); !why.empty()) return fail(at, std::move(why));
  drop_empty_calls(raw, tokens, begin);
  const std::size_t first = raw.find_first_not_of(" \t\r\n");
  const std::size_t last = raw.find_last_not_of(" \t\r\n");
  return Expression{raw.substr(first, last - first + 1), place_at(start, text, begin + first)};
}

}  // namespace

std::optional<Expression> read_bare(const Node& scalar, Problems& problems) {
  if (!scalar.is_scalar()) {
    problems.push_back({scalar.place, scalar.is_null() ? "an expression is missing"
                                                       : "an expression is text, not a list or a map"});
    return std::nullopt;
  }
  const std::string_view text = scalar.scalar;
  const Place start = text_place(scalar);
  const std::size_t first = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  if (text.substr(first).starts_with("{{")) {
    problems.push_back(
        {place_at(start, text, first), "this key is one expression: write it bare, without `{{ }}`"});
    return std::nullopt;
  }
  if (!text.substr(first).starts_with("${{")) {
    return checked(text, 0, tokenize(text, 0, false), start, problems);
  }
  const Tokens tokens = tokenize(text, first + 3, true);
  auto expression = checked(text, first + 3, tokens, start, problems);
  if (expression && !is_blank(text.substr(tokens.end + 2))) {
    problems.push_back(
        {place_at(start, text, tokens.end + 2),
         "this key is one expression: nothing may stand after its `}}`, and it needs no `${{`"});
    return std::nullopt;
  }
  return expression;
}

std::vector<Piece> split_pieces(std::string_view text, const Place& place, Problems& problems) {
  std::vector<Piece> pieces;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) pieces.push_back({std::move(literal), std::nullopt});
    literal.clear();
  };
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t found = text.find("${{", at);
    if (found == std::string_view::npos) break;
    if (found > at && text[found - 1] == '$') {  // $${{ is a literal ${{
      literal += text.substr(at, found - 1 - at);
      literal += "${{";
      at = found + 3;
      continue;
    }
    literal += text.substr(at, found - at);
    Tokens tokens = tokenize(text, found + 3, true);
    if (tokens.problem == "`${{` without its `}}`") tokens.problem_at = found;
    auto expression = checked(text, found + 3, tokens, place, problems);
    if (!expression && !tokens.problem.empty()) return pieces;  // where it ends is unknown
    flush();
    if (expression) pieces.push_back({"", std::move(expression)});
    at = tokens.end + 2;
  }
  literal += text.substr(std::min(at, text.size()));
  flush();
  return pieces;
}

bool calls(const Expression& expression, std::string_view function) {
  const Tokens tokens = tokenize(expression.text, 0, false);
  for (std::size_t i = 0; i < tokens.list.size(); ++i) {
    if (tokens.list[i].ident(function) && is_function(tokens, i)) return true;
  }
  return false;
}

}  // namespace postlude::lang
