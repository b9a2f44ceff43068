// Stores deliveries: tells repeats (contract 4) from new events.

#include <algorithm>

#include "base/hash.h"
#include "ledger/commands.h"
#include "ledger/rows.h"
#include "sql/storable.h"

namespace postlude::ledger {

namespace {

// The known state of the canary before this call.
struct LastCall {
  bool exists = false;
  std::string digest;
  Instant at;
  EventId event;
  bool between = false;
  bool opened = false;
};

struct Repeat {
  EventId event;  // 0: it is none
  bool other_body = false;
};

Result<LastCall> last_call(Ledger& ledger, const Delivery& d, const std::string& canary) {
  LastCall out;
  if (canary.empty()) return out;
  TRY_DONE(
      ledger.db().each("SELECT digest, at, event, followed, opened FROM calls WHERE source = $1 AND cluster "
                       "= $2 AND canary = $3",
                       {d.source, d.cluster, canary}, [&](const sql::Row& row) {
                         out.exists = true;
                         out.digest = row.text(0);
                         out.at = row.time(1);
                         out.event = EventId{row.integer(2)};
                         out.between = row.flag(3);
                         out.opened = row.flag(4);
                       }));
  return out;
}

// 128 bits of a hash, so that the table's key is short whatever senders call their calls. "": the call has
// nothing that holds for good.
std::string known_key(const Delivery& d, const Identity& identity) {
  const bool made = identity.kind == Identity::Kind::kKey;
  const bool sent = identity.kind == Identity::Kind::kSenderId || (!made && !identity.unproved.empty());
  if (!made && !sent) return {};
  const std::string& key = identity.unproved.empty() ? identity.key : identity.unproved;
  std::string text = sent ? "id" : "key";
  // A sender's id holds within source and hook; a key made of a body holds within its cluster as well.
  for (const std::string_view part :
       {std::string_view(d.source), sent ? std::string_view() : std::string_view(d.cluster),
        std::string_view(d.hook), std::string_view(key)}) {
    text += ' ' + std::to_string(part.size()) + ':';
    text += part;
  }
  return sha256(text).substr(0, 16);
}

Result<Repeat> find_known(Ledger& ledger, const std::string& key, const Identity& identity) {
  Repeat out;
  TRY_DONE(ledger.db().each(
      "SELECT digest, event FROM known WHERE key = $1", {sql::Blob{key}}, [&](const sql::Row& row) {
        out.event = EventId{row.integer(1)};
        out.other_body = identity.kind != Identity::Kind::kKey && row.bytes(0) != identity.digest;
      }));
  return out;
}

Result<Repeat> find_opening(Ledger& ledger, const Delivery& d, const Identity& identity) {
  Repeat out;
  TRY_DONE(
      ledger.db().each("SELECT event FROM openings WHERE source = $1 AND cluster = $2 AND canary = $3 AND "
                       "hook = $4 AND key = $5",
                       {d.source, d.cluster, identity.canary, d.hook, identity.key},
                       [&](const sql::Row& row) { out.event = EventId{row.integer(0)}; }));
  return out;
}

Result<Repeat> find_repeat(Ledger& ledger, const Delivery& d, const Identity& identity, const LastCall& last,
                           const std::string& known) {
  Repeat none;
  if (!known.empty()) {
    TRY(const Repeat repeat, find_known(ledger, known, identity));
    if (repeat.event) return repeat;
  }
  switch (identity.kind) {
    case Identity::Kind::kSenderId:
    case Identity::Kind::kKey:
      return none;
    case Identity::Kind::kLastCall:
      // A last call from the future says only that the clock was ahead when it came.
      if (last.event && !last.between && last.digest == identity.digest &&
          std::max(d.received_at - last.at, last.at - d.received_at) <= identity.window) {
        return Repeat{last.event, false};
      }
      return none;
    case Identity::Kind::kUntilEnd:
      return last.opened ? find_opening(ledger, d, identity) : Result<Repeat>(none);
    case Identity::Kind::kNone:
      return none;
  }
  return none;
}

Status clear_openings(Ledger& ledger, const Delivery& d, const std::string& canary) {
  return ledger.db().run("DELETE FROM openings WHERE source = $1 AND cluster = $2 AND canary = $3",
                         {d.source, d.cluster, canary});
}

// A call that is not the last one's repeat stands after it from now on, and what opened for another checksum,
// or for a release that is over, opens anew.
Status note_between(Ledger& ledger, const Delivery& d, const Identity& identity, const LastCall& last) {
  if (identity.canary.empty() || !last.exists) return ok();
  if (last.opened && identity.ends) {
    TRY_DONE(clear_openings(ledger, d, identity.canary));
  } else if (last.opened && !identity.checksum.empty()) {
    TRY_DONE(
        ledger.db().run("DELETE FROM openings WHERE source = $1 AND cluster = $2 AND canary = $3 AND "
                        "checksum <> '' AND checksum <> $4",
                        {d.source, d.cluster, identity.canary, identity.checksum}));
  }
  const bool opened = last.opened && !identity.ends;
  if (last.between && opened == last.opened) return ok();
  return ledger.db().run(
      "UPDATE calls SET followed = 1, opened = $4 WHERE source = $1 AND cluster = $2 AND canary = $3",
      {d.source, d.cluster, identity.canary, opened ? 1 : 0});
}

Status remember_last_call(Ledger& ledger, const Delivery& d, const Identity& identity, const LastCall& last,
                          EventId event) {
  if (last.opened) TRY_DONE(clear_openings(ledger, d, identity.canary));
  if (last.exists) {
    return ledger.db().run(
        "UPDATE calls SET digest = $4, at = $5, event = $6, followed = 0, opened = 0 "
        "WHERE source = $1 AND cluster = $2 AND canary = $3",
        {d.source, d.cluster, identity.canary, identity.digest, d.received_at, event.value});
  }
  return ledger.db().run(
      "INSERT INTO calls (source, cluster, canary, digest, at, event, followed, opened) "
      "VALUES ($1, $2, $3, $4, $5, $6, 0, 0)",
      {d.source, d.cluster, identity.canary, identity.digest, d.received_at, event.value});
}

Status remember_opening(Ledger& ledger, const Delivery& d, const Identity& identity, EventId event) {
  TRY_DONE(ledger.db().run(
      "INSERT INTO openings (source, cluster, canary, hook, key, at, event, checksum) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (source, cluster, canary, hook, key) "
      "DO UPDATE SET at = excluded.at, event = excluded.event",
      {d.source, d.cluster, identity.canary, d.hook, identity.key, d.received_at, event.value,
       identity.checksum}));
  return ledger.db().run(
      "INSERT INTO calls (source, cluster, canary, digest, at, event, followed, opened) "
      "VALUES ($1, $2, $3, '', 0, 0, 1, 1) "
      "ON CONFLICT (source, cluster, canary) DO UPDATE SET opened = 1",
      {d.source, d.cluster, identity.canary});
}

// Writes down what the next call will be compared with. A repeat of the last call changes nothing: neither
// does it renew the window.
Status remember(Ledger& ledger, const Delivery& d, const Identity& identity, const LastCall& last,
                const std::string& known, EventId event, bool duplicate) {
  const bool end = identity.kind == Identity::Kind::kLastCall ||
                   (identity.kind == Identity::Kind::kSenderId && identity.ends && !identity.canary.empty());
  const bool of_last = identity.kind == Identity::Kind::kLastCall || event == last.event;
  if (end && duplicate && of_last) return ok();
  if (end && !duplicate) {
    // Of a call with the sender's own id as well: the next one may come without it.
    TRY_DONE(remember_last_call(ledger, d, identity, last, event));
  } else {
    TRY_DONE(note_between(ledger, d, identity, last));
  }
  if (identity.kind == Identity::Kind::kUntilEnd) TRY_DONE(remember_opening(ledger, d, identity, event));
  if (known.empty() || duplicate) return ok();
  return ledger.db().run("INSERT INTO known (key, digest, event) VALUES ($1, $2, $3)",
                         {sql::Blob{known}, identity.digest, event.value});
}

Status insert_delivery(Ledger& ledger, const Delivery& d, const std::string& named, DeliveryId id,
                       std::optional<EventId> event) {
  const bool is_text = sql::is_storable(d.body);
  TRY_DONE(ledger.db().run(
      "INSERT INTO deliveries (id, source, cluster, hook, received_at, method, target, remote, headers, "
      "verdict, reason, "
      "proof, status, event, body, raw, canary) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
      "$13, "
      "$14, $15, $16, $17)",
      {id.value, d.source, d.cluster, d.hook, d.received_at, d.method, d.target, d.remote, d.headers,
       static_cast<int>(d.verdict), d.reason, d.proof, d.status,
       event ? sql::Value(event->value) : sql::Value(nullptr), is_text ? d.body : std::string_view(),
       is_text ? sql::Value(nullptr) : sql::Value(sql::Blob{d.body}), named == "/" ? std::string() : named}));
  // Strangers cannot be let write into what is kept for good.
  if (of_a_stranger(d)) return thin_out_strangers(ledger);
  const std::string detail = d.source + "/" + d.hook + (d.reason.empty() ? "" : ": " + d.reason);
  return ledger.audit(d.received_at, d.proof.empty() ? "nobody" : d.source,
                      "delivery." + std::string(to_text(d.verdict)), id.text(), detail);
}

// Whether the delivery that made the event has this very body.
Result<bool> has_body(Ledger& ledger, EventId event, const std::string& body) {
  bool same = false;
  TRY_DONE(ledger.db().each(
      "SELECT 1 FROM events e JOIN deliveries d ON d.id = e.delivery WHERE e.id = $1 AND d.body = $2",
      {event.value, body}, [&](const sql::Row&) { same = true; }));
  return same;
}

// Stores the cluster's report. Most events have none, so their row is written once.
Status save_told(Ledger& ledger, const Event& e, EventId id) {
  if (e.canary.empty() && e.release.empty()) return ok();
  const auto or_null = [](const std::string& text) {
    return text.empty() ? sql::Value(nullptr) : sql::Value(text);
  };
  return ledger.db().run("UPDATE events SET canary = $2, release = $3 WHERE id = $1",
                         {id.value, or_null(e.canary), or_null(e.release)});
}

Status insert_event(Ledger& ledger, const Event& e, EventId id, const Delivery& d, DeliveryId delivery,
                    const std::string& known, const std::optional<std::vector<Planned>>& nothing_runs) {
  const bool same = e.payload == d.body;
  TRY_DONE(ledger.db().run(
      "INSERT INTO events (id, nonce, delivery, source, cluster, hook, origin, received_at, team, namespace, "
      "name, phase, "
      "outcome, checksum, planned, known, metadata, plan, payload) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
      {id.value, ledger.nonce(), delivery.value, e.source, e.cluster, e.hook, static_cast<int>(e.origin),
       e.received_at, e.team, e.name_space, e.name, e.phase, e.outcome, e.checksum, nothing_runs ? 1 : 0,
       known.empty() ? sql::Value(nullptr) : sql::Value(sql::Blob{known}), e.metadata,
       nothing_runs ? sql::Value(plan_text(*nothing_runs)) : sql::Value(nullptr),
       same ? sql::Value(nullptr) : sql::Value(e.payload)}));
  return save_told(ledger, e, id);
}

}  // namespace

Result<Appended> append(Ledger& ledger, const Delivery& delivery, const std::optional<Event>& event,
                        const Identity& identity, const std::optional<std::vector<Planned>>& nothing_runs) {
  const std::string known = known_key(delivery, identity);
  TRY(const LastCall last, last_call(ledger, delivery, identity.canary));
  TRY(const Repeat repeat, find_repeat(ledger, delivery, identity, last, known));
  TRY(const std::int64_t number, ledger.next_id(Sequence::kDelivery));
  const DeliveryId id{number};

  if (repeat.other_body) {
    Delivery refused = delivery;
    refused.verdict = Verdict::kRejected;
    refused.status = 422;
    refused.reason = "the sender's id came before with another body, for " + repeat.event.text();
    TRY_DONE(insert_delivery(ledger, refused, identity.named, id, std::nullopt));
    return Error(Code::kConflict, refused.reason);
  }
  if (repeat.event) {
    Delivery again = delivery;
    again.verdict = Verdict::kDuplicate;
    again.status = 200;
    again.reason = "repeats " + repeat.event.text();
    TRY(const bool same, has_body(ledger, repeat.event, again.body));
    if (same) again.body.clear();  // it is shown from there
    TRY_DONE(insert_delivery(ledger, again, identity.named, id, repeat.event));
    TRY_DONE(remember(ledger, delivery, identity, last, known, repeat.event, true));
    return Appended{id, repeat.event, true};
  }
  std::optional<EventId> made;
  if (event) {
    TRY(const std::int64_t event_number, ledger.next_id(Sequence::kEvent));
    made = EventId{event_number};
    TRY_DONE(insert_event(ledger, *event, *made, delivery, id, known, nothing_runs));
    if (!nothing_runs) ledger.made_work();
  }
  TRY_DONE(insert_delivery(ledger, delivery, identity.named, id, made));
  if (made) {
    TRY_DONE(remember(ledger, delivery, identity, last, known, *made, false));
    TRY_DONE(forget_refusal(ledger, delivery, identity.named));
  }
  return Appended{id, made, false};
}

Result<EventId> tell(Ledger& ledger, const Event& event) {
  if (!ledger.tells(event.hook)) return EventId{};
  TRY(const std::int64_t number, ledger.next_id(Sequence::kEvent));
  const EventId id{number};
  TRY_DONE(insert_event(ledger, event, id, Delivery(), DeliveryId{}, "", std::nullopt));
  ledger.made_work();
  ledger.made_event();
  TRY_DONE(ledger.audit(event.received_at, "postlude", "event.told", id.text(), event.hook));
  return id;
}

Result<DeliveryId> append_rejected(Ledger& ledger, const Delivery& delivery, const Identity& identity) {
  TRY(const LastCall last, last_call(ledger, delivery, identity.canary));
  TRY(const auto counted, counted_refusal(ledger, delivery, identity.named));
  DeliveryId id;
  if (counted) {
    id = *counted;
  } else {
    TRY(id.value, ledger.next_id(Sequence::kDelivery));
    TRY_DONE(insert_delivery(ledger, delivery, identity.named, id, std::nullopt));
    TRY_DONE(remember_refusal(ledger, delivery, identity.named, id));
  }
  // An end that nobody wanted is an end all the same: what comes after it belongs to the next release.
  TRY_DONE(note_between(ledger, delivery, identity, last));
  return id;
}

}  // namespace postlude::ledger
