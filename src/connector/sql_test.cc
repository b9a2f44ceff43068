// The built-in sql/query and sql/execute: what may be written, what is asked, and what a database's error
// means.
#include "connector/sql.h"

#include <gtest/gtest.h>

#include "connector/sql_kind.h"
#include "connector/testing.h"
#include "lang/yaml.h"

namespace postlude::connector {
namespace {

std::shared_ptr<const Action> sql_action(std::string_view with, bool execute, std::string* said = nullptr) {
  lang::Problems problems;
  const auto node = lang::read_yaml(with, "w.yaml", problems);
  const auto read = execute ? read_sql_execute : read_sql_query;
  const auto action = read(node ? &*node : nullptr, {"w.yaml", 1, 1}, problems);
  for (const lang::Problem& problem : problems) {
    if (said != nullptr) *said += lang::to_text(problem) + "\n";
  }
  return action;
}

Target shop() {
  Target target;
  target.name = "shop";
  target.connector = "sql";
  target.url = "postgres://db.example.com/shop";
  return target;
}

SqlReply failed(std::string code) {
  SqlReply reply;
  reply.error = SqlError{std::move(code), "what it says"};
  return reply;
}

TEST(SqlUrlTest, HasItsParts) {
  struct Row {
    const char* url;
    SqlDialect dialect;
    const char* user;
    const char* host;
    int port;
    const char* database;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"postgres://db/shop", SqlDialect::kPostgresql, "", "db", 5432, "shop"},
           {"postgresql://me@db:6432/a%20b", SqlDialect::kPostgresql, "me", "db", 6432, "a b"},
           {"mysql://[::1]:3307/shop", SqlDialect::kMysql, "", "::1", 3307, "shop"},
           {"mariadb://a%40b@db/shop", SqlDialect::kMysql, "a@b", "db", 3306, "shop"},
           {"sqlite:///var/lib/shop.db", SqlDialect::kSqlite, "", "", 0, "/var/lib/shop.db"}}) {
    const Result<SqlPlace> place = parse_sql_url(row.url);
    ASSERT_TRUE(place) << row.url << ": " << place.error().message;
    EXPECT_EQ(place->dialect, row.dialect) << row.url;
    EXPECT_EQ(place->user, row.user) << row.url;
    EXPECT_EQ(place->host, row.host) << row.url;
    EXPECT_EQ(place->port, row.port) << row.url;
    EXPECT_EQ(place->database, row.database) << row.url;
  }
}

TEST(SqlUrlTest, IsRefusedWithoutQuotingAPassword) {
  for (const char* url : {"", "https://db/shop", "postgres://db", "postgres://db/", "postgres:///shop",
                          "postgres://db/a/b", "postgres://me:hunter2@db/shop", "postgres://db:0/shop",
                          "postgres://db:70000/shop", "postgres://db:x/shop", "postgres://a,b/shop",
                          "postgres://db/shop?sslmode=disable", "postgres://[::1/shop", "postgres://db/%zz",
                          "postgres://db/%00", "sqlite:shop.db", "sqlite://shop.db", "sqlite://"}) {
    const Result<SqlPlace> place = parse_sql_url(url);
    ASSERT_FALSE(place) << url;
    EXPECT_EQ(place.error().code, Code::kInvalid);
    EXPECT_EQ(place.error().message.find("hunter2"), std::string::npos);
  }
}

TEST(SqlActionTest, AsksWhatIsWritten) {
  const auto action =
      sql_action("{statement: \"SELECT a\\n FROM t WHERE b = $1 ; \", params: [7, null, x]}", false);
  ASSERT_NE(action, nullptr);
  const Call& call = action->plan().calls().front();
  EXPECT_EQ(call.effect(), Effect::kRead);
  const auto asked = call.prepare(shop(), {});
  ASSERT_TRUE(asked && *asked);
  const auto& sql = std::get<SqlAsk>(**asked);
  EXPECT_EQ(sql.statement, "SELECT a\n FROM t WHERE b = $1");
  EXPECT_EQ(sql.params, R"([7,null,"x"])");
  EXPECT_EQ(sql.rows_max, 100U);
  EXPECT_FALSE(sql.execute);
  const Kind& kind = kind_of(**asked);
  EXPECT_EQ(kind.name_of(**asked), "QUERY SELECT a FROM t WHERE b = $1");
  const AskText text = kind.text_of(**asked);
  EXPECT_EQ(text.verb, "QUERY");
  EXPECT_EQ(text.whole_place(), "postgres://db.example.com/shop");
  Request row;
  row.body = text.body;
  EXPECT_EQ(to_text(kind.context_of(row)), to_text(kind.context_of(**asked, {})));
  EXPECT_EQ(&kind_of_verb("EXECUTE"), &kind);
}

TEST(SqlActionTest, ExecuteIsHeldUnlessItSaysOtherwise) {
  struct Row {
    const char* more;
    Effect effect;
  };
  for (const Row& row :
       std::initializer_list<Row>{{"", Effect::kNone},
                                  {", effect: state", Effect::kState},
                                  {", effect: upsert", Effect::kUpsert},
                                  {", effect: key, params: ['${{ .key }}']", Effect::kKey}}) {
    const auto action = sql_action("{statement: DELETE FROM t" + std::string(row.more) + "}", true);
    ASSERT_NE(action, nullptr) << row.more;
    EXPECT_EQ(action->plan().calls().front().effect(), row.effect) << row.more;
    EXPECT_EQ(action->plan().calls().front().on_unclear(), OnUnclear::kHold);
  }
}

