#include "connector/sign.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "connector/http_form.h"

namespace postlude::connector {
namespace {

const std::vector<std::string> kSchemes = {"standard-webhooks", "dingtalk", "feishu", "github"};
const std::vector<std::string> kHmacKeys = {"header",  "algorithm",       "encoding",    "prefix",
                                            "content", "timestampHeader", "milliseconds"};
constexpr std::string_view kNoSignature = "***";

void problem(lang::Problems& problems, const lang::Place& place, std::string message) {
  problems.push_back({place, std::move(message), false});
}

std::string seconds_of(Instant now) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

std::string milliseconds_of(Instant now) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

// Calls `put` with each text between braces.
template <class Put>
std::string expanded(std::string_view text, Put put) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    const std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    out += text.substr(0, close == std::string_view::npos ? text.size() : open);
    if (close == std::string_view::npos) break;
    out += put(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
  }
  return out;
}

void check_placeholders(const lang::Node& node, const std::vector<std::string>& known, std::string_view key,
                        lang::Problems& problems) {
  expanded(node.scalar, [&](std::string_view name) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      problem(problems, node.place,
              "`{" + std::string(name) + "}` is unknown in `" + std::string(key) + "`; valid: {" +
                  join(known, "}, {") + "}");
    }
    return std::string();
  });
}

void read_header_name(const lang::Node& hmac, const char* key, std::string& into, lang::Problems& problems) {
  const lang::Node* node = hmac.find(key);
  if (node == nullptr) return;
  into = node->scalar;
  const std::string objection = header_objection(into);
  if (!objection.empty() && !equal_ignoring_case(into, "authorization"))
    problem(problems, node->place, objection);
}

Signing read_hmac(const lang::Node& hmac, lang::Problems& problems) {
  Signing signing;
  for (const auto& [key, value] : hmac.members) {
    if (std::find(kHmacKeys.begin(), kHmacKeys.end(), key.scalar) != kHmacKeys.end()) {
      if (!value.is_scalar()) problem(problems, value.place, "`" + key.scalar + "` of `hmac` must be text");
      continue;
    }
    const std::string near = nearest(key.scalar, kHmacKeys);
    problem(
        problems, key.place,
        "unknown key `" + key.scalar + "` in `hmac`" +
            (near.empty() ? "; it may have: " + join(kHmacKeys, ", ") : "; did you mean `" + near + "`?"));
  }
  read_header_name(hmac, "header", signing.header, problems);
  read_header_name(hmac, "timestampHeader", signing.timestamp_header, problems);
  if (signing.header.empty())
    problem(problems, hmac.place, "`hmac` needs `header`: the header that carries the signature");
  if (const lang::Node* algorithm = hmac.find("algorithm")) {
    const auto known = algorithm_named(algorithm->scalar);
    if (!known) {
      problem(problems, algorithm->place,
              "unknown algorithm `" + algorithm->scalar + "`; valid: sha256, sha384, sha512, sha224, sha1");
    }
    signing.algorithm = known.value_or(Algorithm::kSha256);
  }
  if (const lang::Node* encoding = hmac.find("encoding")) {
    if (encoding->scalar != "hex" && encoding->scalar != "base64")
      problem(problems, encoding->place, "unknown encoding `" + encoding->scalar + "`; valid: hex, base64");
    if (encoding->scalar == "base64") signing.encoding = SignatureEncoding::kBase64;
  }
  if (const lang::Node* prefix = hmac.find("prefix")) {
    check_placeholders(*prefix, {"timestamp"}, "prefix", problems);
    signing.prefix = prefix->scalar;
  }
  if (const lang::Node* content = hmac.find("content")) {
    check_placeholders(*content, {"timestamp", "body", "method", "path"}, "content", problems);
    if (content->scalar.find("{body}") == std::string::npos)
      problem(problems, content->place, "`content` must hold {body}: else the signature does not cover it");
    signing.content = content->scalar;
  }
  signing.milliseconds = hmac.text("milliseconds") == "true";
  const bool dated = signing.content.find("{timestamp}") != std::string::npos;
  const bool told =
      !signing.timestamp_header.empty() || signing.prefix.find("{timestamp}") != std::string::npos;
  if (dated != told) {
    problem(
        problems, hmac.place,
        dated ? "`content` holds {timestamp}, so the receiver must be told it: name a `timestampHeader`, or "
                "write {timestamp} in `prefix`"
              : "the timestamp is sent, but not signed: write it into `content`, as in "
                "'{timestamp}.{body}'");
  }
  return signing;
}

std::string path_and_query(const HttpRequest& request) {
  const std::size_t scheme = request.target.find("://");
  const std::size_t path = request.target.find_first_of("/?", scheme == std::string::npos ? 0 : scheme + 3);
  if (path == std::string::npos) return "/";
  return (request.target[path] == '?' ? "/" : "") + request.target.substr(path);
}

