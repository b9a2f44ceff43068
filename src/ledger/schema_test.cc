// Migrations: what rows of an older schema become.

#include "ledger/schema.h"

#include <gtest/gtest.h>

#include "model/run.h"

namespace postlude::ledger {
namespace {

// An empty database as the given version left it.
std::unique_ptr<sql::Connection> of_version(std::size_t version) {
  auto db = sql::open_in_memory("");
  EXPECT_TRUE(db && (*db)->begin_service());
  const auto word = [&](auto name) { return (*db)->word(name); };
  std::vector<std::string> statements = schema_statements(0, word);
  statements.resize(statements.size() - schema_statements(version, word).size());
  statements.push_back("INSERT INTO meta (key, value) VALUES ('schema', '" + std::to_string(version) + "')");
  for (const std::string& statement : statements)
    EXPECT_TRUE((*db)->run(statement)) << statement;
  return std::move(*db);
}

struct OldStep {
  StepState state;
  std::string_view uses, reason, outputs = "", lane = "";
  Because because = Because::kOther;
};

void insert(sql::Connection& db, int id, const OldStep& s) {
  const std::size_t slash = s.uses.find('/');
  const std::string_view target = slash == std::string_view::npos ? "" : s.uses.substr(0, slash);
  const auto done = db.run(
      "INSERT INTO steps (id, run, idx, state, attempts, number, attempt, token, due_at, unclear, waited, "
      "after_failure, target, name, title, uses, reason, input, outputs, lane, because) VALUES ($1, 1, $1, "
      "$2, 0, 0, 0, 0, 7, 0, 0, 0, $3, '', '', $4, $5, '', $6, $7, $8)",
      {id, static_cast<int>(s.state), target, s.uses, s.reason, s.outputs, s.lane,
       static_cast<int>(s.because)});
  ASSERT_TRUE(done) << done.error().message;
}

void insert(sql::Connection& db, int id, std::string_view why, std::string_view response) {
  ASSERT_TRUE(
      db.run("INSERT INTO requests (id, step, attempt, name, effect, result, status, key, method, url, why, "
             "headers, body, response) VALUES ($1, 1, 1, 'do', 1, 2, 200, '', 'GET', '', $2, '', '', $3)",
             {id, why, response}));
}

std::vector<std::string> texts(sql::Connection& db, const char* question) {
  std::vector<std::string> out;
  EXPECT_TRUE(db.each(question, {}, [&](const sql::Row& row) { out.push_back(row.text(0)); }));
  return out;
}

TEST(Schema, ReadsReasonsOnce) {
  const auto db = of_version(13);
  const std::vector<std::pair<OldStep, Because>> rows{
      {{StepState::kSkipped, "hub/put", "skipped by amy"}, Because::kPersonSkipped},
      {{StepState::kFailed, "hub/put", "failed by amy"}, Because::kPersonFailed},
      {{StepState::kFailed, "assert", "failed by design"}, Because::kOther},
      {{StepState::kFailed, "approval", "rejected by amy: no"}, Because::kRejected},
      {{StepState::kFailed, "approval", "nobody approved within 1h"}, Because::kUnanswered},
      {{StepState::kSkipped, "approval", "nobody approved within 1h"}, Because::kUnanswered},
      {{StepState::kSucceeded, "approval", "",
        R"({"approved":true,"by":null,"at":"x","comment":"nobody approved within 1h"})"},
       Because::kUnanswered},
      {{StepState::kSucceeded, "approval", "",
        R"({"approved":true,"by":"amy","at":"x","comment":"nobody approved within reason"})"},
       Because::kOther},
      {{StepState::kFailed, "callback", "nobody called back within 1h"}, Because::kUnanswered},
      {{StepState::kFailed, "ci/build", "the job failed: red"}, Because::kJobFailed},
      {{StepState::kFailed, "ci/build", "the job did not end within 2h"}, Because::kJobNotEnded},
      {{StepState::kSkipped, "hub/put", "superseded: x", "", "", Because::kSuperseded}, Because::kSuperseded},
      {{StepState::kPending, "hub/put", "another step works on the key 'k'", "", "", Because::kKeyInUse},
       Because::kKeyInUse}};
  for (std::size_t i = 0; i < rows.size(); ++i)
    insert(*db, static_cast<int>(i), rows[i].first);
  ASSERT_TRUE(migrate(*db));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_TRUE(db->each(
        "SELECT because FROM steps WHERE id = $1", {static_cast<int>(i)},
        [&](const sql::Row& row) { EXPECT_EQ(static_cast<Because>(row.integer(0)), rows[i].second) << i; }));
  }
}

TEST(Schema, ReadsWhoSettledARequestAndWhatIsCutOnce) {
  const auto db = of_version(13);
  insert(*db, 1, "settled by amy", R"({"status":200,"body":"x"})");
  insert(*db, 2, "PUT /x: no answer", R"j({"status":200,"body":"abc… (cut)","text":"abc… (cut)"})j");
  insert(*db, 3, "", "");
  ASSERT_TRUE(migrate(*db));
  EXPECT_EQ(texts(*db, "SELECT settled_by || cut FROM requests ORDER BY id"),
            (std::vector<std::string>{"amy0", "1", "0"}));
}

TEST(Schema, HasColumnsForWhatNullsAndMarksSaid) {
  const auto db = of_version(14);
  constexpr std::string_view kRun =
      "INSERT INTO runs (id, event, workflow, text, queue_key, queues, state, reason, created_at, "
      "deadline_at, "
      "stale, vars) VALUES ($1, $1, 'w', 1, 'q', 1, $2, '', 0, $3, 0, $4)";
  struct Row {
    RunState state;
    std::optional<std::int64_t> deadline;
    std::string_view vars = "{}";
  };
  int id = 0;
  for (const Row& row : {Row{RunState::kQueued, {}}, Row{RunState::kQueued, 9}, Row{RunState::kRunning, 9},
                         Row{RunState::kFailed, {}, "null"}})
    ASSERT_TRUE(db->run(kRun, {++id, static_cast<int>(row.state), row.deadline, row.vars}));
  insert(*db, 1, {StepState::kPending, "hub/put", "", "", "!hub"});
  insert(*db, 2, {StepState::kPending, "hub/put", "", "", "hub"});
  insert(*db, 3, {StepState::kPending, "wait", "", "", "!"});
  insert(*db, 4, {StepState::kPending, "wait", "", "", ""});
  ASSERT_TRUE(migrate(*db));
  EXPECT_EQ(texts(*db, "SELECT waits_turn || ' ' || uncomputed FROM runs ORDER BY id"),
            (std::vector<std::string>{"1 0", "0 0", "0 0", "0 1"}));
  EXPECT_EQ(texts(*db, "SELECT paused || target FROM steps ORDER BY id"),
            (std::vector<std::string>{"1hub", "0hub", "1", "0"}));
}

}  // namespace
}  // namespace postlude::ledger
