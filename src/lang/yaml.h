#pragma once
// YAML: the reader of all users' files. Finds what yaml-cpp accepts silently: duplicate keys, `<<`, aliases
// that expand without bound, a comment that cuts a plain scalar short, unclosed quotes, tabs, several
// documents.
//
// A ` #` after a plain scalar begins a comment. If the comment looks like a part of the value, it is an error
// that says "quote it". That is so if
//   - `#` is directly followed by something other than a space or another `#`:  `channel: #releases`,
//   `deployed #1`;
//   - the value or the comment contains `${{` or `}}`:                          `text: ${{ .a }} # is out`;
//   - the value has an open quote or bracket:                                   `if: .a == "x # y"`.
// So `listen: 0.0.0.0:8080   # for Flagger` keeps its meaning, and any comment may be on a line of its own.

#include <cstddef>
#include <optional>
#include <string_view>

#include "lang/node.h"

namespace postlude::lang {

constexpr std::size_t kYamlBytesMax = 4U << 20U;
constexpr std::size_t kYamlDepthMax = 64;
constexpr std::size_t kYamlValuesMax = 500'000;  // keys included, aliases written out

// nullopt if it cannot be parsed at all; otherwise a tree, with `problems` to mend.
std::optional<Node> read_yaml(std::string_view text, std::string_view file, Problems& problems);

}  // namespace postlude::lang
