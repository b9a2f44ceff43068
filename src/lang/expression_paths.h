#pragma once
// Expression paths: the members of the context that an expression reads, as far as reading it can tell.

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
  bool variable = false;      // begins with $event, not with .event
};

// Paths from the context's root, in the order of the text: `.event.a`, `$event.a`, `(.event).a`, and `.a` in
// `.event | .a` and in `.event | select(.a)`. Where `.` may be something else nothing is said.
std::vector<ReadPath> read_paths(const Expression& expression);

// Whether null is a value that the expression reckons with: `//` follows the path, or it is compared with
// null.
bool null_is_met(const Tokens& tokens, const ReadPath& path);

// Where in its file `offset` of the expression stands; exact in a scalar of one line.
Place place_in(const Expression& expression, std::size_t offset);

}  // namespace postlude::lang
