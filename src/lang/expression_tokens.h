#pragma once
// Expression tokens: splits jq code into tokens, as far as the checks of expressions need it.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postlude::lang {

// The context's members that are also variables; the evaluator binds the same ones.
constexpr std::array<std::string_view, 15> kBoundNames = {
    "event", "run",  "workflow", "vars",     "steps",    "item", "data",   "failure",
    "step",  "with", "target",   "response", "requests", "key",  "outputs"};

struct Token {
  enum class Kind : std::uint8_t {
    kIdent,     // also keywords
    kField,     // .name; text without the dot
    kVariable,  // $name; text without the dollar
    kNumber,
    kString,  // "…" without interpolations; text with its quotes
    kQuote,   // begin or end of a string with interpolations
    kOpen,    // ( [ { and \( inside a string
    kClose,
    kSymbol,  // operators, `.`, `,`, `;`, `:`, `?`, @format
  };
  Kind kind = Kind::kSymbol;
  std::string_view text;
  std::size_t offset = 0;  // in the text
  char within = 0;         // the enclosing bracket: ( [ {, i for an interpolation, 0 for none

  bool is(Kind k, std::string_view t) const { return kind == k && text == t; }
  bool symbol(std::string_view t) const { return is(Kind::kSymbol, t); }
  bool ident(std::string_view t) const { return is(Kind::kIdent, t); }
  bool open(std::string_view t) const { return is(Kind::kOpen, t); }
  bool close(std::string_view t) const { return is(Kind::kClose, t); }
};

struct Tokens {
  std::vector<Token> list;
  std::size_t end = 0;  // where reading stopped: the end of the text, or the `}}`
  std::string problem;  // "": none
  std::size_t problem_at = 0;
};

// Reads from `from` on: with `until_braces` up to the `}}` that closes a `${{`, else to the end.
Tokens tokenize(std::string_view text, std::size_t from, bool until_braces);

// Whether token `i` is the name of a function, and not a field, an object's key or a keyword.
bool is_function(const Tokens& tokens, std::size_t i);
bool is_keyword(std::string_view ident);

}  // namespace postlude::lang
