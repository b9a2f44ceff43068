#pragma once
// Template: a YAML value with expressions at its leaves; evaluated ones come back in the order of collect().
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

// What one evaluation yielded: JSON text, or the error to show.
using Evaluated = Result<std::string>;

class Template {
 public:
  // A tree of literals and expressions. A whole-value `${{ … }}` keeps its JSON type; inside text it becomes
  // text (strings bare, other values as JSON). Plain scalars are typed by `schema` where it says so (nullptr:
  // core schema). A text whose schema says `escape: slack` (jql, wiki, markdown) is written in that language:
  // what expressions yield is escaped for it, what is literal is not, and neither is an expression that calls
  // `raw` or an escape itself.
  static Template read(const Node& node, const json::value* schema, Problems& problems);
  // Text only: a URL path, a header, a query value.
  static Template read_text(const Node& scalar, Problems& problems);
  // A bare expression: its value, whatever it is.
  static Template of(Expression expression);

  bool literal() const;  // without expressions
  void collect(std::vector<Expression>& into) const;

  // The value, from the results of `collect`'s expressions in the same order. kInvalid, naming file:line and
  // the expression: an evaluation failed; null inside text (say `// "-"`). An evaluation's own code is kept.
  Result<json::value> assemble(const std::vector<Evaluated>& values) const;
  // Of read_text(). A whole-value expression becomes text, too; null is an error there as well.
  Result<std::string> assemble_text(const std::vector<Evaluated>& values) const;

 private:
  friend struct TemplateReader;
  struct Part;
  std::shared_ptr<const Part> root_;
};

// What a schema's `escape` may say.
const std::vector<std::string>& escape_names();

// A message for people: `file:line:col: <expression>: why`.
std::string blame(const Expression& expression, std::string_view why);
// The same of an evaluation that failed; where the expression itself said why (`error("…")`), that comes
// first and its text is left out.
std::string failure(const Expression& expression, std::string_view why);

}  // namespace postlude::lang
