#pragma once
// Expression kinds: the types of context values that do not depend on the event. Only for this folder.

#include "lang/expression_paths.h"

namespace postlude::lang {

// `["min-length"]`
std::string quoted_key(std::string_view name);
// `.event.metadata["min-length"]`, of the first `count` keys.
std::string written(const ReadPath& path, std::size_t count);
// Number of keys of the path that lead to a value that is always text; 0: there is none.
std::size_t text_depth(const ReadPath& path);
// The possible words of a text in the context, such as `.event.outcome` or `.steps.x.state`. Empty: any text.
std::vector<std::string> words_at(const ReadPath& path);

// For an expression that is one path or one literal: what its value always is.
struct Whole {
  std::string_view kind;  // "": not known
  std::string text;
  bool literal = false;
  bool metadata = false;
  std::size_t offset = 0;
};
Whole whole_of(const Expression& expression, const Tokens& tokens, const std::vector<ReadPath>& paths);

}  // namespace postlude::lang
