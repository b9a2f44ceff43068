#include "cli/table.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/printable.h"
#include "base/text.h"

namespace postlude::cli {
namespace {

class Table : public testing::Test {
 protected:
  void SetUp() override { unsetenv("COLUMNS"); }
  void TearDown() override { unsetenv("COLUMNS"); }
};

std::size_t widest(const std::string& table) {
  std::size_t most = 0;
  for (const std::string_view line : split(table, '\n'))
    most = std::max(most, columns_of(line));
  return most;
}

TEST_F(Table, SomeColumnsAreCutLast) {
  setenv("COLUMNS", "30", 1);
  const std::string ten(10, 'a');
  const std::string twenty(20, 'b');
  EXPECT_EQ(table_of({"A", "B"}, {{ten, twenty}}, {1}), "A         B\naaaaaaa…  " + twenty + "\n");
  EXPECT_EQ(table_of({"A", "B"}, {{ten, std::string(40, 'b')}}, {1}),
            "A       B\naaaaa…  " + std::string(21, 'b') + "…\n")
      << "at last they are";
}

TEST_F(Table, ColumnsAreAsWideAsTheirCells) {
  EXPECT_EQ(table_of({"ID", "WHY"}, {{"a", "ü"}, {"längst", "x"}}), "ID      WHY\na       ü\nlängst  x\n");
  EXPECT_EQ(table_of({"A", "B"}, {{"日本", "x"}, {"a", "y"}}), "A     B\n日本  x\na     y\n");
}

TEST_F(Table, FitsAndKeepsIdsAndHeadings) {
  const std::string id = "run_000000000001";
  const std::string many(60, 'w');
  std::string wide_letters;
  for (int i = 0; i < 40; ++i)
    wide_letters += "日";
  const std::string table =
      table_of({"ID", "CANARY", "WORKFLOW", "STATE"}, {{id, many, wide_letters, "failed"}});
  EXPECT_LE(widest(table), 80U) << table;
  EXPECT_NE(table.find(id), std::string::npos);
  EXPECT_NE(table.find("www…"), std::string::npos);
  EXPECT_NE(table.find("日…"), std::string::npos);
  setenv("COLUMNS", "200", 1);
  EXPECT_NE(table_of({"ID", "X"}, {{id, many}}).find(many), std::string::npos);
  setenv("COLUMNS", "10", 1);
  EXPECT_NE(table_of({"ID", "X"}, {{id, many}}).find(id + "  wwwww…\n"), std::string::npos);
}

TEST_F(Table, WhatIsLongStandsBelowItsRow) {
  setenv("COLUMNS", "20", 1);
  EXPECT_EQ(table_of({"A", "B"}, {{"a", "b"}, {"c", "d"}}, {"one two three four", ""}, Below::kWrap),
            "A  B\na  b\n    one two three\n    four\nc  d\n");
  EXPECT_EQ(table_of({"A"}, {{"a"}}, {"one two three four\nx"}, Below::kCut), "A\na\n    one two three f…\n");
}

TEST_F(Table, TextIsBrokenAtBlanks) {
  EXPECT_EQ(wrapped("one two three", 0, 7), "one two\nthree");
  EXPECT_EQ(wrapped("one two", 2, 5), "one\n  two");
  EXPECT_EQ(wrapped("a abcdefgh b", 1, 5), "a\n abcd\n efgh\n b");
  EXPECT_EQ(wrapped("日本語日本", 0, 6), "日本語\n日本");
  EXPECT_EQ(wrapped("", 2, 80), "");
}

TEST_F(Table, ACellIsOneLine) {
  EXPECT_EQ(table_of({"A"}, {{"x\ny\x1b[31m"}}), "A\nx y\\u001b[31m\n");
}

TEST(IsId, Rows) {
  for (const char* id : {"run_1", "evt_000000000001", "dlv_9z", "rel_a", "att_b"})
    EXPECT_TRUE(is_id(id));
  for (const char* text : {"run_", "run_A", "run_1 x", "step_1", "", "prod/run_1"})
    EXPECT_FALSE(is_id(text));
}

}  // namespace
}  // namespace postlude::cli
