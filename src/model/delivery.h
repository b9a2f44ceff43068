#pragma once
// Delivery: one HTTP request as it arrived, less its secrets, with its verdict and why (contract 1 and 2).

#include <optional>
#include <string>

#include "base/id.h"
#include "base/time.h"
#include "model/http.h"

namespace postlude {

namespace intake {
class Source;
}

// Values are stored. Never renumber; add at the end.
enum class Verdict : std::uint8_t { kAccepted = 1, kDuplicate = 2, kFiltered = 3, kRejected = 4 };
std::string_view to_text(Verdict verdict);

struct Delivery {
  DeliveryId id;  // 0 until stored
  std::string source;
  std::string cluster;  // "": the source names none
  std::string hook;
  std::string canary;  // namespace/name, as an authentic call says it; "": it says none
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
  std::int64_t repeats = 0;        // equal refusals that followed it, and are counted here only
  std::optional<Instant> last_at;  // of the last of them
};

// How much of a call its proof vouches for, less before more.
enum class Covers : std::uint8_t {
  kBody = 1,  // a signature over the body: whoever has seen it may send it again under other headers
  kId,        // a signature over the body and the sender's id
  kCall,      // the caller holds the secret itself
};

// The right to say that a sender proved itself: only intake makes one.
class Authentic {
 public:
  const std::string& proof() const { return proof_; }
  Covers covers() const { return covers_; }

 private:
  friend class intake::Source;
  Authentic(std::string proof, Covers covers) : proof_(std::move(proof)), covers_(covers) {}
  std::string proof_;
  Covers covers_;
};

// How the store tells a repeat from a new event (contract 4), inside the transaction that writes it.
struct Identity {
  enum class Kind : std::uint8_t {
    kSenderId,  // `key` is the sender's own id, in the scope of source and hook; another body is kConflict
    kKey,       // `key` is made of the body (event hooks: namespace, name, timestamp, message), for good
    kLastCall,  // post-rollout: equal to the canary's last one, within `window` after that was accepted, and
                // nothing else that tells of the canary in between
    kUntilEnd,  // pre-rollout, rollout: `key` (checksum, metadata) until the release ends, or a call tells of
                // another checksum
    kNone,      // each is new
  };
  Kind kind = Kind::kNone;
  std::string key;
  std::string digest;    // of the body less the token: sha256
  Duration window{};     // of kLastCall
  std::string unproved;  // a sender's id that its proof does not cover: makes two calls one, never one two
  std::string named;     // namespace/name, whenever an authentic call says it
  std::string canary;    // the same, where the call tells that its release goes on or is over
  std::string checksum;  // of that release; "": it tells none
  bool ends = false;     // that release is over: what opens after it belongs to the next
};

}  // namespace postlude
