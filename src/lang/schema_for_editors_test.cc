#include "lang/schema_for_editors.h"

#include <gtest/gtest.h>

namespace postlude::lang {
namespace {

std::string shown(const char* schema) {
  return to_text(for_editors(*parse_json(schema)));
}

TEST(SchemaForEditors, TextMayLookLikeANumber) {
  struct Row {
    const char* schema;
    const char* shown;
  };
  const std::vector<Row> rows = {
      {R"({"type":"string"})", R"({"type":["string","number","boolean"]})"},
      {R"({"type":["string","null"]})", R"({"type":["string","null","number","boolean"]})"},
      {R"({"type":"string","pattern":"^[0-9]+$"})", R"({"type":["string","integer"],"pattern":"^[0-9]+$"})"},
      {R"({"type":"string","pattern":"^[a-z]+$"})", R"({"type":["string","boolean"],"pattern":"^[a-z]+$"})"},
      {R"({"type":"string","pattern":"^https:"})", R"({"type":"string","pattern":"^https:"})"},
      {R"({"type":"string","format":"postlude-duration"})",
       R"({"type":"string","format":"postlude-duration","pattern":"^([0-9]+(d|h|ms|m|s|us|µs))+$|[$][{][{]"})"},
      {R"({"type":"string","enum":["a"]})", R"({"type":"string","enum":["a"]})"},
      {R"({"type":"integer"})", R"({"type":"integer"})"},
      {R"({"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string","pattern":"x"}}]})",
       R"({"anyOf":[{"type":["string","number","boolean"]},{"type":"array","items":{"type":"string","pattern":"x"}}]})"},
      {R"({"properties":{"type":{"type":"string","pattern":"x"}},"propertyNames":{"type":"string"}})",
       R"({"properties":{"type":{"type":"string","pattern":"x"}},"propertyNames":{"type":"string"}})"},
      {R"({"default":{"type":"string"},"examples":[{"oneOf":[]}]})",
       R"({"default":{"type":"string"},"examples":[{"oneOf":[]}]})"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(shown(row.schema), row.shown) << row.schema;
}

TEST(SchemaForEditors, AKeyMayBeWrittenOtherwise) {
  EXPECT_EQ(
      shown(
          R"({"required":["on","steps"],"x-alsoWritten":{"on":"true"},"properties":{"on":{"type":"null"}}})"),
      R"({"required":["steps"],"properties":{"on":{"type":"null"}},)"
      R"("anyOf":[{"required":["on"]},{"required":["true"]}],"patternProperties":{"^true$":{"type":"null"}}})");
}

TEST(SchemaForEditors, WhatIsNotBuiltIsRefused) {
  EXPECT_EQ(
      shown(R"({"properties":{"gates":{"x-notBuilt":"of it","type":"object","description":"Rules."}}})"),
      R"({"properties":{"gates":{"x-notBuilt":"of it","not":{},)"
      R"("description":"Not built yet in this version. Rules."}}})");
}

}  // namespace
}  // namespace postlude::lang