TEST(SqlActionTest, MistakesAreNamed) {
  struct Row {
    const char* with;
    bool execute;
    const char* said;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"{}", false, "`statement` must be one SQL statement"},
           {"{statement: [a]}", false, "`statement` must be one SQL statement"},
           {"{statement: 'SELECT ${{ .event.name }}'}", false, "`statement` may hold no expression"},
           {"{statement: '  Begin; DELETE FROM t'}", true, "`statement` may not be begin"},
           {"{statement: COMMIT}", true, "`statement` may not be commit"},
           {"{statement: SELECT 1, params: {a: 1}}", false, "`params` is a list"},
           {"{statement: SELECT 1, maxRows: 10001}", false, "`maxRows` must be"},
           {"{statement: SELECT 1, effect: none}", false, "sql/query has no `effect`"},
           {"{statement: DELETE FROM t, effect: read}", true, "what only reads is sql/query"},
           {"{statement: DELETE FROM t, effect: key}", true, "effect key needs `.key` in `params`"},
           {"{statment: SELECT 1}", false, "did you mean `statement`?"}}) {
    std::string said;
    EXPECT_EQ(sql_action(row.with, row.execute, &said), nullptr) << row.with;
    EXPECT_NE(said.find(row.said), std::string::npos) << row.with << ": " << said;
  }
}

TEST(SqlKindTest, AnErrorMeansByItsCode) {
  using R = RequestResult;
  struct Row {
    const char* code;
    R result;
    bool breaker;
  };
  const auto action = sql_action("{statement: DELETE FROM t}", true);
  const Call& call = action->plan().calls().front();
  const auto ask = call.prepare(shop(), {});
  for (const Row& row : std::initializer_list<Row>{{"42601", R::kRefused, false},
                                                   {"23505", R::kRefused, false},
                                                   {"28P01", R::kRefused, false},
                                                   {"1045", R::kRefused, false},
                                                   {"SQLITE_CONSTRAINT", R::kRefused, false},
                                                   {"40001", R::kRetryable, false},
                                                   {"1213", R::kRetryable, false},
                                                   {"SQLITE_BUSY", R::kRetryable, false},
                                                   {"57014", R::kRetryable, true},
                                                   {"53300", R::kRetryable, true},
                                                   {"1040", R::kRetryable, true},
                                                   {"40003", R::kUnclear, true}}) {
    const Ending ending = call.interpret(**ask, failed(row.code), {}, Instant(), Masker());
    EXPECT_EQ(ending.result, row.result) << row.code;
    EXPECT_EQ(ending.counts_for_breaker, row.breaker) << row.code;
    EXPECT_EQ(ending.why, "error " + std::string(row.code) + " from EXECUTE DELETE FROM t: what it says");
  }
  EXPECT_EQ(call.interpret(**ask, SqlReply(), {}, Instant(), Masker()).result, R::kSucceeded);
}

TEST(SqlKindTest, AReplyIsReadBackFromWhatExpressionsSaw) {
  SqlReply reply;
  reply.rows = R"([{"a":1},{"a":null}])";
  reply.count = 2;
  reply.more = true;
  for (const SqlReply& one : {reply, failed("42601")}) {
    const Reply came = one;
    const json::value stored = kind_of(came).context_of(came, {});
    const std::optional<Reply> again = kind_of(came).reply_of(stored);
    ASSERT_TRUE(again);
    ASSERT_TRUE(std::holds_alternative<SqlReply>(*again));
    EXPECT_EQ(kind_of(*again).context_of(*again, {}), stored.get_object());
  }
  EXPECT_EQ(to_text(kind_of(Reply(reply)).context_of(reply, {})["first"]), R"({"a":1})");
  EXPECT_TRUE(kind_of(Reply(reply)).context_of(SqlReply(), {})["first"].is_null());
}

TEST(SqlKindTest, ThePasswordIsAddedLateAndNeverShown) {
  Target target = shop();
  target.auth.kind = Auth::Kind::kBasic;
  target.auth.name = "reader";
  target.auth.secrets = {SecretRef{SecretRef::Kind::kEnv, "DB_PASSWORD"}};
  SqlAsk ask;
  ask.url = target.url;
  ask.statement = "SELECT 1";
  const auto with =
      sql_kind().authorise(ask, target, [](const SecretRef&) { return Result<std::string>("s3cret"); });
  ASSERT_TRUE(with);
  EXPECT_EQ(std::get<SqlAsk>(*with).user, "reader");
  EXPECT_EQ(std::get<SqlAsk>(*with).password, "s3cret");
  const AskText text = sql_kind().text_of(*with);
  EXPECT_EQ((text.body + text.whole_place() + text.statement).find("s3cret"), std::string::npos);
  EXPECT_EQ(std::get<SqlAsk>(sql_kind().shown(*with, "***", "")).password, "***");
  const auto none = sql_kind().authorise(ask, target, [](const SecretRef&) -> Result<std::string> {
    return Error(Code::kNotFound, "there is none");
  });
  EXPECT_EQ(none.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace postlude::connector
