// What a list may be narrowed by, and that what is said of it is JSON.
#include "api/query.h"

#include <gtest/gtest.h>

#include "api/answers.h"
#include "base/json.h"

namespace postlude::api {
namespace {

HttpRequest get(const std::string& target) {
  HttpRequest request;
  request.method = "GET";
  request.target = target;
  return request;
}

// Left out, it would be taken for a list that is narrowed.
TEST(Query, a_parameter_that_cannot_be_read_is_refused_by_name) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"workflow=%zz", "parameter 'workflow': a percent sign must"},
      {"state=failed&name=100%", "parameter 'name': a percent sign must"},
      {"workflow=%4", "parameter 'workflow': a percent sign must"},
      {"work%flow=a", "parameter 'work%flow': a percent sign must"},
      {"workflow=a&state=failed&workflow=b", "parameter 'workflow' comes twice"},
  };
  for (const auto& [query, said] : rows) {
    const auto read = query_of(get("/api/v1/runs?" + query));
    ASSERT_FALSE(read) << query;
    EXPECT_EQ(read.error().code, Code::kInvalid) << query;
    EXPECT_EQ(read.error().message.substr(0, said.size()), said);
  }
  const auto nameless = query_of(get("/api/v1/runs?=a"));
  ASSERT_TRUE(nameless);
  EXPECT_FALSE(asked_of("runs", *nameless)) << "an unknown parameter";
  const auto read = query_of(get("/api/v1/runs?workflow=a%20b&&state=failed&"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), 2U);
  EXPECT_EQ(read->at("workflow"), "a b");
}

TEST(Query, what_is_wrong_with_it_is_said_in_json) {
  const std::string wide = std::string(39, 'x') + "\u00e9\u00e9";  // its 40th byte is half a character
  for (const std::string& text : {std::string("\xff\xfe"), wide, std::string("a\xc3")}) {
    for (const char* name : {"state", "event", "after"}) {
      const auto asked = asked_of("runs", {{name, text}});
      ASSERT_FALSE(asked) << name;
      const Result<json::value> body = parse_json(problem_of(asked.error()).body);
      ASSERT_TRUE(body) << name;
      EXPECT_EQ(text == wide, find_text(*body, "detail").find("\uFFFD") == std::string_view::npos) << name;
    }
    const auto unknown = asked_of("runs", {{text, "a"}});
    ASSERT_FALSE(unknown);
    EXPECT_TRUE(parse_json(problem_of(unknown.error()).body));
  }
}

}  // namespace
}  // namespace postlude::api
