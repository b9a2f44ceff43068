#pragma once
// Delivery: one HTTP request as it arrived, without its secrets, with its verdict and the reason (contract 1,
// 2).

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
  std::string cluster;  // "": the source does not name one
  std::string hook;
  std::string canary;  // namespace/name, if an authentic call names it; "" otherwise
  Instant received_at;
  std::string method;
  std::string target;   // path and query, secrets masked
  std::string remote;   // the peer's address
  std::string headers;  // JSON object, secrets masked
  std::string body;     // without the token of a metadata proof
  Verdict verdict = Verdict::kRejected;
  std::string reason;  // why it was not accepted; "" if it was
  std::string proof;   // the proof that the sender gave, such as "bearer" or "hmac github"; "": none
  int status = 0;      // status of the answer
  std::optional<EventId> event;
  std::int64_t repeats = 0;        // number of equal refusals that followed and are only counted here
  std::optional<Instant> last_at;  // time of the last of them
};

// How much of a call its proof covers, from least to most.
enum class Covers : std::uint8_t {
  kBody = 1,  // a signature over the body: anybody who has seen it can send it again with other headers
  kId,        // a signature over the body and the sender's id
  kCall,      // the caller holds the secret itself
};

// Shows that a sender proved itself. Only intake can create one.
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

// How the store tells a repeat from a new event (contract 4), inside the transaction that stores it.
struct Identity {
  enum class Kind : std::uint8_t {
    kSenderId,  // `key` is the sender's own id, within source and hook; the same id with another body is
                // kConflict
    kKey,  // `key` is made from the body (event hooks: namespace, name, timestamp, message) and never expires
    // post-rollout: a repeat is equal to the canary's last call, comes within `window` after that was
    // accepted, and no other call about the canary came in between.
    kLastCall,
    // pre-rollout, rollout: `key` (checksum, metadata) holds until the release ends, or a call has another
    // checksum.
    kUntilEnd,
    kNone,  // every call is new
  };
  Kind kind = Kind::kNone;
  std::string key;
  std::string digest;  // sha256 of the body without the token
  Duration window{};   // of kLastCall
  // A sender's id that its proof does not cover: may make two calls equal, never different.
  std::string unproved;
  std::string named;     // namespace/name, if an authentic call names it
  std::string canary;    // the same, if the call says that its release goes on or has ended
  std::string checksum;  // of that release; "": not named
  bool ends = false;     // that release has ended: what opens later belongs to the next one
};

}  // namespace postlude
