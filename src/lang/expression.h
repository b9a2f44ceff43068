#pragma once
// Expression: a user's jq program with its place; splits text into expressions, refuses some, and evaluates
// the simplest here instead of in an evaluator's child.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lang/node.h"

namespace postlude::lang {

struct Expression {
  std::string text;  // jq, trimmed, never blank
  Place place;       // of the first character
};

// Reads a bare expression (`if:`, `success:`, …), and removes `${{ }}` around the whole of it. Checks
// everything that needs no jq: blank text, unbalanced brackets or strings, and calls of refused functions
// ($ENV, env, input, inputs, import, include, debug, stderr, halt, halt_error and their kin, and names that
// begin with `__`; expression.cc has the list). Fields, keys and strings with these names are allowed.
// `success()` becomes `success`.
std::optional<Expression> read_bare(const Node& scalar, Problems& problems);

// Splits text with `${{ … }}` into literal pieces and expressions. `$${{` is a literal `${{`. Understands
// jq's strings (with \( ) interpolations), comments and brackets, so `}}` inside them does not end an
// expression.
struct Piece {
  std::string literal;  // if there is no expression
  std::optional<Expression> expression;
};
std::vector<Piece> split_pieces(std::string_view text, const Place& place, Problems& problems);

// Whether the expression calls that function: `failure`, but not `.failure`, `$failure` or {failure: 1}.
bool calls(const Expression& expression, std::string_view function);

// Whether its text reads nothing of the context by name, asks neither for the time nor for the run's state,
// and does not fail on purpose (`error`). Its value may still depend on the whole context, as that of
// `length` does.
bool is_constant(const Expression& expression);

// The place of an expression, which decides the names it may use (docs/expressions.md).
enum class Where : std::uint8_t {
  kWorkflow = 1,  // `if`, `vars`, `concurrency.key`: before the run exists
  kStep,          // of a workflow
  kHttp,          // `with` of http/request
  kHttpAnswer,    // its `success`, `retry`, `refuse`
  kRequest,       // a connector's request, its outputs, and its wait
  kAnswer,        // interprets a request's answer
  kUpdate,        // the same two in `update`, which also has the outputs of the use before
  kUpdateAnswer,
  kSqlAnswer,  // `success`, `retry`, `refuse` of sql/query and sql/execute
};
std::vector<std::string> names_at(Where where);

// Checks names in the context, above all in the event: `.event.relase` is a problem that names the nearest
// key; so is an unknown root, such as `.evnt` or `$evnt`, and a root of another place. Follows parentheses
// and plain pipes (`.event | .name`), and says nothing where `.` may be something else.
void check_names(const Expression& expression, Where where, Problems& problems);

// A name that exists but is null at the place of the expression, such as `.item` without `forEach`, and the
// reason. It is a problem unless `//` follows or the expression compares it with null.
struct Absent {
  std::vector<std::string> path;  // "" stands for a part that is not a name: `.steps[]`, and `.steps` itself
  std::string why;                // the text after "`.item` "
  bool warning = false;
};
void check_absent(const Expression& expression, const std::vector<Absent>& absent, Problems& problems);

// Reports `in_window("freze")` if the configuration has no such calendar, and names the nearest.
void check_calendars(const Expression& expression, const std::vector<std::string>& calendars,
                     Problems& problems);

// Reports code that jq accepts but nobody means, and code that jq refuses without a helpful message:
// `.event.metadata.min-length`, `event.name`, `startsWith("a")`, an unknown function, `a = b` in a condition,
// a comparison of text with a number. `condition`: the expression must yield true or false.
void check_mistakes(const Expression& expression, bool condition, Problems& problems);

// Reports a `forEach` that is never a list, such as `.event.name`.
void check_list(const Expression& expression, Problems& problems);

// Warns of values that are null in every event until a cluster is read: `.event.release`, `.event.canary`,
// unless `//` follows or the expression compares them with null.
void check_always_null(const Expression& expression, Problems& problems);

// The members of a map in the context that depend on the configuration: `.vars.x`, `.data.x`, and the outputs
// of steps.
struct Members {
  enum class Kind : std::uint8_t {
    kAnything,  // unknown
    kNamed,     // exactly these
    kEach,      // a list whose elements have exactly these
    kEachOf,    // a list whose elements are unknown
    kNothing,   // text or a number, without members
  };
  Kind kind = Kind::kAnything;
  std::vector<std::string> names;
};
// `path`: the place of the members in the context, as {"steps", "x", "outputs"}; "" is any element. An
// unknown member below it is a problem that names the nearest.
void check_members(const Expression& expression, const std::vector<std::string>& path, const Members& members,
                   Problems& problems);

// Warns of templates of other tools, `{{ .event.name }}` and `${event.name}`, in text: they are sent as
// written. One warning for each scalar within `node`.
void check_braces(const Node& node, Problems& problems);

// Warns of `.event.name` in text that is not an expression: it is sent as written. One warning for each
// scalar within `node`, except the members named by `bare`.
void check_bare_paths(const Node& node, const std::vector<std::string_view>& bare, Problems& problems);

// Whether it is `{env: NAME}`, which is allowed outside workflows only.
bool names_environment(const Node& node);
constexpr std::string_view kNoEnvironmentHere =
    "`{env: NAME}` is not read in a workflow; a secret belongs in the target's `auth`, an address in its "
    "`url`, "
    "and any other value is written out here";
// Warns of `{env: NAME}` in what a step sends. One warning for each map within `node`.
void check_environment(const Node& node, Problems& problems);

// Reports `.steps.X` if no earlier step has the id X, with the nearest id. `why`: added if the reason may
// surprise.
void check_steps(const Expression& expression, const std::vector<std::string>& earlier, Problems& problems,
                 std::string_view why = "");

// The parts of the context that an expression reads, as far as its text shows: `.event.metadata.environment`,
// `$vars.x`, `.event.release.images[0]`, each once, up to the first index that is not a literal.
std::vector<std::string> paths_of(const Expression& expression);
// The value at such a path; null if there is none.
json::value value_at(const json::value& context, std::string_view path);

// What jq said of an evaluation on `context` that failed, in plain words that begin with "cannot", with the
// path that has the wrong value where the expression shows it: "cannot read `.event.name.x`: `.event.name` is
// text, not a map". What is not known stays as it is.
std::string plain_failure(const Expression& expression, const json::value& context, std::string_view why);

// What jq itself gets: the added functions (docs/expressions.md) and success/failure/always over the
// context's
// `.status`. in_window reads the context's `__calendars`: name -> {timezone, windows}, as to_json(Calendars)
// makes it. The evaluator puts it into each program (Options.prelude).
std::string_view prelude();

// Evaluates simple expressions without jq and without copying the context: paths (`.a.b["c"].d[0]`,
// `$event.a`), literals, ==, !=, and, or, //, `| not`, parentheses and success/failure/always. nullopt: jq's
// result might differ (an error, or a number that is not an integer within 2^53), so use the evaluator.
// to_text() of the value is what jq prints.
class Native {
 public:
  static std::shared_ptr<const Native> compile(std::string_view expression);  // nullptr: not that simple
  std::optional<json::value> evaluate(const json::value& context) const;
  ~Native();

 private:
  struct Impl;
  Native();
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::lang
