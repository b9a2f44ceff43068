// Bounds the records of refused calls, so that neither strangers nor a caller that repeats itself can fill
// the store.

#include "base/hash.h"
#include "ledger/commands.h"

namespace postlude::ledger {

namespace {

constexpr std::int64_t kThinnedAtOnce = 200;

std::string digest_of(const Delivery& d) {
  return sha256(std::to_string(d.status) + ' ' + d.reason + '\n' + d.body);
}

}  // namespace

bool of_a_stranger(const Delivery& d) {
  return d.verdict == Verdict::kRejected && (d.proof.empty() || d.status == 429);
}

Status thin_out_strangers(Ledger& ledger) {
  if (!ledger.time_to_thin_out()) return ok();
  return ledger.db().run(
      "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE verdict = 4 AND (proof = '' OR "
      "status = 429) ORDER BY id DESC LIMIT $1 OFFSET $2)",
      {kThinnedAtOnce, static_cast<std::int64_t>(kStrangersKept)});
}

Result<std::optional<DeliveryId>> counted_refusal(Ledger& ledger, const Delivery& d,
                                                  const std::string& canary) {
  std::optional<DeliveryId> first;
  if (canary.empty() || d.verdict != Verdict::kRejected) return first;
  const std::string digest = digest_of(d);
  TRY_DONE(ledger.db().each(
      "SELECT r.delivery, r.digest, r.since FROM last_refusals r JOIN deliveries d ON d.id = r.delivery "
      "WHERE r.source = $1 AND r.cluster = $2 AND r.canary = $3 AND r.hook = $4",
      {d.source, d.cluster, canary, d.hook}, [&](const sql::Row& row) {
        const bool same = row.bytes(1) == digest && row.time(2) + kRefusalsTogether > d.received_at;
        if (same) first = DeliveryId{row.integer(0)};
      }));
  if (!first) return first;
  TRY_DONE(
      ledger.db().run("INSERT INTO refusals (delivery, n, last_at) VALUES ($1, 1, $2) ON CONFLICT (delivery) "
                      "DO UPDATE SET n = "
                      "refusals.n + 1, last_at = excluded.last_at",
                      {first->value, d.received_at}));
  return first;
}

Status remember_refusal(Ledger& ledger, const Delivery& d, const std::string& canary, DeliveryId id) {
  if (canary.empty() || d.verdict != Verdict::kRejected) return ok();
  const std::string digest = digest_of(d);
  ledger.made_refusal();
  return ledger.db().run(
      "INSERT INTO last_refusals (source, cluster, canary, hook, digest, since, delivery) VALUES ($1, $2, "
      "$3, "
      "$4, $5, $6, $7) ON CONFLICT (source, cluster, canary, hook) DO UPDATE SET digest = excluded.digest, "
      "since "
      "= excluded.since, delivery = excluded.delivery",
      {d.source, d.cluster, canary, d.hook, sql::Blob{digest}, d.received_at, id.value});
}

Status forget_refusal(Ledger& ledger, const Delivery& d, const std::string& canary) {
  if (canary.empty() || !ledger.has_refusals()) return ok();
  return ledger.db().run(
      "DELETE FROM last_refusals WHERE source = $1 AND cluster = $2 AND canary = $3 AND hook = $4",
      {d.source, d.cluster, canary, d.hook});
}

}  // namespace postlude::ledger
