#include "model/event.h"

#include "base/check.h"
#include "base/json.h"
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
  CHECK(false);
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
  CHECK(false);
}

namespace {

void put(std::string& out, std::string_view key, std::string_view value) {
  out += ",\"";
  out += key;
  out += "\":";
  out += json::serialize(json::string(value));
}

// Text, or null where there is none.
void put_or_null(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) {
    out += ",\"";
    out += key;
    out += "\":null";
  } else {
    put(out, key, value);
  }
}

// JSON as it is, or null where there is none.
void put_json(std::string& out, std::string_view key, std::string_view text) {
  out += ",\"";
  out += key;
  out += "\":";
  out += text.empty() ? "null" : text;
}

}  // namespace

std::string document(const Event& event) {
  std::string out;
  out.reserve(512 + event.metadata.size() + event.payload.size());
  out += "{\"id\":\"" + event.id.text() + "\"";
  put(out, "source", event.source);
  put(out, "hook", event.hook);
  put(out, "origin", to_text(event.origin));
  put(out, "receivedAt", to_rfc3339(event.received_at));
  put_or_null(out, "team", event.team);
  put_or_null(out, "cluster", event.cluster);
  put(out, "namespace", event.name_space);
  put(out, "name", event.name);
  put(out, "phase", event.phase);
  put_or_null(out, "outcome", event.outcome);
  put_or_null(out, "checksum", event.checksum);
  put_json(out, "metadata", event.metadata);
  put_json(out, "payload", event.payload);
  put_json(out, "canary", event.canary);
  put_json(out, "release", event.release);
  out += '}';
  return out;
}

std::size_t bytes_of(const Event& event) {
  return event.metadata.size() + event.payload.size() + event.canary.size() + event.release.size();
}

std::string canary_key(const Event& event) {
  return event.source + "/" + event.cluster + "/" + event.name_space + "/" + event.name;
}

}  // namespace postlude
