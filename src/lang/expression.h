#pragma once
// Expression: a jq program a user wrote, with its place; how text is split into expressions, which are refused, and
// the few that are so simple that they are evaluated here instead of in an evaluator's child.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lang/node.h"

namespace postlude::lang {

struct Expression {
  std::string text;  // trimmed jq, never blank
  Place place;       // of its first character
};

// A bare expression (`if:`, `success:`, …); `${{ x }}` around the whole of it is taken off. Checks what can be
// checked without jq: blank, unbalanced brackets or strings, refused functions ($ENV, env, input, inputs, import,
// include, debug, stderr, halt, halt_error, input_filename, input_line_number, get_search_list, $__loc__,
// modulemeta, limit of names in lang/expression.cc) as functions, never as fields or strings.
std::optional<Expression> read_bare(const Node& scalar, Problems& problems);

// Text with `${{ … }}`: literal pieces and expressions in order. `$${{` is a literal `${{`. The splitter reads jq's
// strings (with their \( ) interpolations), comments and brackets, so `}}` inside them does not end an expression.
struct Piece {
  std::string literal;               // when there is no expression
  std::optional<Expression> expression;
};
std::vector<Piece> split_pieces(std::string_view text, const Place& place, Problems& problems);

// Which functions and root fields an expression uses: `.event.x` -> "event"; `failure` -> function.
bool calls(const Expression& expression, std::string_view function);

// The schema of the event: `.event.relase` is a problem with the nearest key; also unknown root names.
// `roots`: what this place may use, say event, run, workflow, vars, steps.
void check_names(const Expression& expression, const std::vector<std::string>& roots, Problems& problems);

// What jq itself gets: the added functions (glob, jira_escape, …; prelude()) and success/failure/always bound to
// the context's `.status`. The evaluator prepends it once per program.
std::string_view prelude();

// Native evaluation of paths (`.a.b["c"].d[0]`), literals, ==, !=, and, or, not, parentheses. nullopt: not of that
// kind, or something in which jq could differ (an error, for one): ask the evaluator.
class Native {
 public:
  static std::shared_ptr<const Native> compile(std::string_view expression);  // nullptr: not of that kind
  std::optional<json::value> evaluate(const json::value& context) const;
  ~Native();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::lang
