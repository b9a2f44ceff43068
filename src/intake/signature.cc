// Signatures over the raw body: GitHub's, Flux's, GitLab's, Standard Webhooks', and those described in
// configuration.

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/time.h"
#include "intake/proof.h"

namespace postlude::intake {

namespace {

constexpr Duration kTolerance = std::chrono::minutes(5);  // Standard Webhooks: both ways
constexpr std::size_t kSignaturesMax = 16;                // in one webhook-signature

// The header if it came exactly once. Which of several is meant, nobody can tell: then none is right.
std::string_view only(const HttpRequest& request, std::string_view name, bool& shown) {
  const std::size_t count = request.headers.count(name);
  if (count > 0) shown = true;
  return count == 1 ? trim(request.headers.get(name)) : std::string_view();
}

std::string decode(std::string_view text, Signature::Encoding encoding) {
  return decode_signature(text, encoding).value_or("");
}

// One header: a prefix and the encoded HMAC of the body.
Shown check_plain(const Signature& s, const std::vector<SecretRef>& refs, const Evidence& evidence) {
  Shown result;
  std::string_view text = only(evidence.request, s.header, result.shown);
  const bool prefixed = text.starts_with(s.prefix);
  if (prefixed) text.remove_prefix(s.prefix.size());
  const std::string given = prefixed ? decode(text, s.encoding) : "";
  if (result.shown && given.empty()) result.why = "the signature is malformed";
  const Secrets::Values values = evidence.secrets.read(refs);
  for (const Secrets::Value& secret : values.readable) {
    result.matched |= equal_in_constant_time(hmac(s.algorithm, secret.text, evidence.request.body), given);
  }
  result.undecided = values.some_missing && !given.empty() && !result.matched;
  result.covers = Covers::kBody;
  return result;
}

// X-Signature: algorithm=hex. The algorithm is the sender's choice among SHA-2.
Shown check_flux(const std::vector<SecretRef>& refs, const Evidence& evidence) {
  bool shown = false;
  const std::string_view text = only(evidence.request, "X-Signature", shown);
  const std::string_view name = text.substr(0, text.find('='));
  auto algorithm = algorithm_named(name);
  if (algorithm == Algorithm::kSha1) algorithm.reset();
  const Signature plain{.scheme = Signature::Scheme::kCustom,
                        .header = "X-Signature",
                        .algorithm = algorithm.value_or(Algorithm::kSha256),
                        .prefix = algorithm ? std::string(name) + "=" : "sha256=",
                        .encoding = Signature::Encoding::kHex};
  return check_plain(plain, refs, evidence);
}

// Is the sender's clock, as signed, near enough to ours?
bool in_time(std::string_view timestamp, Instant now) {
  if (timestamp.empty() || timestamp.size() > 12) return false;
  std::int64_t seconds = 0;
  for (const char c : timestamp) {
    if (c < '0' || c > '9') return false;
    seconds = seconds * 10 + (c - '0');
  }
  const Duration off = now - instant(seconds * 1'000'000);
  return off <= kTolerance && off >= -kTolerance;
}

Shown check_standard(const std::vector<SecretRef>& refs, const Evidence& evidence, bool keys_only) {
  Shown result;
  const std::string_view list = only(evidence.request, "webhook-signature", result.shown);
  bool ignored = false;
  const std::string_view id = only(evidence.request, "webhook-id", ignored);
  const std::string_view timestamp = only(evidence.request, "webhook-timestamp", ignored);
  std::vector<std::string> given;
  for (const std::string_view part : split(list, ' ')) {
    if (!part.starts_with("v1,") || given.size() == kSignaturesMax)
      continue;  // other versions are other keys'
    given.push_back(decode(part.substr(3), Signature::Encoding::kBase64));
  }
  if (given.empty()) given.emplace_back();  // compared all the same
  bool signed_by_us = false;
  const Secrets::Values values = evidence.secrets.read(refs);
  bool some_missing = values.some_missing;
  for (const Secrets::Value& secret : values.readable) {
    const std::string key = standard_webhooks_key(secret.text);
    if (key.empty()) {
      if (keys_only) evidence.secrets.unusable(*secret.ref, "is no whsec_ key");
      some_missing |= keys_only;
      continue;
    }
    const std::string mac = standard_webhooks_mac(key, id, timestamp, evidence.request.body);
    for (const std::string& one : given)
      signed_by_us |= equal_in_constant_time(mac, one);
  }
  const bool timely = in_time(timestamp, evidence.now);
  result.matched = signed_by_us && timely && !id.empty();
  if (signed_by_us && !timely) result.why = "its timestamp is more than 5 minutes off";
  if (signed_by_us && id.empty()) result.why = "webhook-id is missing";
  const bool came = std::any_of(given.begin(), given.end(), [](const auto& one) { return !one.empty(); });
  result.undecided = some_missing && came && timely && !signed_by_us;
  result.covers = Covers::kId;
  return result;
}

// GitLab's new signing tokens are Standard Webhooks; its older secret is sent as it is.
Shown check_gitlab(const std::vector<SecretRef>& refs, const Evidence& evidence) {
  Shown token;
  const std::string_view given = only(evidence.request, "X-Gitlab-Token", token.shown);
  const Secrets::Values values = evidence.secrets.read(refs);
  for (const Secrets::Value& secret : values.readable) {
    token.matched |= equal_in_constant_time(secret.text, given);
  }
  token.undecided = values.some_missing && !given.empty() && !token.matched;
  Shown signature = check_standard(refs, evidence, false);
  return signature.shown ? signature : token;
}

}  // namespace

Shown check_signature(const Signature& signature, const std::vector<SecretRef>& refs,
                      const Evidence& evidence) {
  switch (signature.scheme) {
    case Signature::Scheme::kGithub:
      return check_plain({.scheme = Signature::Scheme::kCustom,
                          .header = std::string(kGithubSignatureHeader),
                          .algorithm = Algorithm::kSha256,
                          .prefix = std::string(kGithubSignaturePrefix),
                          .encoding = Signature::Encoding::kHex},
                         refs, evidence);
    case Signature::Scheme::kFlux:
      return check_flux(refs, evidence);
    case Signature::Scheme::kGitlab:
      return check_gitlab(refs, evidence);
    case Signature::Scheme::kStandardWebhooks:
      return check_standard(refs, evidence, true);
    case Signature::Scheme::kCustom:
      return check_plain(signature, refs, evidence);
  }
  return {};
}

}  // namespace postlude::intake
