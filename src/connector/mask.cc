#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "connector/target.h"

namespace postlude::connector {
namespace {

constexpr std::string_view kMasked = "***";

void replace_all(std::string& text, std::string_view what) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + kMasked.size())) {
    text.replace(at, what.size(), kMasked);
  }
}

// https://user:password@host becomes https://***@host.
void mask_user_information(std::string& text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t begin = at + 3;
    const std::size_t end = text.find_first_of("/?# \t\r\n\"'<>@", begin);
    if (end != std::string::npos && text[end] == '@') text.replace(begin, end - begin, kMasked);
  }
}

std::string in_json(std::string_view value) {
  const std::string quoted = to_text(json::value(json::string_view(value.data(), value.size())));
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

Masker Masker::of(const std::vector<Target>& targets, const SecretLookup& lookup) {
  Masker masker;
  for (const Target& target : targets)
    masker.add_auth(target, lookup);
  return masker;
}

void Masker::renew(const std::vector<Target>& targets, const SecretLookup& lookup) {
  constexpr std::size_t kFormsMax = 2'000;  // of secrets that change all the time the oldest are forgotten
  if (forms_.size() > kFormsMax) {
    forms_.clear();
    in_json_.clear();
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
  for (const SecretRef& ref : target.auth.secrets) {
    const Result<std::string> secret = lookup(ref);
    if (secret) add_forms(target.auth, *secret);
  }
}

void Masker::add_forms(const Auth& auth, const std::string& secret) {
  add(secret);
  if (auth.kind == Auth::Kind::kBasic) add(to_base64(auth.name + ":" + secret));
  if (auth.kind == Auth::Kind::kUrl) {
    // What proxies and peers quote of a URL is its path.
    const Result<Url> url = parse_url(secret);
    if (url && url->path.size() > 1) add(url->path);
    if (url) add(url->query);
  }
}

void Masker::learn(const Target& target, const std::string& secret) {
  std::string& last = learnt_[target.name];
  if (last == secret) return;
  add_forms(target.auth, secret);
  last = secret;
}

void Masker::add(std::string_view secret) {
  if (secret.size() < kMaskedMin) return;
  const std::size_t before = forms_.size();
  for (std::string form : {std::string(secret), to_base64(secret), percent_encode(secret), in_json(secret)}) {
    if (std::find(forms_.begin(), forms_.end(), form) != forms_.end()) continue;
    if (std::string escaped = in_json(form); escaped != form) in_json_.push_back(std::move(escaped));
    forms_.push_back(std::move(form));
  }
  if (forms_.size() == before) return;
  // A secret that contains another one is hidden whole.
  std::sort(forms_.begin(), forms_.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
}

std::string Masker::mask(std::string_view text) const {
  std::string masked(text);
  for (const std::string& form : forms_)
    replace_all(masked, form);
  mask_user_information(masked);
  return masked;
}

// A look at the bytes, which nearly always suffices: JSON as we write it has one way to write a string, and a
// part of a string is in it as that part would be written alone. `\u` and `\/` are other ways to write
// something.
bool Masker::nothing_to_hide(std::string_view text) const {
  for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at + 2)) {
    if (at + 1 < text.size() && (text[at + 1] == 'u' || text[at + 1] == '/')) return false;
  }
  const auto holds = [&](const std::string& form) { return text.find(form) != std::string_view::npos; };
  if (std::any_of(forms_.begin(), forms_.end(), holds) ||
      std::any_of(in_json_.begin(), in_json_.end(), holds))
    return false;
  const std::size_t scheme = text.find("://");
  return scheme == std::string_view::npos || text.find('@', scheme) == std::string_view::npos;
}

std::string Masker::mask_json(std::string_view text) const {
  if (nothing_to_hide(text)) return std::string(text);
  Result<json::value> value = parse_json(text);
  if (!value) return mask(text);
  mask_value(*value);
  return to_text(*value);
}

void Masker::mask_value(json::value& value) const {
  if (value.is_string()) {
    value = json::string(mask(view(value.get_string())));
  } else if (value.is_array()) {
    for (json::value& item : value.get_array())
      mask_value(item);
  } else if (value.is_object()) {
    json::object masked;
    for (auto& member : value.get_object()) {
      mask_value(member.value());
      masked[mask({member.key().data(), member.key().size()})] = std::move(member.value());
    }
    value = std::move(masked);
  } else if (value.is_number() && std::find(forms_.begin(), forms_.end(), to_text(value)) != forms_.end()) {
    value = json::string(json::string_view(kMasked.data(), kMasked.size()));
  }
}

}  // namespace postlude::connector
