#pragma once
// Expression paths: the members of the context that an expression reads, as far as its text shows.

#include <cstdint>
#include <string>
#include <vector>

#include "lang/expression.h"
#include "lang/expression_tokens.h"

namespace postlude::lang {

struct PathKey {
  enum class Kind : std::uint8_t {
    kName,   // .name, ["name"]
    kIndex,  // [3]
    kAny,    // [], [1:2], [.computed]
  };
  Kind kind = Kind::kAny;
  std::string name;
  std::int64_t index = 0;
};

struct ReadPath {
  std::vector<PathKey> keys;  // never empty; begins with a name
  std::size_t offset = 0;     // of its first character in the expression
  std::size_t first = 0;      // its first token
  std::size_t end = 0;        // the token after its last
  bool variable = false;      // written $event, not .event
};

// Paths from the context's root, in the order of the text: `.event.a`, `$event.a`, `(.event).a`, and `.a` in
// `.event | .a` and in `.event | select(.a)`. Leaves out paths for which `.` may be something else.
std::vector<ReadPath> read_paths(const Expression& expression);

// Whether the expression handles null: `//` follows the path, or the path is compared with null.
bool null_is_met(const Tokens& tokens, const ReadPath& path);

// The place of `offset` of the expression in its file; exact for a scalar of one line.
Place place_in(const Expression& expression, std::size_t offset);

}  // namespace postlude::lang
