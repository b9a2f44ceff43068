#pragma once
// Template: a YAML value with expressions at its leaves, and Stage: all expressions that are evaluated together.
//
//   Stage stage;                          // collects, each distinct text once
//   auto a = stage.add(expression);       // a bare one
//   auto b = stage.add(tmpl);             // all leaves of a template
//   values = evaluator(stage.expressions(), context)
//   stage.value(a, values) / tmpl.assemble(stage, values)

#include <memory>
#include <string>
#include <vector>

#include "lang/expression.h"

namespace postlude::lang {

// What one evaluation yielded: JSON text, or the error to show.
using Evaluated = Result<std::string>;

class Template {
 public:
  // A tree of literals and expressions. A whole-value `${{ … }}` keeps its JSON type; inside text it becomes text
  // (strings bare, other values as JSON). Plain scalars are typed by `schema` where it says so (nullptr: core schema).
  static Template read(const Node& node, const json::value* schema, Problems& problems);
  // Text only: a URL path, a header, a query value.
  static Template read_text(const Node& scalar, Problems& problems);

  bool literal() const;  // without expressions
  void collect(std::vector<Expression>& into) const;

  // The value, from the results of `collect`'s expressions in the same order. kInvalid, naming file:line and the
  // expression: an evaluation failed; null inside text (say `// "-"`).
  Result<json::value> assemble(const std::vector<Evaluated>& values) const;
  Result<std::string> assemble_text(const std::vector<Evaluated>& values) const;

 private:
  struct Part;
  std::shared_ptr<const Part> root_;
};

// A message for people: `file:line:col: <expression>: why`.
std::string blame(const Expression& expression, std::string_view why);

}  // namespace postlude::lang
