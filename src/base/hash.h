#pragma once
// Hash: digests, signatures and encodings of bytes. OpenSSL stays in hash.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postlude {

enum class Algorithm : std::uint8_t { kSha1 = 1, kSha224, kSha256, kSha384, kSha512 };
std::optional<Algorithm> algorithm_named(std::string_view name);  // "sha256"; nullopt: unknown

std::string digest(Algorithm algorithm, std::string_view bytes);  // raw bytes
std::string hmac(Algorithm algorithm, std::string_view key, std::string_view bytes);
inline std::string sha256(std::string_view bytes) {
  return digest(Algorithm::kSha256, bytes);
}

// Takes a time that depends on the length of `expected` only. An empty `expected` equals nothing.
bool equal_in_constant_time(std::string_view expected, std::string_view given);

std::string to_hex(std::string_view bytes);  // lower case
std::optional<std::string> from_hex(std::string_view text);
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);  // standard alphabet, padding optional

// Random bytes from the operating system, which nobody can guess.
std::string random_bytes(std::size_t count);
std::uint64_t random_number();

}  // namespace postlude
