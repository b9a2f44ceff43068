#include "cli/answer.h"

#include <gtest/gtest.h>

namespace postlude::cli {
namespace {

TEST(CheckShape, SaysWhatAnAnswerLacks) {
  struct Row {
    const Shape& shape;
    const char* answer;
    const char* lacks;  // "": nothing
  };
  for (const Row& row :
       {Row{page_shape(), R"({"items":[{}],"next":null})", ""},
        Row{page_shape(), R"([])", "it is no JSON object"}, Row{page_shape(), R"({})", "it has no `items`"},
        Row{page_shape(), R"({"items":{}})", "its `items` is no list of objects"},
        Row{page_shape(), R"({"items":[1]})", "its `items` is no list of objects"},
        Row{run_shape(), R"({"id":"run_1","workflow":"w","state":"failed"})", ""},
        Row{run_shape(), R"({"id":"run_1","state":"failed"})", "it has no `workflow`"},
        Row{many_shape(), R"({"done":1,"refused":[],"more":false})", ""},
        Row{many_shape(), R"({"done":"1","refused":[],"more":false})", "its `done` is no number"},
        Row{many_shape(), R"({"done":1,"refused":[],"more":1})", "its `more` is no true or false"},
        Row{verified_shape(), R"({})", "it has no `intact`"},
        Row{forgotten_shape(), R"({})", "it has no `forgotten`"}}) {
    const auto answer = parse_json(row.answer);
    ASSERT_TRUE(answer);
    const Status fits = check_shape(*answer, row.shape);
    EXPECT_EQ(fits ? "" : fits.error().message,
              row.lacks[0] == '\0' ? "" : std::string("the answer is not Postlude's: ") + row.lacks)
        << row.answer;
  }
}

TEST(Answer, ReadsWhatIsMissingAsNothing) {
  const json::value empty = json::object();
  EXPECT_TRUE(list_in(empty, "x").empty());
  EXPECT_EQ(number_in(empty, "x"), 0);
  EXPECT_FALSE(flag_in(empty, "x"));
  EXPECT_TRUE(list_in(json::value("x"), "x").empty());
}

}  // namespace
}  // namespace postlude::cli
