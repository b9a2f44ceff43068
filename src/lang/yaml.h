#pragma once
// YAML: the reader of everything users write. Finds what yaml-cpp lets pass: duplicate keys, `<<`, aliases
// that blow up, a comment that cuts a plain scalar short, quotes never closed, tabs, several documents.
//
// A ` #` after a plain scalar begins a comment. It is an ordinary one, and legal, unless it looks as if it
// belonged to the value: then it is an error that says "quote it". That is so when
//   - `#` is directly followed by something other than a space or another `#`:  `channel: #releases`,
//   `deployed #1`;
//   - the value or the comment contains `${{` or `}}`:                          `text: ${{ .a }} # is out`;
//   - the value has an open quote or bracket:                                   `if: .a == "x # y"`.
// So `listen: 0.0.0.0:8080   # for Flagger` stays what it is, and any comment may stand on a line of its own.

#include <cstddef>
#include <optional>
#include <string_view>

#include "lang/node.h"

namespace postlude::lang {

constexpr std::size_t kYamlBytesMax = 4U << 20U;
constexpr std::size_t kYamlDepthMax = 64;
constexpr std::size_t kYamlValuesMax = 500'000;  // keys included, aliases written out

// nullopt when it cannot be read at all; otherwise a tree, with `problems` for what must be mended.
std::optional<Node> read_yaml(std::string_view text, std::string_view file, Problems& problems);

}  // namespace postlude::lang
