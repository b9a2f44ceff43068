#pragma once
// Schema for editors: the output of `postlude schema`, adapted so that a YAML language server accepts
// everything that our reader accepts.

#include "base/json.h"

namespace postlude::lang {

// Our reader accepts a number or `true` where the schema says string (`version: 1.10`); for an editor these
// are other types. Adds them to the types of strings, unless a pattern or format excludes them; `oneOf`
// becomes `anyOf`, since a number may then match several. x-alsoWritten {a: b} allows the key b in place of
// a. Keys that are not built yet are not allowed.
json::value for_editors(const json::value& schema);

}  // namespace postlude::lang
