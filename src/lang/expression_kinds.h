#pragma once
// Expression kinds: what the context holds at a path whatever the event is. Only for this folder.

#include "lang/expression_paths.h"

namespace postlude::lang {

// `["min-length"]`
std::string quoted_key(std::string_view name);
// `.event.metadata["min-length"]`, of the first `count` keys.
std::string written(const ReadPath& path, std::size_t count);
// How many keys of the path lead to something that is always text; 0: it leads to none.
std::size_t text_depth(const ReadPath& path);
// The words that a text of the context is one of: those of `.event.outcome`, of `.steps.x.state`. Empty: any.
std::vector<std::string> words_at(const ReadPath& path);

// An expression that is one path or one literal, and what it always is.
struct Whole {
  std::string_view kind;  // "": not known
  std::string text;
  bool literal = false;
  bool metadata = false;
  std::size_t offset = 0;
};
Whole whole_of(const Expression& expression, const Tokens& tokens, const std::vector<ReadPath>& paths);

}  // namespace postlude::lang
