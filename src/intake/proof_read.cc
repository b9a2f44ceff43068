// The reader of `auth`: what may stand there is contract 3; what a later build brings is refused by name.

#include <algorithm>
#include <array>

#include "base/text.h"
#include "intake/proof.h"
#include "lang/secrets.h"

namespace postlude::intake {

namespace {

using lang::Node;
using lang::Problems;

constexpr std::array<std::string_view, 4> kNotBuilt{"mtls", "forwardedClientCert", "linkerd", "kubernetes"};
const std::vector<std::string> kKinds{"bearer",   "basic", "header", "query",
                                      "metadata", "hmac",  "all",    "none"};
const std::vector<std::string> kPresets{"github", "flux", "gitlab", "standard-webhooks"};

// A proof's key is the first that names a kind; `secret` beside it is its own.
const std::pair<Node, Node>* kind_of(const Node& map) {
  for (const auto& member : map.members) {
    if (member.first.scalar != "secret") return &member;
  }
  return nullptr;
}

void only_keys(const Node& map, const std::vector<std::string>& allowed, Problems& problems) {
  for (const auto& [key, value] : map.members) {
    if (std::find(allowed.begin(), allowed.end(), key.scalar) != allowed.end()) continue;
    const std::string near = nearest(key.scalar, allowed);
    problems.push_back({key.place, "unknown key '" + cut(key.scalar, 60) + "' beside '" + allowed.front() +
                                       "'" + (near.empty() ? "" : "; did you mean '" + near + "'?")});
  }
}

// `{header: NAME, secret: S}` and its kin.
void read_named(Proof& proof, const Node& map, const Node& name, std::string_view what, Problems& problems) {
  only_keys(map, {std::string(what), "secret"}, problems);
  if (!name.is_scalar() || name.scalar.empty()) {
    problems.push_back({name.place, "'" + std::string(what) + "' needs a name"});
  } else {
    proof.name = name.scalar;
  }
  const Node* secret = map.find("secret");
  if (secret == nullptr) {
    problems.push_back({map.place, "'secret' is missing beside '" + std::string(what) + "'"});
  } else {
    proof.secrets = lang::read_secrets(*secret, problems);
  }
}

void read_basic(Proof& proof, const Node& map, const Node& value, Problems& problems) {
  only_keys(map, {"basic"}, problems);
  if (!value.is_map()) {
    problems.push_back({value.place, "'basic' wants {username: NAME, password: S}"});
    return;
  }
  only_keys(value, {"username", "password"}, problems);
  proof.name = value.text("username");
  if (proof.name.empty()) problems.push_back({value.place, "'username' is missing"});
  if (proof.name.find(':') != std::string::npos) {
    problems.push_back({value.place, "a user's name with a colon cannot be sent in Basic authentication"});
  }
  const Node* password = value.find("password");
  if (password == nullptr) {
    problems.push_back({value.place, "'password' is missing"});
  } else {
    proof.secrets = lang::read_secrets(*password, problems);
  }
}

void read_scheme(Signature& signature, const Node& value, Problems& problems) {
  if (value.is_scalar()) {
    const auto preset = std::find(kPresets.begin(), kPresets.end(), value.scalar);
    if (preset == kPresets.end()) {
      const std::string near = nearest(value.scalar, kPresets);
      problems.push_back({value.place, "unknown signature '" + cut(value.scalar, 60) + "'; " +
                                           (near.empty() ? "known are " + join(kPresets, ", ") +
                                                               ", or {header, algorithm, prefix, encoding}"
                                                         : "did you mean '" + near + "'?")});
      return;
    }
    signature.scheme = static_cast<Signature::Scheme>(preset - kPresets.begin() + 1);
    return;
  }
  if (!value.is_map()) {
    problems.push_back(
        {value.place, "'hmac' wants " + join(kPresets, ", ") + ", or {header, algorithm, prefix, encoding}"});
    return;
  }
  only_keys(value, {"header", "algorithm", "prefix", "encoding"}, problems);
  signature.header = value.text("header");
  if (signature.header.empty())
    problems.push_back({value.place, "'header' is missing: where is the signature?"});
  signature.prefix = value.text("prefix");
  if (const Node* algorithm = value.find("algorithm")) {
    const auto known = algorithm_named(algorithm->scalar);
    if (!known) {
      problems.push_back({algorithm->place, "unknown algorithm '" + cut(algorithm->scalar, 60) +
                                                "'; known are sha256, sha384, sha512, sha224, sha1"});
    }
    if (known == Algorithm::kSha1)
      problems.push_back({algorithm->place, "sha1 is weak; use sha256 where the sender can", true});
    signature.algorithm = known.value_or(Algorithm::kSha256);
  }
  if (const Node* encoding = value.find("encoding")) {
    if (encoding->scalar != "hex" && encoding->scalar != "base64") {
      problems.push_back(
          {encoding->place, "unknown encoding '" + cut(encoding->scalar, 60) + "'; known are hex, base64"});
    }
    if (encoding->scalar == "base64") signature.encoding = Signature::Encoding::kBase64;
  }
}

void read_hmac(Proof& proof, const Node& map, const Node& value, Problems& problems) {
  only_keys(map, {"hmac", "secret"}, problems);
  read_scheme(proof.signature, value, problems);
  const Node* secret = map.find("secret");
  if (secret == nullptr) {
    problems.push_back({map.place, "'secret' is missing beside 'hmac'"});
  } else {
    proof.secrets = lang::read_secrets(*secret, problems);
  }
}

void read_all(Proof& proof, const Node& map, const Node& value, Problems& problems) {
  only_keys(map, {"all"}, problems);
  if (!value.is_list() || value.items.size() < 2) {
    problems.push_back({value.place, "'all' must be a list of two or more proofs"});
    return;
  }
  for (const Node& item : value.items) {
    proof.all.push_back(Proof::read(item, problems));
    if (proof.all.back().kind == Proof::Kind::kNone)
      problems.push_back({item.place, "'none' proves nothing within 'all'"});
  }
}

void unknown_kind(const Node& key, Problems& problems) {
  const std::string shown = cut(key.scalar, 60);
  if (std::find(kNotBuilt.begin(), kNotBuilt.end(), key.scalar) != kNotBuilt.end()) {
    problems.push_back({key.place, "the proof '" + shown + "' is not built yet"});
    return;
  }
  const std::string near = nearest(key.scalar, kKinds);
  problems.push_back(
      {key.place, "unknown proof '" + shown + "'; " +
                      (near.empty() ? "known are " + join(kKinds, ", ") : "did you mean '" + near + "'?")});
}

}  // namespace

Proof Proof::read(const Node& node, Problems& problems) {
  Proof proof;
  proof.kind = Kind::kAll;  // of nothing: what cannot be read never matches
  if (node.is_scalar() && node.scalar == "none") {
    proof.kind = Kind::kNone;
    return proof;
  }
  if (!node.is_map()) {
    // Not quoted: it may be a secret.
    problems.push_back({node.place, "a proof is a map, say {bearer: {env: NAME}}, or the word none"});
    return proof;
  }
  const auto* member = kind_of(node);
  if (member == nullptr) {
    problems.push_back({node.place, "this proof does not say its kind; known are " + join(kKinds, ", ")});
    return proof;
  }
  const auto& [key, value] = *member;
  if (key.scalar == "bearer") {
    proof.kind = Kind::kBearer;
    only_keys(node, {"bearer"}, problems);
    proof.secrets = lang::read_secrets(value, problems);
  } else if (key.scalar == "basic") {
    proof.kind = Kind::kBasic;
    read_basic(proof, node, value, problems);
  } else if (key.scalar == "header" || key.scalar == "query" || key.scalar == "metadata") {
    proof.kind = key.scalar == "header"  ? Kind::kHeader
                 : key.scalar == "query" ? Kind::kQuery
                                         : Kind::kMetadata;
    read_named(proof, node, value, key.scalar, problems);
    if (proof.kind == Kind::kQuery) {
      problems.push_back(
          {key.place, "a secret in the query stands in logs, and Flagger prints it in errors; prefer basic",
           true});
    }
  } else if (key.scalar == "hmac") {
    proof.kind = Kind::kHmac;
    read_hmac(proof, node, value, problems);
  } else if (key.scalar == "all") {
    read_all(proof, node, value, problems);
  } else {
    unknown_kind(key, problems);
  }
  return proof;
}

std::vector<Proof> read_proofs(const Node& auth, Problems& problems) {
  std::vector<Proof> proofs;
  if (!auth.is_list()) {
    proofs.push_back(Proof::read(auth, problems));
  } else {
    if (auth.items.empty())
      problems.push_back({auth.place, "'auth' lists no proof; write none where none is meant"});
    for (const Node& item : auth.items)
      proofs.push_back(Proof::read(item, problems));
  }
  for (const Proof& proof : proofs) {
    if (proof.kind != Proof::Kind::kNone) continue;
    const bool others = proofs.size() > 1;
    problems.push_back({auth.place,
                        others ? "'none' makes the other proofs pointless: anybody may call"
                               : "'none': anybody who reaches this path may call it",
                        true});
    break;
  }
  return proofs;
}

}  // namespace postlude::intake
