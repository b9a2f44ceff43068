#pragma once
// Delivery: one HTTP request as it arrived, less its secrets, with its verdict and why (contract 1 and 2).

#include <optional>
#include <string>

#include "base/id.h"
#include "base/time.h"
#include "model/http.h"

namespace postlude {

// Values are stored. Never renumber; add at the end.
enum class Verdict : std::uint8_t { kAccepted = 1, kDuplicate = 2, kFiltered = 3, kRejected = 4 };
std::string_view to_text(Verdict verdict);

struct Delivery {
  DeliveryId id;  // 0 until stored
  std::string source;
  std::string cluster;  // "": the source names none
  std::string hook;
  Instant received_at;
  std::string method;
  std::string target;   // path and query, secrets masked
  std::string remote;   // the peer's address
  std::string headers;  // JSON object, secrets masked
  std::string body;     // less the token of a metadata proof
  Verdict verdict = Verdict::kRejected;
  std::string reason;  // why not accepted: "" when it was
  std::string proof;   // what proved it, say "bearer" or "hmac github"; "": nothing did
  int status = 0;      // what was answered
  std::optional<EventId> event;
};

}  // namespace postlude
