// Requests as rows, and what came from outside for a step.

#include "ledger/rows.h"
#include "sql/columns.h"

namespace postlude::ledger {

namespace {

constexpr sql::Columns kRequest({"id", "attempt", "name", "effect", "result", "status", "sent_at", "ended_at",
                                 "key", "method", "url", "why", "settled_by", "cut", "headers", "body",
                                 "response"});
constexpr std::string_view kOfStep = " FROM requests WHERE step = $1 AND attempt >= $2 ";

Request request_of(const sql::Row& row) {
  Request q;
  q.id = row.integer(kRequest("id"));
  q.attempt = AttemptId{row.integer(kRequest("attempt"))};
  q.name = row.text(kRequest("name"));
  q.effect = enum_of<Effect>(row, kRequest("effect"));
  q.result = enum_of<RequestResult>(row, kRequest("result"));
  q.status = static_cast<int>(row.integer(kRequest("status")));
  q.sent_at = row.maybe_time(kRequest("sent_at"));
  q.ended_at = row.maybe_time(kRequest("ended_at"));
  q.key = row.text(kRequest("key"));
  q.method = row.text(kRequest("method"));
  q.url = row.text(kRequest("url"));
  q.why = row.text(kRequest("why"));
  q.settled_by = row.text(kRequest("settled_by"));
  q.cut = row.flag(kRequest("cut"));
  q.headers = row.text(kRequest("headers"));
  q.body = row.text(kRequest("body"));
  q.response = row.text(kRequest("response"));
  return q;
}

}  // namespace

Result<std::vector<Request>> load_requests(sql::Connection& db, std::int64_t step, AttemptId from) {
  static const std::string kSql = "SELECT " +
                                  kRequest.list("", {{"headers", "''"}, {"body", "''"}, {"response", "''"}}) +
                                  std::string(kOfStep) + "ORDER BY id";
  std::vector<Request> out;
  TRY_DONE(db.each(kSql, {step, from.value}, [&](const sql::Row& row) {
    out.push_back(request_of(row));
    out.back().left_out = true;
  }));
  return out;
}

Result<bool> load_exchange(sql::Connection& db, Request& request, std::size_t& room) {
  TRY_DONE(db.each(
      "SELECT headers, body, response FROM requests WHERE id = $1", {request.id}, [&](const sql::Row& row) {
        const std::size_t bytes = row.bytes(0).size() + row.bytes(1).size() + row.bytes(2).size();
        if (bytes > room) return;
        room -= bytes;
        request.headers = row.text(0);
        request.body = row.text(1);
        request.response = row.text(2);
        request.left_out = false;
      }));
  return !request.left_out;
}

Result<std::vector<Request>> load_effects(sql::Connection& db, std::int64_t step) {
  static const std::string kSql = "SELECT " + kRequest.list() + std::string(kOfStep) + "AND " +
                                  std::string(kMayHaveActed) + " ORDER BY id";
  std::vector<Request> out;
  TRY_DONE(db.each(kSql, {step, 0}, [&](const sql::Row& row) { out.push_back(request_of(row)); }));
  return out;
}

Result<std::optional<Answer>> load_answer(sql::Connection& db, std::int64_t step) {
  std::optional<Answer> out;
  TRY_DONE(
      db.each("SELECT kind, actor, body, at FROM answers WHERE step = $1", {step}, [&](const sql::Row& row) {
        out = Answer{enum_of<AnswerKind>(row, 0), row.text(1), row.text(2), row.time(3)};
      }));
  return out;
}

Status insert_request(Ledger& ledger, std::int64_t step, Request& q) {
  TRY(q.id, ledger.next_id(Sequence::kRequest));
  const sql::Fields row{{"id", q.id},
                        {"step", step},
                        {"attempt", q.attempt.value},
                        {"name", q.name},
                        {"effect", static_cast<int>(q.effect)},
                        {"result", static_cast<int>(q.result)},
                        {"status", q.status},
                        {"sent_at", q.sent_at},
                        {"ended_at", q.ended_at},
                        {"key", q.key},
                        {"method", q.method},
                        {"url", q.url},
                        {"why", q.why},
                        {"cut", q.cut},
                        {"headers", q.headers},
                        {"body", q.body},
                        {"response", q.response}};
  static const std::string kSql = sql::insert_into("requests", row);
  return sql::run(ledger.db(), kSql, row);
}

Status save_answer(Ledger& ledger, std::int64_t step, const Request& q) {
  return ledger.db().run(
      "UPDATE requests SET result = $3, status = $4, ended_at = $5, why = $6, response = $7, cut = $8 "
      "WHERE id = $1 AND step = $2",
      {q.id, step, static_cast<int>(q.result), q.status, q.ended_at, q.why, q.response, q.cut});
}

}  // namespace postlude::ledger
