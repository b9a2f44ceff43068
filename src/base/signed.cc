#include "base/signed.h"

#include "base/hash.h"

namespace postlude {

std::string encode_signature(std::string_view bytes, SignatureEncoding encoding) {
  return encoding == SignatureEncoding::kHex ? to_hex(bytes) : to_base64(bytes);
}

std::optional<std::string> decode_signature(std::string_view text, SignatureEncoding encoding) {
  return encoding == SignatureEncoding::kHex ? from_hex(text) : from_base64(text);
}

std::string standard_webhooks_key(std::string_view secret) {
  if (secret.starts_with("whsec_")) secret.remove_prefix(6);
  return from_base64(secret).value_or("");
}

std::string standard_webhooks_mac(std::string_view key, std::string_view id, std::string_view timestamp,
                                  std::string_view body) {
  std::string content;
  content.append(id).append(".").append(timestamp).append(".").append(body);
  return hmac(Algorithm::kSha256, key, content);
}

}  // namespace postlude
