// Statements to a real SQLite, and what becomes of values on their way into rows. PostgreSQL and MariaDB:
// tests/functional/test_sql.py.
#include "database/client.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>

#include "base/json.h"
#include "database/rows.h"
#include "rt/group.h"

namespace postlude::database {
namespace {

rt::Task<> asking(rt::Loop* loop, Client* client, SqlAsk ask, Peer peer, std::function<bool()> may_send,
                  Result<SqlReply>* into) {
  *into = co_await client->carry_out(std::move(ask), std::move(peer), std::move(may_send));
  loop->stop();
}

class SqliteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "postlude-database-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    prepare("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c BOOLEAN, d JSON, e REAL, f BLOB)");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file() const { return folder_ + "/shop.db"; }

  void prepare(const char* text) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  Result<SqlReply> ask(std::string statement, std::string params = "[]", bool execute = false,
                       std::function<bool()> may_send = nullptr) {
    SqlAsk asked;
    asked.execute = execute;
    asked.url = "sqlite://" + file();
    asked.statement = std::move(statement);
    asked.params = std::move(params);
    asked.rows_max = rows_max;
    rt::Loop loop;
    Client client(loop);
    if (stopped) client.stop();
    rt::Group group(loop, "test");
    Result<SqlReply> reply = Error(Code::kInvalid, "nothing came");
    group.start(asking(&loop, &client, std::move(asked), peer, std::move(may_send), &reply));
    loop.run();
    group.abandon();
    return reply;
  }

  Peer peer;
  std::size_t rows_max = 100;
  bool stopped = false;

 private:
  std::string folder_;
};

TEST_F(SqliteTest, ExecutesAndQueries) {
  const auto made =
      ask("INSERT INTO t VALUES (?, ?, ?, ?, ?, NULL)", R"([1, "it's", true, {"x": [1]}, 0.5])", true);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_FALSE(made->error) << made->error->message;
  EXPECT_EQ(made->count, 1);
  const auto read = ask("SELECT * FROM t WHERE a = ?", "[1]");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rows, R"([{"a":1,"b":"it's","c":true,"d":{"x":[1]},"e":0.5,"f":null}])");
  EXPECT_EQ(read->count, 1);
  EXPECT_FALSE(read->more);
  const auto returned = ask("UPDATE t SET b = 'x' RETURNING a", "[]", true);
  ASSERT_TRUE(returned);
  EXPECT_EQ(returned->rows, R"([{"a":1}])");
}

TEST_F(SqliteTest, RefusesWhatIsNotOneStatement) {
  for (const auto& [statement, params] :
       std::initializer_list<std::pair<const char*, const char*>>{{"SELECT 1 AS a; SELECT 2 AS b", "[]"},
                                                                  {"-- nothing", "[]"},
                                                                  {"SELECT ? AS a", "[]"},
                                                                  {"SELECT 1 AS a", "[1]"},
                                                                  {"SELECT 1 AS a, 2 AS a", "[]"}}) {
    const auto reply = ask(statement, params);
    ASSERT_FALSE(reply) << statement;
    EXPECT_EQ(reply.error().code, Code::kInvalid) << statement;
  }
  EXPECT_TRUE(ask("SELECT 1 AS a -- that is all")) << "a comment is no statement";
}

TEST_F(SqliteTest, AQueryCannotWrite) {
  for (const char* statement : {"INSERT INTO t (a) VALUES (1)", "DELETE FROM t", "DROP TABLE t",
                                "PRAGMA user_version = 7", "ATTACH '/nowhere/x.db' AS x"}) {
    const auto reply = ask(statement);
    const bool refused = !reply || reply->error.has_value();
    EXPECT_TRUE(refused) << statement;
  }
}

TEST_F(SqliteTest, WhatMayNotBeSentLeavesNothing) {
  int asked = 0;
  for (const int refused_at : {1, 2}) {
    asked = 0;
    const auto reply = ask("INSERT INTO t (b) VALUES ('x')", "[]", true,
                           [&asked, refused_at] { return ++asked < refused_at; });
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::kUnavailable);
    EXPECT_EQ(asked, refused_at);
  }
  EXPECT_EQ(ask("SELECT a FROM t")->count, 0);
}

