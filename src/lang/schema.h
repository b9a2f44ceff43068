#pragma once
// Schema: one JSON Schema per kind of file is the truth for editors (`postlude schema …`) and for this reader: it
// walks the YAML tree along it and reports unknown keys with the nearest valid one, wrong types, missing keys, and
// keys that this build does not have yet ("x-notBuilt": "…").
//
// Understood: $ref into #/definitions, type, enum, const, properties, additionalProperties, patternProperties,
// required, items, minItems, oneOf/anyOf (told apart by type, by a const member or by required keys), pattern,
// minimum, maximum, description, default, and our formats: duration, rate, size, expression, template, secret, glob.
// Scalars are read by the schema: where it says string, `1.10` and `no` are text.

#include <string_view>

#include "lang/node.h"

namespace postlude::lang {

// Appends what is wrong with `node`. `what` names it in messages, say "the configuration".
void check_against(const Node& node, const json::value& schema, Problems& problems);

// The node as JSON with each scalar typed by the schema. Call it on what check_against found no fault with; where
// the schema is silent the core schema decides.
json::value typed(const Node& node, const json::value& schema);

}  // namespace postlude::lang