Status sign_hmac(HttpRequest& request, const Signing& signing, const std::optional<std::string>& secret,
                 Instant now) {
  const std::string timestamp = signing.milliseconds ? milliseconds_of(now) : seconds_of(now);
  const auto put = [&](std::string_view name) -> std::string {
    if (name == "timestamp") return timestamp;
    if (name == "method") return request.method;
    return name == "path" ? path_and_query(request) : request.body;
  };
  const std::string content = expanded(signing.content, put);
  const std::string signature =
      secret ? encode_signature(hmac(signing.algorithm, *secret, content), signing.encoding)
             : std::string(kNoSignature);
  if (!signing.timestamp_header.empty()) request.headers.set(signing.timestamp_header, timestamp);
  request.headers.set(signing.header, expanded(signing.prefix, put) + signature);
  return ok();
}

Status sign_standard(HttpRequest& request, const std::optional<std::string>& secret, Instant now) {
  const std::string timestamp = seconds_of(now);
  const std::string_view id = request.headers.get(kWebhookId);
  if (id.empty())
    return Error(Code::kInvalid, "Standard Webhooks sign the header webhook-id, and there is none");
  std::string signature(kNoSignature);
  if (secret) {
    const std::string key = standard_webhooks_key(*secret);
    if (key.empty()) {
      return Error(Code::kInvalid,
                   "the secret of `sign` is no secret of Standard Webhooks: `whsec_` and base64");
    }
    signature = to_base64(standard_webhooks_mac(key, id, timestamp, request.body));
  }
  request.headers.set("webhook-timestamp", timestamp);
  request.headers.set("webhook-signature", "v1," + signature);
  return ok();
}

// The secret is the key and signs a text with itself in it; both go into the query.
void sign_dingtalk(HttpRequest& request, const std::optional<std::string>& secret, Instant now) {
  const std::string timestamp = milliseconds_of(now);
  const std::string signature =
      secret ? percent_encode(to_base64(hmac(Algorithm::kSha256, *secret, timestamp + "\n" + *secret)))
             : std::string(kNoSignature);
  request.target += request.target.find('?') == std::string::npos ? '?' : '&';
  request.target += "timestamp=" + timestamp + "&sign=" + signature;
}

// The text is the key, and signs nothing; both go into the body.
Status sign_feishu(HttpRequest& request, const std::optional<std::string>& secret, Instant now) {
  Result<json::value> body = parse_json(request.body);
  if (!body || !body->is_object())
    return Error(Code::kInvalid, "Feishu's signature goes into the body, which is no JSON object");
  const std::string timestamp = seconds_of(now);
  json::object& members = body->get_object();
  members["timestamp"] = timestamp;
  members["sign"] = secret ? to_base64(hmac(Algorithm::kSha256, timestamp + "\n" + *secret, ""))
                           : std::string(kNoSignature);
  request.body = to_text(*body);
  return ok();
}

}  // namespace

std::optional<Signing> read_signing(const lang::Node& node, lang::Problems& problems) {
  const std::size_t before = problems.size();
  Signing signing;
  if (node.is_scalar()) {
    const auto known = std::find(kSchemes.begin(), kSchemes.end(), node.scalar);
    if (known == kSchemes.end()) {
      const std::string near = nearest(node.scalar, kSchemes);
      problem(problems, node.place,
              "unknown signature `" + node.scalar + "`; " +
                  (near.empty() ? "valid: " + join(kSchemes, ", ") + ", or {hmac: {header: NAME, …}}"
                                : "did you mean `" + near + "`?"));
      return std::nullopt;
    }
    signing.header = kGithubSignatureHeader;
    signing.prefix = kGithubSignaturePrefix;
    signing.scheme = static_cast<Signing::Scheme>(known - kSchemes.begin() + 1);
    return signing;
  }
  const lang::Node* hmac = node.is_map() ? node.find("hmac") : nullptr;
  if (hmac == nullptr || !hmac->is_map() || node.members.size() != 1) {
    problem(problems, node.place,
            "`sign` is one of " + join(kSchemes, ", ") + ", or {hmac: {header: NAME, …}}");
    return std::nullopt;
  }
  signing = read_hmac(*hmac, problems);
  if (problems.size() > before) return std::nullopt;
  return signing;
}

Result<HttpRequest> sign(HttpRequest request, const Signing& signing,
                         const std::optional<std::string>& secret, Instant now) {
  switch (signing.scheme) {
    case Signing::Scheme::kStandardWebhooks:
      TRY_DONE(sign_standard(request, secret, now));
      break;
    case Signing::Scheme::kDingTalk:
      sign_dingtalk(request, secret, now);
      break;
    case Signing::Scheme::kFeishu:
      TRY_DONE(sign_feishu(request, secret, now));
      break;
    case Signing::Scheme::kHmac:
      TRY_DONE(sign_hmac(request, signing, secret, now));
      break;
  }
  return request;
}

}  // namespace postlude::connector
