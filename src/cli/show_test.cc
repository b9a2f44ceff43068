#include "cli/show.h"

#include <gtest/gtest.h>

#include "cli/commands.h"

namespace postlude::cli {
namespace {

TEST(Show, YamlIsWhatItWasAsJson) {
  const auto value = parse_json(
      R"({"id":"run_1","empty":{},"none":null,"text":"yes","number":"1.10","long":"a: b","list":[1,{"a":[true]},[]],"on":"x"})");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(yaml_of(*value),
            "id: run_1\n"
            "empty: {}\n"
            "none: null\n"
            "text: \"yes\"\n"
            "number: \"1.10\"\n"
            "long: \"a: b\"\n"
            "list:\n"
            "  - 1\n"
            "  - a:\n"
            "      - true\n"
            "  - []\n"
            "\"on\": x\n");
}

TEST(Show, ColumnsAreAsWideAsTheirCells) {
  EXPECT_EQ(table_of({"ID", "WHY"}, {{"a", "ü"}, {"längst", "x"}}), "ID      WHY\na       ü\nlängst  x\n");
}

TEST(Show, AnEmptyListSaysSo) {
  const auto page = parse_json(R"({"items":[],"next":null})");
  EXPECT_EQ(list_of("runs", *page), "no runs\n");
}

TEST(Show, AListTellsHowToGoOn) {
  const auto page = parse_json(
      R"({"items":[{"id":"run_1","createdAt":"t","workflow":"w","state":"failed","event":"evt_1","reason":"a\nb"}],"next":"run_1"})");
  EXPECT_EQ(list_of("runs", *page),
            "ID     CREATED  WORKFLOW  STATE   EVENT  REASON\n"
            "run_1  t        w         failed  evt_1  a b\n"
            "older ones: --after run_1\n");
}

// The bytes of Go's encoding/json for Flagger's payload (ctl/webhook.go).
TEST(Send, WritesFlaggersBytes) {
  SendChoice choice;
  choice.name = "podinfo";
  choice.name_space = "test";
  EXPECT_EQ(
      flagger_body(choice, {{"team", "a<b"}, {"cluster", "x"}}, "7774c75db4"),
      R"({"name":"podinfo","namespace":"test","phase":"Succeeded","checksum":"7774c75db4","metadata":{"cluster":"x","team":"a\u003cb"}})");
  EXPECT_EQ(flagger_body(choice, {}, ""),
            R"({"name":"podinfo","namespace":"test","phase":"Succeeded","checksum":""})");
  EXPECT_EQ(flagger_body(choice, {{"t", "\"\\\n\x01&>\xe2\x80\xa8"}}, "4"),
            "{\"name\":\"podinfo\",\"namespace\":\"test\",\"phase\":\"Succeeded\",\"checksum\":\"4\","
            "\"metadata\":{\"t\":"
            "\"\\\"\\\\\\n\\u0001\\u0026\\u003e\\u2028\"}}");
}

}  // namespace
}  // namespace postlude::cli
