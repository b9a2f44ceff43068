// Whether the audit chain still holds.

#include <cstring>

#include "store/commands.h"

namespace postlude::store {

namespace {

constexpr int kPortion = 5000;

std::string id_of(std::int64_t seq) {
  return "record " + std::to_string(seq);
}

}  // namespace

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

}  // namespace postlude::store
