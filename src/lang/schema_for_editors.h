#pragma once
// Schema for editors: what `postlude schema` prints, so that a YAML language server refuses nothing that our
// own reader takes.

#include "base/json.h"

namespace postlude::lang {

// Where text is wanted, our reader takes a number or `true` as text (`version: 1.10`); to an editor these are
// other types. Adds them to the types of text, unless a pattern or format keeps them out; `oneOf` becomes
// `anyOf`, since a number may then fit several. x-alsoWritten {a: b} lets a key b stand for the key a, and
// what is not built yet may not stand anywhere.
json::value for_editors(const json::value& schema);

}  // namespace postlude::lang
