#include "sql/columns.h"

#include <gtest/gtest.h>

namespace postlude::sql {

namespace {

constexpr Columns kThing({"id", "name", "body"});

TEST(Columns, AreFoundAndListedByName) {
  static_assert(kThing("id") == 0 && kThing("body") == 2 && kThing.size() == 3);
  EXPECT_EQ(kThing.list(), "id, name, body");
  EXPECT_EQ(kThing.list("t"), "t.id, t.name, t.body");
  EXPECT_EQ(kThing.list("t", {{"body", "''"}}), "t.id, t.name, ''");
}

TEST(Columns, RowsAreWrittenByName) {
  auto db = open_in_memory("");
  ASSERT_TRUE(db);
  ASSERT_TRUE((*db)->run("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, body TEXT)"));
  const Fields row{{"id", 7}, {"body", "b"}, {"name", "n"}};
  EXPECT_EQ(insert_into("things", row), "INSERT INTO things (id, body, name) VALUES ($1, $2, $3)");
  ASSERT_TRUE(run(**db, insert_into("things", row), row));
  const Fields other{{"id", 7}, {"name", "m"}};
  EXPECT_EQ(update("things", other), "UPDATE things SET name = $2 WHERE id = $1");
  ASSERT_TRUE(run(**db, update("things", other), other));
  std::string read;
  ASSERT_TRUE((*db)->each("SELECT " + kThing.list() + " FROM things", {},
                          [&](const Row& r) { read = r.text(kThing("name")) + r.text(kThing("body")); }));
  EXPECT_EQ(read, "mb");
}

}  // namespace

}  // namespace postlude::sql
