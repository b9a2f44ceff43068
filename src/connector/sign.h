#pragma once
// Signing: how a system wants its requests signed, with the secret in its target's `auth: {sign: S}`.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/signed.h"
#include "base/time.h"
#include "lang/node.h"
#include "model/http.h"

namespace postlude::connector {

struct Signing {
  enum class Scheme : std::uint8_t { kStandardWebhooks = 1, kDingTalk, kFeishu, kHmac };
  Scheme scheme = Scheme::kHmac;
  // For kHmac; `content` and `prefix` may hold {timestamp}, `content` also {body}, {method} and {path}.
  std::string header;
  Algorithm algorithm = Algorithm::kSha256;
  SignatureEncoding encoding = SignatureEncoding::kHex;
  std::string prefix;
  std::string content = "{body}";
  std::string timestamp_header;  // "": the timestamp is in no header of its own
  bool milliseconds = false;     // the timestamp's unit, else seconds

  // A target without the secret is wrong. Chat robots that check signatures may check something else instead.
  bool needs_secret() const { return scheme == Scheme::kStandardWebhooks || scheme == Scheme::kHmac; }
};

// The headers that carry the id, the time and the signature of Standard Webhooks.
constexpr std::string_view kWebhookId = "webhook-id";

// Reads `sign`: the name of a scheme, or {hmac: {header, …}}. nullopt: `problems` has the reason.
std::optional<Signing> read_signing(const lang::Node& node, lang::Problems& problems);

// Signs a request that has all its other credentials, as of `now` by the wall clock. Without a secret it only
// goes through the motions: *** stands in place of the signature. kInvalid: it cannot be signed.
Result<HttpRequest> sign(HttpRequest request, const Signing& signing,
                         const std::optional<std::string>& secret, Instant now);

}  // namespace postlude::connector
