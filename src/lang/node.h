#pragma once
// Node: a YAML value with its place in the file; and Problems: errors in a user's files.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace postlude::lang {

// A place in a user's file; lines and columns count from 1, 0 means unknown.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  std::string text() const;  // file:line:column
};

struct Problem {
  Place place;
  std::string message;  // what was found, what is allowed, the nearest valid key
  bool warning = false;
  bool incomplete = false;  // something is missing here, and nothing more can be read without it
};
using Problems = std::vector<Problem>;
inline bool any_error(const Problems& problems) {
  for (const Problem& p : problems) {
    if (!p.warning) return true;
  }
  return false;
}
std::string to_text(const Problem& problem);  // file:line:col: message

struct Node {
  // Defined after Node is complete: members holds pairs of Nodes, which clang 14 does not instantiate
  // earlier.
  Node();
  ~Node();
  Node(const Node& other);
  Node& operator=(const Node& other);
  Node(Node&& other) noexcept;
  Node& operator=(Node&& other) noexcept;

  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string scalar;  // the text as written, unquoted
  bool plain = false;  // a scalar without quotes: the schema, else YAML 1.2's core schema, gives it a type
  std::vector<Node> items;                     // of a list
  std::vector<std::pair<Node, Node>> members;  // of a map, in order; the key is a scalar
  Place place;

  bool is_map() const { return kind == Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_null() const { return kind == Kind::kNull; }
  const Node* find(std::string_view key) const;       // a map's member, or nullptr
  std::string_view text(std::string_view key) const;  // a scalar member's text, "" when missing
};

// YAML 1.2's core schema: a plain scalar becomes null, a boolean, a number or text; a quoted one is text.
json::value to_json(const Node& node);
// A plain scalar under the core schema.
json::value scalar_value(std::string_view text);

// The pinned form of a definition: its JSON, and the place of each scalar, so that later errors still name
// file and line. parse_pinned(pin(n)) is n, except that scalars may be quoted differently with the same
// meaning.
std::string pin(const Node& node);
Result<Node> parse_pinned(std::string_view text);

}  // namespace postlude::lang
