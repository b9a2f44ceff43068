#pragma once
// Signed: how signatures of HTTP messages are written, for those that we check and those that we make.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postlude {

enum class SignatureEncoding : std::uint8_t { kHex = 1, kBase64 };
std::string encode_signature(std::string_view bytes, SignatureEncoding encoding);
std::optional<std::string> decode_signature(std::string_view text, SignatureEncoding encoding);

// GitHub's: a header with the HMAC-SHA256 of the body in hexadecimal.
constexpr std::string_view kGithubSignatureHeader = "X-Hub-Signature-256";
constexpr std::string_view kGithubSignaturePrefix = "sha256=";

// Standard Webhooks. A secret is `whsec_` and the base64 of the key; the prefix may be missing. "": it is no
// such secret.
std::string standard_webhooks_key(std::string_view secret);
// The raw HMAC of a message; `timestamp` in seconds, as it is sent.
std::string standard_webhooks_mac(std::string_view key, std::string_view id, std::string_view timestamp,
                                  std::string_view body);

}  // namespace postlude
