#include "intake/proof.h"

#include <algorithm>

#include "base/text.h"

namespace postlude::intake {

Secrets::Values Secrets::read(const std::vector<SecretRef>& refs) {
  Values values;
  for (const SecretRef& ref : refs) {
    auto known =
        std::find_if(cache_.begin(), cache_.end(), [&](const auto& entry) { return entry.first == ref; });
    if (known == cache_.end()) {
      auto text = lookup_(ref);
      SecretState& state = state_.try_emplace(to_text(ref)).first->second;
      if (!text) state = {false, "cannot be read: " + text.error().message};
      if (text && text->empty()) unusable(ref, "is empty");  // with an empty key anybody could sign
      if (text && !text->empty()) seen_.push_back(*text);
      known = cache_.insert(cache_.end(), {ref, text ? *text : std::string()});
    }
    if (known->second.empty()) {
      values.some_missing = true;
    } else {
      values.readable.push_back({&ref, known->second});
    }
  }
  return values;
}

void Secrets::unusable(const SecretRef& ref, std::string_view why) {
  state_[to_text(ref)] = {true, std::string(why)};
}

namespace {

// `Authorization: <scheme> <rest>`: the rest, "" when another scheme or several came.
std::string_view credentials(const HttpRequest& request, std::string_view scheme, bool& shown) {
  const std::size_t count = request.headers.count("Authorization");
  if (count > 0) shown = true;
  if (count != 1) return {};
  const std::string_view value = trim(request.headers.get("Authorization"));
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos || !equal_ignoring_case(value.substr(0, blank), scheme)) return {};
  return trim(value.substr(blank + 1));
}

// `given`: "" where nothing of this kind came once and whole.
Shown check_text(const std::vector<SecretRef>& refs, std::string_view given, bool shown, Secrets& secrets) {
  Shown result{.shown = shown, .matched = false, .why = {}};
  const Secrets::Values values = secrets.read(refs);
  for (const Secrets::Value& secret : values.readable) {
    result.matched |= equal_in_constant_time(secret.text, given);
  }
  result.undecided = values.some_missing && !given.empty() && !result.matched;
  return result;
}

Shown check_basic(const Proof& proof, const Evidence& evidence) {
  Shown result;
  const std::string given = from_base64(credentials(evidence.request, "Basic", result.shown)).value_or("");
  const Secrets::Values values = evidence.secrets.read(proof.secrets);
  for (const Secrets::Value& secret : values.readable) {
    result.matched |= equal_in_constant_time(proof.name + ":" + secret.text, given);
  }
  result.undecided = values.some_missing && given.starts_with(proof.name + ":") && !result.matched;
  return result;
}

Shown check_header(const Proof& proof, const Evidence& evidence) {
  const std::size_t count = evidence.request.headers.count(proof.name);
  const std::string_view given =
      count == 1 ? trim(evidence.request.headers.get(proof.name)) : std::string_view();
  return check_text(proof.secrets, given, count > 0, evidence.secrets);
}

// A `+` may be meant as it is (a pasted token) or as a blank (a form's encoding): both are compared.
Shown check_query(const Proof& proof, const Evidence& evidence) {
  std::vector<std::string> given;
  for (const std::string_view pair : split(evidence.request.query(), '&')) {
    const std::size_t equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals)) != proof.name) continue;
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    given.push_back(percent_decode(value).value_or(""));
    std::string as_form(value);
    std::replace(as_form.begin(), as_form.end(), '+', ' ');
    given.push_back(percent_decode(as_form).value_or(""));
  }
  const bool once = given.size() == 2;
  Shown plain = check_text(proof.secrets, once ? given[0] : "", !given.empty(), evidence.secrets);
  plain.matched |= check_text(proof.secrets, once ? given[1] : "", false, evidence.secrets).matched;
  plain.undecided &= !plain.matched;
  return plain;
}

