#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "connector/target.h"

namespace postlude::connector {
namespace {

// Whether a part of a secret URL is more than a word such as `services`: it has a digit or a capital, or is
// long.
bool looks_secret(std::string_view part) {
  constexpr std::size_t kLong = 16;
  constexpr std::size_t kShort = 6;
  const bool odd = std::any_of(part.begin(), part.end(),
                               [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
  return part.size() >= kLong || (odd && part.size() >= kShort);
}

}  // namespace

Masker Masker::of(const std::vector<Target>& targets, const SecretLookup& lookup) {
  Masker masker;
  for (const Target& target : targets)
    masker.add_auth(target, lookup);
  return masker;
}

void Masker::renew(const std::vector<Target>& targets, const SecretLookup& lookup) {
  constexpr std::size_t kFormsMax = 10'000;  // of secrets that change all the time the oldest are forgotten
  if (mask_.size() > kFormsMax) {
    mask_.clear();
    learnt_.clear();
  }
  for (const Target& target : targets)
    add_auth(target, lookup);
}

Masker Masker::of(const Target& target, const SecretLookup& lookup) {
  Masker masker;
  masker.add_auth(target, lookup);
  return masker;
}

void Masker::add_auth(const Target& target, const SecretLookup& lookup) {
  for (const SecretRef& ref : target.auth.all_secrets()) {
    const Result<std::string> secret = lookup(ref);
    if (secret) add_forms(target.auth, *secret);
  }
}

void Masker::add_forms(const Auth& auth, const std::string& secret) {
  add(secret);
  if (auth.kind == Auth::Kind::kBasic) mask_.add_base64(to_base64(auth.name + ":" + secret));
  if (auth.kind != Auth::Kind::kUrl) return;
  // Proxies and peers quote the path of a URL, and log its parts.
  const Result<Url> url = parse_url(secret);
  if (!url) return;
  if (url->path.size() > 1) add(url->path);
  add(url->query);
  const auto add_part = [this](std::string_view part) {
    const std::string plain = percent_decode(part).value_or(std::string(part));
    if (looks_secret(plain)) add(plain);
  };
  for (const std::string_view part : split(url->path, '/'))
    add_part(part);
  for (const std::string_view pair : split(url->query, '&'))
    add_part(pair.substr(pair.find('=') + 1));  // npos + 1: the whole of it
}

void Masker::learn(const Target& target, const SecretRef& ref, const std::string& secret) {
  std::string& last = learnt_[target.name + " " + to_text(ref)];
  if (last == secret) return;
  add_forms(target.auth, secret);
  last = secret;
}

}  // namespace postlude::connector
