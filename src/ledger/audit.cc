#include "ledger/audit.h"

#include <sys/stat.h>

#include <cstring>

#include "base/hash.h"
#include "base/json.h"
#include "ledger/commands.h"

namespace postlude::ledger {

namespace {

constexpr int kPortion = 5000;

std::string id_of(std::int64_t seq) {
  return "record " + std::to_string(seq);
}

// To look at, also while a daemon writes to it.
Result<std::unique_ptr<sql::Connection>> open_to_read(const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode))
    return Error(Code::kInvalid, "there is no database file " + path);
  sql::OpenOptions options;
  options.read_only = true;
  options.existing = true;
  TRY(auto db, sql::open_sqlite(path, options));
  TRY(const bool ours, db->has_schema());
  if (!ours) return Error(Code::kInvalid, path + " is an empty database");
  return db;
}

}  // namespace

AuditCheck check_of(const Verified& verified) {
  AuditCheck out{verified.seq, "", verified.bad};
  if (verified.seq > 0) out.head = to_hex({verified.chain.data(), verified.chain.size()});
  return out;
}

Result<AuditCheck> verify_audit_file(const std::string& path) {
  TRY(const auto db, open_to_read(path));
  Verified so_far;
  while (!so_far.done) {
    TRY(so_far, verify(*db, so_far));
  }
  return check_of(so_far);
}

Status export_audit_file(const std::string& path, const std::function<bool(const std::string&)>& line) {
  TRY(const auto db, open_to_read(path));
  std::int64_t seq = 0;
  bool wanted = true;
  for (int seen = kPortion; seen == kPortion && wanted;) {
    seen = 0;
    TRY_DONE(
        db->each("SELECT seq, at, actor, action, subject, detail, chain FROM audit WHERE seq > $1 ORDER BY "
                 "seq LIMIT $2",
                 {seq, kPortion}, [&](const sql::Row& row) {
                   ++seen;
                   seq = row.integer(0);
                   if (!wanted) return;
                   wanted = line(to_text(json::object{{"seq", seq},
                                                      {"at", to_rfc3339(row.time(1))},
                                                      {"actor", row.bytes(2)},
                                                      {"action", row.bytes(3)},
                                                      {"subject", row.bytes(4)},
                                                      {"detail", row.bytes(5)},
                                                      {"chain", to_hex(row.bytes(6))}}) +
                                 "\n");
                 }));
  }
  return ok();
}

Result<Verified> verify(sql::Connection& db, const Verified& before) {
  Verified out = before;
  int seen = 0;
  TRY_DONE(db.each(
      "SELECT seq, at, actor, action, subject, detail, chain FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
      {before.seq, kPortion}, [&](const sql::Row& row) {
        ++seen;
        if (!out.bad.empty()) return;
        const AuditRecord record{row.integer(0), row.time(1),  row.bytes(2),
                                 row.bytes(3),   row.bytes(4), row.bytes(5)};
        if (record.seq != out.seq + 1) {
          out.bad = id_of(out.seq + 1) + " is missing";
          return;
        }
        out.chain = chain_of(out.chain, record);
        out.seq = record.seq;
        if (row.bytes(6) != std::string_view(out.chain.data(), out.chain.size())) {
          out.bad = id_of(record.seq) + " (" + std::string(record.action) + " " +
                    std::string(record.subject) + ") does not follow from the one before it";
        }
      }));
  out.done = seen < kPortion || !out.bad.empty();
  return out;
}

}  // namespace postlude::ledger
