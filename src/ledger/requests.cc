// Requests as rows, and what came from outside for a step.

#include "ledger/rows.h"

namespace postlude::ledger {

namespace {

constexpr std::string_view kHeads =
    "SELECT id, attempt, name, effect, result, status, sent_at, ended_at, key, method, url, why";
constexpr std::string_view kExchange = ", headers, body, response";
constexpr std::string_view kOfStep = " FROM requests WHERE step = $1 AND attempt >= $2 ";

Request head_of(const sql::Row& row) {
  Request q;
  q.id = row.integer(0);
  q.attempt = AttemptId{row.integer(1)};
  q.name = row.text(2);
  q.effect = enum_of<Effect>(row, 3);
  q.result = enum_of<RequestResult>(row, 4);
  q.status = static_cast<int>(row.integer(5));
  q.sent_at = row.maybe_time(6);
  q.ended_at = row.maybe_time(7);
  q.key = row.text(8);
  q.method = row.text(9);
  q.url = row.text(10);
  q.why = row.text(11);
  return q;
}

}  // namespace

Result<std::vector<Request>> load_requests(sql::Connection& db, std::int64_t step, AttemptId from) {
  static const std::string kSql = std::string(kHeads) + std::string(kOfStep) + "ORDER BY id";
  std::vector<Request> out;
  TRY_DONE(db.each(kSql, {step, from.value}, [&](const sql::Row& row) {
    out.push_back(head_of(row));
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
  static const std::string kSql = std::string(kHeads) + std::string(kExchange) + std::string(kOfStep) +
                                  "AND " + std::string(kMayHaveActed) + " ORDER BY id";
  std::vector<Request> out;
  TRY_DONE(db.each(kSql, {step, 0}, [&](const sql::Row& row) {
    out.push_back(head_of(row));
    out.back().headers = row.text(12);
    out.back().body = row.text(13);
    out.back().response = row.text(14);
  }));
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
  return ledger.db().run(
      "INSERT INTO requests (id, step, attempt, name, effect, result, status, sent_at, ended_at, key, "
      "method, url, why, "
      "headers, body, response) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
      "$16)",
      {q.id, step, q.attempt.value, q.name, static_cast<int>(q.effect), static_cast<int>(q.result), q.status,
       q.sent_at, q.ended_at, q.key, q.method, q.url, q.why, q.headers, q.body, q.response});
}

Status save_answer(Ledger& ledger, std::int64_t step, const Request& q) {
  return ledger.db().run(
      "UPDATE requests SET result = $3, status = $4, ended_at = $5, why = $6, response = $7 "
      "WHERE id = $1 AND step = $2",
      {q.id, step, static_cast<int>(q.result), q.status, q.ended_at, q.why, q.response});
}

}  // namespace postlude::ledger
