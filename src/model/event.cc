#include "model/event.h"

#include "base/json.h"
#include "model/damaged.h"
#include "model/delivery.h"

namespace postlude {

std::string_view to_text(Origin origin) {
  switch (origin) {
    case Origin::kHook:
      return "hook";
    case Origin::kReconciler:
      return "reconciler";
    case Origin::kRedelivery:
      return "redelivery";
    case Origin::kCli:
      return "cli";
  }
  return kDamaged;
}

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAccepted:
      return "accepted";
    case Verdict::kDuplicate:
      return "duplicate";
    case Verdict::kFiltered:
      return "filtered";
    case Verdict::kRejected:
      return "rejected";
  }
  return kDamaged;
}

namespace {

void put_or_null(json::object& out, std::string_view key, std::string_view text) {
  if (!text.empty()) out[key] = text;
}

// Our own JSON, or null where there is none.
void put_json(json::object& out, std::string_view key, std::string_view text) {
  json::value& value = out[key];
  if (text.empty()) return;
  auto parsed = parse_json(text, out.storage());
  if (parsed) value = *std::move(parsed);
}

}  // namespace

json::object document_of(const Event& event, const json::storage_ptr& room) {
  json::object out({{"id", event.id.text()},
                    {"source", event.source},
                    {"hook", event.hook},
                    {"origin", to_text(event.origin)},
                    {"receivedAt", to_rfc3339(event.received_at)},
                    {"team", nullptr},
                    {"cluster", nullptr},
                    {"namespace", event.name_space},
                    {"name", event.name},
                    {"phase", event.phase},
                    {"outcome", nullptr},
                    {"checksum", nullptr}},
                   16, room);
  put_or_null(out, "team", event.team);
  put_or_null(out, "cluster", event.cluster);
  put_or_null(out, "outcome", event.outcome);
  put_or_null(out, "checksum", event.checksum);
  put_json(out, "metadata", event.metadata);
  put_json(out, "payload", event.payload);
  put_json(out, "canary", event.canary);
  put_json(out, "release", event.release);
  return out;
}

std::string document(const Event& event) {
  return json::serialize(document_of(event));
}

std::size_t bytes_of(const Event& event) {
  return event.metadata.size() + event.payload.size() + event.canary.size() + event.release.size();
}

std::string canary_key(const Event& event) {
  return event.source + "/" + event.cluster + "/" + event.name_space + "/" + event.name;
}

}  // namespace postlude