TEST_F(SqliteTest, RowsAreBounded) {
  prepare(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) "
      "INSERT INTO t (a, b) SELECT i, 'xxxxxxxxxx' FROM n");
  rows_max = 2;
  const auto reply = ask("SELECT a FROM t ORDER BY a");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->rows, R"([{"a":1},{"a":2}])");
  EXPECT_EQ(reply->count, 2);
  EXPECT_TRUE(reply->more);
  rows_max = 100;
  peer.response_bytes_max = 200;
  const auto large = ask("UPDATE t SET b = 'y' RETURNING b", "[]", true);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::kInvalid);
  EXPECT_EQ(ask("SELECT a FROM t WHERE b = 'y'")->count, 0) << "nothing was committed";
}

TEST_F(SqliteTest, EndsInItsTime) {
  peer.timeout = std::chrono::milliseconds(80);
  const auto endless =
      ask("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n");
  ASSERT_TRUE(endless);
  ASSERT_TRUE(endless->error);
  EXPECT_EQ(endless->error->code, "SQLITE_INTERRUPT");
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto busy = ask("INSERT INTO t (b) VALUES ('x')", "[]", true);
  sqlite3_close(other);
  ASSERT_TRUE(busy);
  ASSERT_TRUE(busy->error);
  EXPECT_EQ(busy->error->code, "SQLITE_BUSY");
}

TEST_F(SqliteTest, AStoppedClientAsksNobody) {
  stopped = true;
  const auto reply = ask("SELECT 1 AS a");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kUnavailable);
}

TEST_F(SqliteTest, OurOwnStoreIsNotWrittenTo) {
  prepare("PRAGMA application_id = 1349481332");
  const auto reply = ask("DELETE FROM t", "[]", true);
  ASSERT_TRUE(reply);
  ASSERT_TRUE(reply->error);
  EXPECT_EQ(reply->error->code, "SQLITE_READONLY");
  EXPECT_TRUE(ask("SELECT a FROM t"));
}

rt::Task<> several(rt::Loop* loop, Client* client, SqlAsk ask, int* ended, int all) {
  const auto reply = co_await client->carry_out(std::move(ask), Peer());
  EXPECT_TRUE(reply);
  if (++*ended == all) loop->stop();
}

TEST_F(SqliteTest, MoreThanThreadsWait) {
  rt::Loop loop;
  Client client(loop, 2);
  rt::Group group(loop, "test");
  SqlAsk asked;
  asked.url = "sqlite://" + file();
  asked.statement = "SELECT count(*) AS c FROM t";
  int ended = 0;
  for (int i = 0; i < 9; ++i)
    group.start(several(&loop, &client, asked, &ended, 9));
  loop.run();
  EXPECT_EQ(ended, 9);
  group.abandon();
}

TEST(RowsTest, KeepTheirTypesAndAllDigits) {
  struct Row {
    const char* text;
    const char* json;
  };
  for (const Row& row : std::initializer_list<Row>{{"0", "0"},
                                                   {"-12", "-12"},
                                                   {"9007199254740992", "9007199254740992"},
                                                   {"9007199254740993", "\"9007199254740993\""},
                                                   {"-9223372036854775808", "\"-9223372036854775808\""},
                                                   {"1.10", "1.10"},
                                                   {"123456789012.345", "123456789012.345"},
                                                   {"1234567890123.456", "\"1234567890123.456\""},
                                                   {"1e+20", "1e+20"},
                                                   {"NaN", "\"NaN\""},
                                                   {"Infinity", "\"Infinity\""},
                                                   {"0042", "\"0042\""}}) {
    Rows rows(1, 1000);
    ASSERT_TRUE(rows.columns({"n"}));
    ASSERT_TRUE(rows.begin());
    rows.number(row.text);
    ASSERT_TRUE(rows.end());
    EXPECT_EQ(rows.take(), "[{\"n\":" + std::string(row.json) + "}]");
  }
}

TEST(RowsTest, WhatIsNoTextIsDigits) {
  Rows rows(1, 1000);
  ASSERT_TRUE(rows.columns({"a", "b", "c", "d"}));
  ASSERT_TRUE(rows.begin());
  rows.text(std::string_view("\xff\x00", 2));
  rows.text("\"é\n");
  rows.json("{\"x\": 1}");
  rows.json("{no");
  ASSERT_TRUE(rows.end());
  EXPECT_EQ(rows.take(), R"([{"a":"\\xff00","b":"\"é\n","c":{"x":1},"d":"{no"}])");
}

}  // namespace
}  // namespace postlude::database
