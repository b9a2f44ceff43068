// Writes of people that came with an Idempotency-Key: kept before they are carried out, and then with what
// was answered, so that the same request again does nothing, whatever has happened in between.

#include "ledger/commands.h"

namespace postlude::ledger {

namespace {

constexpr std::int64_t kRowsMax = 1'000;
constexpr std::int64_t kBytesMax = 4 << 20;  // of answers; one alone may be larger
constexpr Duration kFor = std::chrono::hours(24);

constexpr int kUnderWay = 0;  // in place of an HTTP status
constexpr int kNobodyKnows = -1;

Status forget_oldest(Ledger& ledger) {
  return ledger.db().run("DELETE FROM once WHERE id = (SELECT min(id) FROM once)");
}

}  // namespace

Result<Before> begin_once(Ledger& ledger, const Once& once, Instant now) {
  sql::Connection& db = ledger.db();
  TRY_DONE(db.run("DELETE FROM once WHERE at < $1", {now - kFor}));
  std::optional<Before> before;
  TRY_DONE(db.each("SELECT digest, status, answer FROM once WHERE caller = $1 AND key = $2",
                   {once.caller, once.key}, [&](const sql::Row& row) {
                     const auto status = static_cast<int>(row.integer(1));
                     if (row.bytes(0) != once.digest) {
                       before = Before{Before::What::kOther};
                     } else if (status == kUnderWay) {
                       before = Before{Before::What::kUnderWay};
                     } else if (status == kNobodyKnows) {
                       before = Before{Before::What::kNobodyKnows};
                     } else {
                       before = Before{Before::What::kAnswered, status, row.text(2)};
                     }
                   }));
  if (before) return *std::move(before);
  std::int64_t rows = 0;
  TRY_DONE(db.each("SELECT count(*) FROM once", {}, [&](const sql::Row& row) { rows = row.integer(0); }));
  if (rows >= kRowsMax) TRY_DONE(forget_oldest(ledger));
  TRY_DONE(
      db.run("INSERT INTO once (caller, key, digest, at, status, answer) VALUES ($1, $2, $3, $4, $5, $6)",
             {once.caller, once.key, sql::Blob{once.digest}, now, kUnderWay, sql::Blob{""}}));
  return Before{};
}

Status end_once(Ledger& ledger, const Once& once, int status, const std::string& answer) {
  sql::Connection& db = ledger.db();
  if (status >= 500)
    return db.run("DELETE FROM once WHERE caller = $1 AND key = $2", {once.caller, once.key});
  TRY_DONE(db.run("UPDATE once SET status = $3, answer = $4 WHERE caller = $1 AND key = $2",
                  {once.caller, once.key, status, sql::Blob{answer}}));
  while (true) {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
    TRY_DONE(db.each("SELECT count(*), sum(length(answer)) FROM once", {}, [&](const sql::Row& row) {
      rows = row.integer(0);
      bytes = row.integer(1);
    }));
    if (bytes <= kBytesMax || rows <= 1) return ok();
    TRY_DONE(forget_oldest(ledger));
  }
}

// At start: nobody carries any of them out any more.
Status lapse_once(Ledger& ledger) {
  return ledger.db().run("UPDATE once SET status = $1 WHERE status = $2", {kNobodyKnows, kUnderWay});
}

}  // namespace postlude::ledger
