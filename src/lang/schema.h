#pragma once
// Schema: one JSON Schema per kind of file, for editors (`postlude schema …`) and for this reader, which
// checks the YAML tree against it and reports unknown keys with the nearest valid one, wrong types, missing
// keys, and keys that this build does not have yet ("x-notBuilt": "…").
//
// Understood: $ref into #/definitions, type, enum, const, properties, additionalProperties,
// patternProperties, propertyNames, required, items, minItems, oneOf/anyOf (told apart by type, by a const,
// or by the first of their required keys), pattern, minimum, maximum, description, default, and our formats:
// postlude-duration (JSON Schema's own `duration` is another), rate, size, glob, secret; expression and
// template are read by others. Editors ignore our own keywords:
//   x-notBuilt: "…"          a key of the contract that this build refuses by name; the text follows the name
//   x-notBuiltValues: {v: t} the same for values of an enum; the text says what to do instead
//   x-elsewhere: "…"         a key that belongs to another place: refused, with this text, and never proposed
//   x-kin: {step: "a step"}  definitions whose keys people write here by mistake, and what they belong to
//   x-what: "the source"     how messages call a member of a map: the source 'flagger'
//   x-says: "…"              what a pattern asks for, in words
//   x-alsoWritten: {a: b}    what YAML 1.1 makes of the key a: see schema_for_editors.h
//   x-sensitive: true        somebody may write a secret here by mistake: messages never quote the value, nor
//   what
//                            stands within, unless a schema there says false
//   x-literal: true          {env: NAME} stands for nothing here: see environment.h
//   x-environment: true      at the root: elsewhere it may stand for any plain value
// Scalars are read by the schema: where it says string, `1.10` and `no` are text.

#include <string_view>

#include "lang/node.h"

namespace postlude::lang {

struct CheckOptions {
  std::string_view what = "the file";  // the name of the root in messages, unless the schema has x-what
  bool expressions = false;            // text with `${{` may replace any value
};

// Appends the errors in `node`.
void check_against(const Node& node, const json::value& schema, Problems& problems,
                   CheckOptions options = {});

// The node as JSON, with each scalar typed by the schema; where the schema is silent, the core schema
// decides. Call it only if check_against found no error.
json::value typed(const Node& node, const json::value& schema);

}  // namespace postlude::lang
