#pragma once
// Proof: one configured way for a sender to prove who it is (contract 3), and the check of a request against
// it.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/signed.h"
#include "model/delivery.h"
#include "model/http.h"

namespace postlude::lang {
struct Node;
struct Problem;
}  // namespace postlude::lang

namespace postlude::intake {

// What is wrong with a secret. Contains no secret value.
struct SecretState {
  bool read = true;     // false: the lookup has logged why
  std::string problem;  // "": none
  bool operator==(const SecretState&) const = default;
};
using SecretStates = std::map<std::string, SecretState>;  // by the secret's place: "env TOKEN"

// The secrets used while judging one request. Reads each once, and remembers those that cannot be read, for
// the log.
class Secrets {
 public:
  struct Value {
    const SecretRef* ref;
    std::string text;
  };

  explicit Secrets(const SecretLookup& lookup) : lookup_(lookup) {}
  struct Values {
    std::vector<Value> readable;
    bool some_missing = false;  // a secret was unreadable or empty
  };
  Values read(const std::vector<SecretRef>& refs);
  void unusable(const SecretRef& ref, std::string_view why);
  const SecretStates& state() const { return state_; }            // of each secret that was read
  const std::vector<std::string>& seen() const { return seen_; }  // values to keep out of the store

 private:
  const SecretLookup& lookup_;
  std::vector<std::pair<SecretRef, std::string>> cache_;  // "": unusable
  SecretStates state_;
  std::vector<std::string> seen_;
};

// A signature over the raw body.
struct Signature {
  enum class Scheme : std::uint8_t { kGithub = 1, kFlux, kGitlab, kStandardWebhooks, kCustom };
  using Encoding = SignatureEncoding;
  Scheme scheme = Scheme::kCustom;
  // For kCustom:
  std::string header;
  Algorithm algorithm = Algorithm::kSha256;
  std::string prefix;
  Encoding encoding = Encoding::kHex;
};

struct Shown {
  bool shown = false;  // a proof of this kind was present, right or wrong: answer 403, not 401
  bool matched = false;
  std::string why;  // for the record, if the reason is more specific than "wrong"
  // A proof was present, no secret matched, and one of the secrets cannot be read now: it may be right.
  bool undecided = false;
  Covers covers = Covers::kCall;
};

// The parts of a request that a proof may use.
struct Evidence {
  const HttpRequest& request;
  const json::value* body;  // nullptr: not read, or unreadable
  Secrets& secrets;
  Instant now;
};

// Takes the same time whether the signature is missing, wrong or right; so does Proof::check.
Shown check_signature(const Signature& signature, const std::vector<SecretRef>& refs,
                      const Evidence& evidence);

// The places of secrets that must not be stored, as the proofs name them. Headers are in lower case.
struct Carriers {
  std::set<std::string, std::less<>> headers, query, metadata;

  void merge(const Carriers& other);
};

struct Proof {
  enum class Kind : std::uint8_t { kNone = 1, kBearer, kBasic, kHeader, kQuery, kMetadata, kHmac, kAll };
  Kind kind = Kind::kNone;
  std::string name;  // name of header, query parameter or metadata key; basic: the user's name
  std::vector<SecretRef> secrets;
  Signature signature;
  std::vector<Proof> all;

  // Adds problems if it returns nothing, or too little.
  static Proof read(const lang::Node& node, std::vector<lang::Problem>& problems);

  Shown check(const Evidence& evidence) const;
  bool reads_body() const;   // uses the parsed body
  std::string text() const;  // "bearer", "metadata token", "hmac github", "all(basic, hmac flux)"
  void carriers(Carriers& into) const;
};

// `auth`: a list of proofs, one of which is enough; or a single proof.
std::vector<Proof> read_proofs(const lang::Node& auth, std::vector<lang::Problem>& problems);

}  // namespace postlude::intake
