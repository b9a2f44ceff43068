#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "connector/spelled.h"
#include "connector/target.h"

namespace postlude::connector {
namespace {

constexpr std::string_view kMasked = "***";

// https://user:password@host becomes https://***@host.
void mask_user_information(std::string& text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t begin = at + 3;
    const std::size_t end = text.find_first_of("/?# \t\r\n\"'<>@", begin);
    if (end != std::string::npos && text[end] == '@') text.replace(begin, end - begin, kMasked);
  }
}

// The characters of a base64 text that are the secret's alone, when `before` other bytes stand before it.
std::string within_base64(std::string_view secret, std::size_t before) {
  const std::string text = to_base64(std::string(before, 'x') + std::string(secret));
  const std::size_t begin = (before * 8 + 5) / 6;
  const std::size_t end = (before + secret.size()) * 8 / 6;
  return text.substr(begin, end - begin);
}

std::string url_safe(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

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
  constexpr std::size_t kFormsMax = 5'000;  // of secrets that change all the time the oldest are forgotten
  if (forms_.size() > kFormsMax) {
    forms_.clear();
    first_of_ = {};
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
  if (auth.kind == Auth::Kind::kBasic) add_form({to_base64(auth.name + ":" + secret), false, true});
  if (auth.kind != Auth::Kind::kUrl) return;
  // What proxies and peers quote of a URL is its path; what they log, its parts.
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

void Masker::learn(const Target& target, const std::string& secret) {
  std::string& last = learnt_[target.name];
  if (last == secret) return;
  add_forms(target.auth, secret);
  last = secret;
}

void Masker::add(std::string_view secret) {
  if (secret.size() < kMaskedMin) return;
  add_form({std::string(secret), false, false});
  add_form({to_hex(secret), true, false});
  std::string whole = to_base64(secret);
  while (whole.ends_with('='))
    whole.pop_back();
  for (const std::string& form :
       {whole, within_base64(secret, 0), within_base64(secret, 1), within_base64(secret, 2)}) {
    add_form({form, false, true});
    add_form({url_safe(form), false, true});
  }
}

void Masker::add_form(Form form) {
  if (form.bytes.size() < kMaskedMin) return;
  const auto place = std::lower_bound(forms_.begin(), forms_.end(), form);
  if (place != forms_.end() && !(form < *place)) return;
  const std::size_t first = static_cast<unsigned char>(form.bytes.front()) + (form.any_case ? 256U : 0U);
  const auto made = forms_.insert(place, std::move(form));
  for (auto at = made; at != forms_.end() && at <= made + 1; ++at) {
    at->shared = 0;
    if (at == forms_.begin() || (at - 1)->any_case != at->any_case) continue;
    const std::string& before = (at - 1)->bytes;
    const auto ends = std::mismatch(before.begin(), before.end(), at->bytes.begin(), at->bytes.end());
    at->shared = static_cast<std::size_t>(ends.first - before.begin());
  }
  for (std::size_t i = first + 1U; i < first_of_.size(); ++i)
    ++first_of_[i];
}

std::size_t Masker::longest_at(std::string_view text, std::size_t at, bool any_case,
                               unsigned char first) const {
  std::size_t longest = 0;
  const std::size_t key = first + (any_case ? 256U : 0U);
  const std::size_t last = first_of_[key + 1U];
  for (std::size_t i = first_of_[key]; i < last;) {
    const Form& form = forms_[i++];
    std::size_t decided = 0;
    std::size_t end = spelled_at(text, at, form.bytes, any_case, decided);
    if (end == std::string_view::npos) {
      while (i < last && forms_[i].shared >= decided)
        ++i;
      continue;
    }
    for (int pad = 0; form.base64 && pad < 2 && end < text.size(); ++pad) {
      const std::size_t padded = spelled_at(text, end, "=", false, decided);
      if (padded != std::string_view::npos) end = padded;
    }
    longest = std::max(longest, end);
  }
  return longest;
}

std::size_t Masker::end_at(std::string_view text, std::size_t at) const {
  const char here = text[at];
  const auto plain = static_cast<unsigned char>(here);
  const auto small = static_cast<unsigned char>(here >= 'A' && here <= 'F' ? here - 'A' + 'a' : here);
  std::size_t longest = std::max(longest_at(text, at, false, plain), longest_at(text, at, true, small));
  if (here == ' ') longest = std::max(longest, longest_at(text, at, false, '+'));
  if (here == '%' || here == '&' || here == '\\') {
    const unsigned char meant = first_byte_at(text, at);
    if (meant != plain) longest = std::max(longest, longest_at(text, at, false, meant));
  }
  return longest == 0 ? std::string_view::npos : longest;
}

std::string Masker::mask(std::string_view text) const {
  std::string masked;
  std::size_t kept = 0;  // up to here it is in `masked`
  for (std::size_t at = 0; at < text.size() && !forms_.empty();) {
    const std::size_t end = end_at(text, at);
    if (end == std::string_view::npos) {
      ++at;
      continue;
    }
    masked += text.substr(kept, at - kept);
    masked += kMasked;
    kept = at = end;
  }
  masked += text.substr(kept);
  mask_user_information(masked);
  return masked;
}

// A look at the bytes, which nearly always suffices: how JSON writes a string is one of the spellings.
bool Masker::nothing_to_hide(std::string_view text) const {
  for (std::size_t at = 0; at < text.size() && !forms_.empty(); ++at) {
    if (end_at(text, at) != std::string_view::npos) return false;
  }
  for (const std::string_view scheme : {"://", ":\\/\\/", "\\u"}) {
    const std::size_t found = text.find(scheme);
    if (found != std::string_view::npos && text.find('@', found) != std::string_view::npos) return false;
  }
  return true;
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
  } else if (value.is_number() && end_at(to_text(value), 0) == to_text(value).size()) {
    value = json::string(json::string_view(kMasked.data(), kMasked.size()));
  }
}

}  // namespace postlude::connector
