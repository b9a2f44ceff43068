#pragma once
// Template: a YAML value with expressions at its leaves. Pass their values back in the order of collect().
//
//   std::vector<Expression> asked;
//   tmpl.collect(asked);                   // for all templates and bare expressions of a stage
//   values = evaluate(texts of asked)      // natively or by the evaluator
//   tmpl.assemble(its part of values)

#include <memory>
#include <string>
#include <vector>

#include "lang/expression.h"

namespace postlude::lang {

// The result of one evaluation: JSON text, or the error to show.
using Evaluated = Result<std::string>;

class Template {
 public:
  // A tree of literals and expressions. A value that is one whole `${{ … }}` keeps its JSON type; inside text
  // its value becomes text (strings bare, other values as JSON). Plain scalars are typed by `schema`
  // (nullptr: core schema). If the schema of a text says `escape: slack` (jql, wiki, markdown), the values of
  // its expressions are escaped for that language; literal text is not, and neither is an expression that
  // calls `raw` or an escape itself.
  static Template read(const Node& node, const json::value* schema, Problems& problems);
  // Text only: a URL path, a header, a query value.
  static Template read_text(const Node& scalar, Problems& problems);
  // A bare expression: the value is of any type.
  static Template of(Expression expression);

  bool literal() const;  // without expressions
  void collect(std::vector<Expression>& into) const;

  // Builds the value from the results of collect()'s expressions, in the same order. kInvalid, naming
  // file:line and the expression: an evaluation failed, or null inside text (use `// "-"`). Keeps the error
  // code of a failed evaluation.
  Result<json::value> assemble(const std::vector<Evaluated>& values) const;
  // For read_text(): a whole-value expression becomes text too, and null is an error.
  Result<std::string> assemble_text(const std::vector<Evaluated>& values) const;

 private:
  friend struct TemplateReader;
  struct Part;
  std::shared_ptr<const Part> root_;
};

// The values of a schema's `escape`.
const std::vector<std::string>& escape_names();

// A message for people: `<expression>: why (file:line:col)`.
std::string blame(const Expression& expression, std::string_view why);
// The same of an evaluation that failed. Where plain_failure() or the expression itself (`error("…")`) says
// why, that comes first.
std::string failure(const Expression& expression, std::string_view why);

}  // namespace postlude::lang
