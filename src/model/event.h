#pragma once
// Event: an accepted delivery in normal form, which a workflow sees as `.event` (contract 5).

#include <string>

#include "base/id.h"
#include "base/json.h"
#include "base/time.h"

namespace postlude {

// Values are stored. Never renumber; add at the end.
enum class Origin : std::uint8_t { kHook = 1, kReconciler = 2, kRedelivery = 3, kCli = 4 };
std::string_view to_text(Origin origin);

struct Event {
  EventId id;         // 0 until stored
  std::string nonce;  // 32 hex digits, created when the event is stored: the event's part of every effect key
  DeliveryId delivery;  // 0: no delivery caused it
  std::string source;
  std::string cluster;  // "": none
  std::string hook;
  Origin origin = Origin::kHook;
  Instant received_at;
  std::string team;  // "": none
  std::string name_space;
  std::string name;             // of the canary
  std::string phase;            // "" on some `event` hooks
  std::string outcome;          // promoted | rolledBack | promotionFailed | unchanged | failed | ""
  std::string checksum;         // "": Flagger before 1.34
  std::string metadata = "{}";  // JSON object
  std::string payload = "{}";   // JSON: the whole body, less secrets
  std::string canary;           // JSON object, see contract 5; "": no cluster was asked
  std::string release;          // the same for the release
};

// `.event` as expressions, the API and the CLI show it: as a tree, whose storage is `room`, and as text.
json::object document_of(const Event& event, const json::storage_ptr& room = {});
std::string document(const Event& event);

// Approximate size of its texts in bytes.
std::size_t bytes_of(const Event& event);

// The default of `concurrency.key`: source/cluster/namespace/name.
std::string canary_key(const Event& event);

}  // namespace postlude