Shown check_metadata(const Proof& proof, const Evidence& evidence) {
  const json::value* metadata = evidence.body == nullptr ? nullptr : find(*evidence.body, "metadata");
  const json::value* field = metadata == nullptr ? nullptr : find(*metadata, proof.name);
  const std::string_view given =
      field != nullptr && field->is_string() ? view(field->get_string()) : std::string_view();
  return check_text(proof.secrets, given, field != nullptr, evidence.secrets);
}

Shown check_all(const Proof& proof, const Evidence& evidence) {
  Shown result{.shown = false, .matched = !proof.all.empty(), .why = {}, .covers = Covers::kBody};
  bool may_be = true;  // of no part is it certain that it is wrong
  for (const Proof& part : proof.all) {
    const Shown one = part.check(evidence);
    result.shown |= one.shown;
    result.matched &= one.matched;
    may_be &= one.matched || one.undecided;
    result.covers = std::max(result.covers, one.covers);
    if (result.why.empty()) result.why = one.why;
  }
  result.undecided = may_be && !result.matched;
  return result;
}

}  // namespace

Shown Proof::check(const Evidence& evidence) const {
  switch (kind) {
    case Kind::kNone:
      return {.shown = true, .matched = true, .why = {}};
    case Kind::kBearer: {
      bool shown = false;
      const std::string_view given = credentials(evidence.request, "Bearer", shown);
      return check_text(secrets, given, shown, evidence.secrets);
    }
    case Kind::kBasic:
      return check_basic(*this, evidence);
    case Kind::kHeader:
      return check_header(*this, evidence);
    case Kind::kQuery:
      return check_query(*this, evidence);
    case Kind::kMetadata:
      return check_metadata(*this, evidence);
    case Kind::kHmac:
      return check_signature(signature, secrets, evidence);
    case Kind::kAll:
      return check_all(*this, evidence);
  }
  return {};
}

bool Proof::reads_body() const {
  return kind == Kind::kMetadata ||
         std::any_of(all.begin(), all.end(), [](const Proof& p) { return p.reads_body(); });
}

namespace {

std::string_view text_of(Signature::Scheme scheme) {
  switch (scheme) {
    case Signature::Scheme::kGithub:
      return "github";
    case Signature::Scheme::kFlux:
      return "flux";
    case Signature::Scheme::kGitlab:
      return "gitlab";
    case Signature::Scheme::kStandardWebhooks:
      return "standard-webhooks";
    case Signature::Scheme::kCustom:
      return "";
  }
  return "";
}

}  // namespace

std::string Proof::text() const {
  switch (kind) {
    case Kind::kNone:
      return "none";
    case Kind::kBearer:
      return "bearer";
    case Kind::kBasic:
      return "basic " + name;
    case Kind::kHeader:
      return "header " + name;
    case Kind::kQuery:
      return "query " + name;
    case Kind::kMetadata:
      return "metadata " + name;
    case Kind::kHmac:
      return "hmac " + (signature.scheme == Signature::Scheme::kCustom
                            ? signature.header
                            : std::string(text_of(signature.scheme)));
    case Kind::kAll: {
      std::vector<std::string> parts;
      for (const Proof& part : all)
        parts.push_back(part.text());
      return "all(" + join(parts, ", ") + ")";
    }
  }
  return "";
}

void Carriers::merge(const Carriers& other) {
  headers.insert(other.headers.begin(), other.headers.end());
  query.insert(other.query.begin(), other.query.end());
  metadata.insert(other.metadata.begin(), other.metadata.end());
}

void Proof::carriers(Carriers& into) const {
  if (kind == Kind::kHeader) into.headers.insert(lower(name));
  if (kind == Kind::kQuery) into.query.insert(name);
  if (kind == Kind::kMetadata) into.metadata.insert(name);
  if (kind == Kind::kHmac && signature.scheme == Signature::Scheme::kCustom)
    into.headers.insert(lower(signature.header));
  for (const Proof& part : all)
    part.carriers(into);
}

}  // namespace postlude::intake
