#include <gtest/gtest.h>

#include "lang/expression.h"

namespace postlude::lang {
namespace {

struct Case {
  const char *expression, *jq, *words;
};

// Each second text is what jq 1.6 says of the first.
TEST(Failures, are_told_in_plain_words_with_the_path) {
  const json::value context = *parse_json(
      R"({"event": {"name": "podinfo", "checksum": null, "metadata": {"n": "5"}, "payload": {"list": [{"a": 1}]}}})");
  const Case cases[] = {
      {".event.name.x", "Cannot index string with string \"x\"",
       "cannot read `.event.name.x`: `.event.name` is text, not a map"},
      {".event.payload.list.a", "Cannot index array with string \"a\"",
       "cannot read `.event.payload.list.a`: `.event.payload.list` is a list, not a map; `[0]` is its first "
       "element, `[]` all of them"},
      {".event.name | ascii_upcase | .x", "Cannot index string with string \"x\"",
       "cannot read `x` of text, only of a map"},
      {".event.name[0]", "Cannot index string with number", "cannot take an element of text by a number"},
      {".event.checksum[]", "Cannot iterate over null (null)",
       "cannot go through the elements of `.event.checksum`: it is null, not a list"},
      {".event.metadata.none | map(.)", "Cannot iterate over null (null)",
       "cannot go through the elements of null: `.event.metadata.none` is null"},
      {".event.metadata.n + 1", "string (\"5\") and number (1) cannot be added",
       "cannot add text and a number: `.event.metadata.n` is text, which `tonumber` makes a number"},
      {".event.checksum - 1", "null (null) and number (1) cannot be subtracted",
       "cannot subtract a number from null: `.event.checksum` is null"},
      {"(.event.name | length | tostring) * 2 * \"a\"",
       "number (2) and string (\") and num...) cannot be multiplied",
       "cannot multiply a number by text; "
       "`tonumber` makes a number of text, `tostring` text of a number"},
      {"1 / (.event.payload.list | length - 1)",
       "number (1) and number (0) cannot be divided because the divisor is zero", "cannot divide by zero"},
      {".event.checksum | test(\"a\")", "null (null) cannot be matched, as it is not a string",
       "cannot search in null: `.event.checksum` is null"},
      {".event.checksum | tonumber", "null (null) cannot be parsed as a number",
       "cannot make a number of null: `.event.checksum` is null"},
      {".event.name | tonumber", "Invalid literal at EOF at line 1, column 7 (while parsing 'podinfo')",
       "cannot make a number of text that is none: `.event.name` is text"},
      {".event.checksum | split(\",\")", "split input and separator must be strings",
       "cannot use `split` on what is not text: `.event.checksum` is null"},
      {".event.checksum | ascii_downcase", "explode input must be a string",
       "cannot use as text what is not text: `.event.checksum` is null"},
      {"{(.event.checksum): 1}", "Cannot use null (null) as object key",
       "cannot use null as a map's key, which is text: `.event.checksum` is null"},
      {".event.name | fromdate", "date \"podinfo\" does not match format \"%Y-%m-%dT%H:%M:%SZ\"",
       "cannot read text as a time: it does not match format \"%Y-%m-%dT%H:%M:%SZ\": `.event.name` is text"},
      // What reckons with null is not to blame for it.
      {"(.event.checksum // \"-\") - 1", "string (\"-\") and number (1) cannot be subtracted",
       "cannot subtract a number from text; `tonumber` makes a number of text, `tostring` text of a number"},
      {"error(\"told so\")", "told so", "told so"},
      {".event.name | strange", "strange (null)", "strange (null)"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(plain_failure({c.expression, {"w.yaml", 3, 7}}, context, c.jq), c.words) << c.expression;
}

}  // namespace
}  // namespace postlude::lang
