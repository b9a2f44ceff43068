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
// import, include, debug, stderr, halt, halt_error, their kin, and names that begin with `__`; the list is in
// expression.cc) as functions, never as fields, keys or strings.
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

// Where an expression stands, which decides what names it has (docs/expressions.md).
enum class Where : std::uint8_t {
  kWorkflow = 1,  // `if`, `vars`, `concurrency.key`: before there is a run
  kStep,          // of a workflow
  kHttp,          // `with` of http/request
  kHttpAnswer,    // its `success`, `retry`, `refuse`
  kRequest,       // a connector's request, its outputs, and what it waits for
  kAnswer,        // what judges a request's answer
  kUpdate,        // the same two of `update`, which has the outputs of the use before
  kUpdateAnswer,
};
std::vector<std::string> names_at(Where where);

// What the context holds, above all the event: `.event.relase` is a problem with the nearest key; so is an
// unknown root, as `.evnt` or `$evnt`, and one of another place.
// Follows parentheses and plain pipes (`.event | .name`); silent where `.` may be something else.
void check_names(const Expression& expression, Where where, Problems& problems);

// What has a name and is null where the expression stands, as `.item` without `forEach`, and why. A problem
// unless `//` follows or it is compared with null.
struct Absent {
  std::vector<std::string> path;  // "" is what is not below a name: `.steps[]`, and `.steps` itself
  std::string why;                // after "`.item` "
  bool warning = false;
};
void check_absent(const Expression& expression, const std::vector<Absent>& absent, Problems& problems);

// `in_window("freze")` where the configuration has no such calendar is a problem with the nearest name.
void check_calendars(const Expression& expression, const std::vector<std::string>& calendars,
                     Problems& problems);

// What jq accepts and nobody means, and what it refuses in words that do not help:
// `.event.metadata.min-length`, `event.name`, `startsWith("a")`, a function that does not exist, `a = b` in a
// condition, text that is compared with a number. `condition`: it must yield true or false.
void check_mistakes(const Expression& expression, bool condition, Problems& problems);

// `forEach: .event.name`: what is no list, whatever the event.
void check_list(const Expression& expression, Problems& problems);

// What is null in every event until a cluster is read: `.event.release`, `.event.canary`, unless `//` follows
// or it is compared with null. A warning.
void check_always_null(const Expression& expression, Problems& problems);

// What a map of the context holds, where only the configuration knows: `.vars.x`, `.data.x`, and the outputs
// of steps.
struct Members {
  enum class Kind : std::uint8_t {
    kAnything,  // nothing is known
    kNamed,     // these and no others
    kEach,      // a list, each element of which has these
    kEachOf,    // the same, but nothing is known of the elements
    kNothing,   // text or a number: it has no members
  };
  Kind kind = Kind::kAnything;
  std::vector<std::string> names;
};
// `path`: the members' place in the context, as {"steps", "x", "outputs"}; "" is any element. An unknown one
// below it is a problem with the nearest.
void check_members(const Expression& expression, const std::vector<std::string>& path, const Members& members,
                   Problems& problems);

// `{{ .event.name }}` and `${event.name}` in text, which is sent as it is written: other tools' templates.
// A warning, at each scalar within `node`.
void check_braces(const Node& node, Problems& problems);

// `.event.name` in text that is no expression, which is sent as it is. A warning, at each scalar within
// `node` but for the members that `bare` names.
void check_bare_paths(const Node& node, const std::vector<std::string_view>& bare, Problems& problems);

// `{env: NAME}`, as it is written outside workflows.
bool names_environment(const Node& node);
constexpr std::string_view kNoEnvironmentHere =
    "`{env: NAME}` is not read in a workflow; a secret belongs in the target's `auth`, an address in its "
    "`url`, "
    "and any other value is written out here";
// It in what a step sends. A warning, at each map within `node`.
void check_environment(const Node& node, Problems& problems);

// `.steps.X` where no earlier step has the id X is a problem with the nearest id.
// `why`: what is added where the reason may surprise.
void check_steps(const Expression& expression, const std::vector<std::string>& earlier, Problems& problems,
                 std::string_view why = "");

// The parts of the context that an expression reads, as far as reading it can tell:
// `.event.metadata.environment`,
// `$vars.x`, `.event.release.images[0]`, each once. Up to the first index that is not written out.
std::vector<std::string> paths_of(const Expression& expression);
// What is there, for one of these; null where nothing is.
json::value value_at(const json::value& context, std::string_view path);

// What jq itself gets: the added functions (docs/expressions.md) and success/failure/always over the
// context's
// `.status`. in_window reads the context's `__calendars`: name -> {timezone, windows}, as to_json(Calendars)
// makes it. The evaluator puts it into each program (Options.prelude).
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
