#pragma once
// Expression: a jq program a user wrote, with its place; how text is split into expressions, which are
// refused, and the few that are so simple that they are evaluated here instead of in an evaluator's child.

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

// A bare expression (`if:`, `success:`, …); `${{ x }}` around the whole of it is taken off. Checks what can
// be checked without jq: blank, unbalanced brackets or strings, refused functions ($ENV, env, input, inputs,
// import, include, debug, stderr, halt, halt_error, their kin, names that begin with `__`, and functions that
// are not built yet; the list is in expression.cc) as functions, never as fields, keys or strings.
// `success()` loses its `()`.
std::optional<Expression> read_bare(const Node& scalar, Problems& problems);

// Text with `${{ … }}`: literal pieces and expressions in order. `$${{` is a literal `${{`. The splitter
// reads jq's strings (with their \( ) interpolations), comments and brackets, so `}}` inside them does not
// end an expression.
struct Piece {
  std::string literal;  // when there is no expression
  std::optional<Expression> expression;
};
std::vector<Piece> split_pieces(std::string_view text, const Place& place, Problems& problems);

// Whether it uses that function: `failure`, but not `.failure`, `$failure` or {failure: 1}.
bool calls(const Expression& expression, std::string_view function);

// The schema of the event: `.event.relase` is a problem with the nearest key; also unknown root names, as
// `.evnt` or
// `$evnt`… of ours. `roots`: what this place may use, say event, run, workflow, vars, steps. Silent where `.`
// may be something else than the context (behind a pipe, in an argument).
void check_names(const Expression& expression, const std::vector<std::string>& roots, Problems& problems);

// `.steps.X` where no earlier step has the id X is a problem with the nearest id.
void check_steps(const Expression& expression, const std::vector<std::string>& earlier, Problems& problems);

// What jq itself gets: the added functions (glob, sha256, issue_keys, jira_escape, markdown_escape,
// slack_escape) and success/failure/always over the context's `.status`. The evaluator puts it into each
// program (Options.prelude).
std::string_view prelude();

// Native evaluation of paths (`.a.b["c"].d[0]`, `$event.a`), literals, ==, !=, and, or, //, `| not`,
// parentheses and success/failure/always, without copying the context. nullopt: something in which jq could
// differ (an error, for one, or a number that is no integer within 2^53): ask the evaluator. to_text() of the
// value is what jq prints.
class Native {
 public:
  static std::shared_ptr<const Native> compile(std::string_view expression);  // nullptr: not of that kind
  std::optional<json::value> evaluate(const json::value& context) const;
  ~Native();

 private:
  struct Impl;
  Native();
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::lang
