#pragma once
// Proof: one way in which a sender shows who it is, as configured (contract 3), and whether a request shows
// it.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "base/secret.h"
#include "model/delivery.h"
#include "model/http.h"

namespace postlude::lang {
struct Node;
struct Problem;
}  // namespace postlude::lang

namespace postlude::intake {

// The secrets of one judgement: each is read once, and those that cannot be read are remembered for the log.
class Secrets {
 public:
  struct Value {
    const SecretRef* ref;
    std::string text;
  };

  explicit Secrets(const SecretLookup& lookup) : lookup_(lookup) {}
  struct Values {
    std::vector<Value> readable;
    bool some_missing = false;  // unreadable, or empty
  };
  Values read(const std::vector<SecretRef>& refs);
  void unusable(const SecretRef& ref, std::string_view why);
  // Each secret that was asked for, and what is wrong with it ("": nothing). No secret in them.
  const std::map<std::string, std::string>& state() const { return state_; }
  const std::vector<std::string>& seen() const { return seen_; }  // the values, to keep them out of the store

 private:
  const SecretLookup& lookup_;
  std::vector<std::pair<SecretRef, std::string>> cache_;  // "": unusable
  std::map<std::string, std::string> state_;
  std::vector<std::string> seen_;
};

// A signature over the raw body.
struct Signature {
  enum class Scheme : std::uint8_t { kGithub = 1, kFlux, kGitlab, kStandardWebhooks, kCustom };
  enum class Encoding : std::uint8_t { kHex = 1, kBase64 };
  Scheme scheme = Scheme::kCustom;
  // Of kCustom:
  std::string header;
  Algorithm algorithm = Algorithm::kSha256;
  std::string prefix;
  Encoding encoding = Encoding::kHex;
};

struct Shown {
  bool shown = false;  // something of that kind came, right or wrong: 403 rather than 401
  bool matched = false;
  std::string why;  // for the record, where more is known than "wrong"
  // It came, a secret that it may be of cannot be read just now, and no other matches: nobody can say.
  bool undecided = false;
  Covers covers = Covers::kCall;
};

// What a proof may look at.
struct Evidence {
  const HttpRequest& request;
  const json::value* body;  // nullptr: not read, or not readable
  Secrets& secrets;
  Instant now;
};

// Takes as long whether the signature is there, wrong or right; so does Proof::check.
Shown check_signature(const Signature& signature, const std::vector<SecretRef>& refs,
                      const Evidence& evidence);

// What must not be stored, by the names of the proofs that carry it. Headers are in lower case.
struct Carriers {
  std::set<std::string, std::less<>> headers, query, metadata;

  void merge(const Carriers& other);
};

struct Proof {
  enum class Kind : std::uint8_t { kNone = 1, kBearer, kBasic, kHeader, kQuery, kMetadata, kHmac, kAll };
  Kind kind = Kind::kNone;
  std::string name;  // of header, query parameter or metadata key; basic: the user's name
  std::vector<SecretRef> secrets;
  Signature signature;
  std::vector<Proof> all;

  // Problems were added when nothing or too little comes back.
  static Proof read(const lang::Node& node, std::vector<lang::Problem>& problems);

  Shown check(const Evidence& evidence) const;
  bool reads_body() const;   // looks into the parsed body
  std::string text() const;  // "bearer", "metadata token", "hmac github", "all(basic, hmac flux)"
  void carriers(Carriers& into) const;
};

// `auth`: a list of proofs, any one of which suffices; also a single one.
std::vector<Proof> read_proofs(const lang::Node& auth, std::vector<lang::Problem>& problems);

}  // namespace postlude::intake
